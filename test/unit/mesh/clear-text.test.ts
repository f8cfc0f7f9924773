import assert from "node:assert/strict";
import {
  type CertificateInput,
  type GatewayInput,
  clearText,
  isTaken,
  namedSecrets,
  secretPlace,
} from "../../../mesh/clear-text";
import type { MeshObject } from "../../../mesh/object";

type Route = Record<string, unknown>;

const services = [{ name: "web", port: 80 }];
const route = (prefix: string | undefined, more: Route = {}): Route => ({
  ...(prefix === undefined ? {} : { conditions: [{ prefix }] }),
  services,
  ...more,
});
const open = { permitInsecure: true };
const tls = { secretName: "tls" };

function object(name: string, spec: object, annotations: Record<string, string> = {}, namespace = "shop"): MeshObject {
  return { metadata: { name, namespace, annotations }, spec };
}
const host = (fqdn: string, virtualhost: object, routes?: Route[], more: object = {}, name = fqdn) =>
  object(name, { virtualhost: { fqdn, ...virtualhost }, ...(routes === undefined ? {} : { routes }), ...more });
const serviceRoute = (fqdn: string, added: Route, name = "more") => object(name, { fqdn, route: added }, {}, "other");
const backend = { service: { name: "web", port: { number: 80 } } };
const ingress = (
  hostName: string | undefined,
  path: string | undefined,
  annotations: Record<string, string> = {},
  more: object = {},
) => {
  const paths = [{ ...(path === undefined ? {} : { path }), backend }];
  const rule = { ...(hostName === undefined ? {} : { host: hostName }), http: { paths } };
  return object("i", { ingressClassName: "nginx", rules: [rule], ...more }, annotations, "tools");
};

function ways(input: Partial<GatewayInput>): string[] {
  const found = clearText({ gatewayHosts: [], serviceRoutes: [], ingresses: [], ...input });
  return found.ways.map(
    (way) => `${way.host}${way.prefix} ${way.cause} ${way.source.kind}/${way.source.metadata.name}`,
  );
}

/* enroute-dp/internal/dag/builder.go of saarasio/enroute, unless another file is named. */
describe("what EnRoute serves in clear text", () => {
  const rows: [rule: string, input: Partial<GatewayInput>, ways: string[]][] = [
    // computeGatewayHosts
    ["a host with its Secret redirects", { gatewayHosts: [host("a.io", { tls }, [route("/")])] }, []],
    [
      "a host without tls does not",
      { gatewayHosts: [host("a.io", {}, [route("/")])] },
      ["a.io/ no-tls GatewayHost/a.io"],
    ],
    [
      "nor one that names no Secret",
      { gatewayHosts: [host("a.io", { tls: { secretName: " " } }, [route("/x")])] },
      ["a.io/x no-tls GatewayHost/a.io"],
    ],
    [
      "passthrough is for a tcpproxy alone",
      { gatewayHosts: [host("a.io", { tls: { passthrough: true } }, [route("/")])] },
      ["a.io/ no-tls GatewayHost/a.io"],
    ],
    [
      "with a tcpproxy and TLS, port 80 is not served",
      {
        gatewayHosts: [
          host("a.io", { tls: { passthrough: true } }, [route("/")], { tcpproxy: { services } }),
          host("b.io", { tls }, [route("/", open)], { tcpproxy: { services } }),
        ],
      },
      [],
    ],
    [
      "without TLS a tcpproxy leaves it to the routes",
      {
        gatewayHosts: [
          host("a.io", {}, [route("/")], { tcpproxy: { services } }),
          host("b.io", {}, undefined, { tcpproxy: { services } }),
        ],
      },
      ["a.io/ no-tls GatewayHost/a.io"],
    ],
    ["a host without routes is not served", { gatewayHosts: [host("a.io", {}), host("b.io", {}, [])] }, []],
    [
      "nor one without a name",
      { gatewayHosts: [host(" ", {}, [route("/")]), object("x", { routes: [route("/")] })] },
      [],
    ],
    [
      "a wildcard is served without tls, and refused with it",
      { gatewayHosts: [host("*.a.io", {}, [route("/")]), host("*", { tls }, [route("/", open)])] },
      ["*.a.io/ no-tls GatewayHost/*.a.io"],
    ],
    [
      "of a name that two claim, neither is served (validGatewayHosts)",
      { gatewayHosts: [host("a.io", {}, [route("/")]), host("a.io", {}, [route("/")], {}, "again")] },
      [],
    ],
    [
      "names are compared exactly",
      { gatewayHosts: [host("a.io", {}, [route("/")]), host("A.io", { tls }, [route("/")])] },
      ["a.io/ no-tls GatewayHost/a.io"],
    ],
    // processRoutes, processOneRoute
    [
      "permitInsecure opens a route (routeEnforceTLS)",
      {
        gatewayHosts: [
          host("a.io", { tls }, [route("/"), route("/old", open), route("/no", { permitInsecure: false })]),
        ],
      },
      ["a.io/old permit-insecure GatewayHost/a.io"],
    ],
    [
      "of two routes with one prefix the last counts (addRoute, dag.go)",
      {
        gatewayHosts: [
          host("a.io", { tls }, [route("/", open), route("/")]),
          host("b.io", { tls }, [route("/x"), route("/x", open)]),
        ],
      },
      ["b.io/x permit-insecure GatewayHost/b.io"],
    ],
    [
      "slashes in a row are one (mergePathConditions, conditions.go)",
      { gatewayHosts: [host("a.io", { tls }, [route("/x//y", open), route("/x/y")])] },
      [],
    ],
    [
      "headers make another route",
      {
        gatewayHosts: [
          host("a.io", { tls }, [
            { conditions: [{ prefix: "/" }, { header: { name: "x", present: true } }], services, ...open },
            route("/"),
          ]),
        ],
      },
      ["a.io/ permit-insecure GatewayHost/a.io"],
    ],
    ["no prefix is /", { gatewayHosts: [host("a.io", {}, [route(undefined)])] }, ["a.io/ no-tls GatewayHost/a.io"]],
    [
      "a wrong route ends the list (pathConditionsValid)",
      {
        gatewayHosts: [
          host("a.io", {}, [route("/x"), route("y"), route("/z")]),
          host("b.io", {}, [{ conditions: [{ prefix: "/a" }, { prefix: "/b" }], services }, route("/z")]),
          host("c.io", {}, [route("/x", { delegate: { name: "d" } }), route("/z")]),
        ],
      },
      ["a.io/x no-tls GatewayHost/a.io"],
    ],
    [
      "a route without a Service opens nothing",
      { gatewayHosts: [host("a.io", {}, [{ conditions: [{ prefix: "/" }] }])] },
      [],
    ],
    [
      "what a route delegates to is of the host",
      {
        gatewayHosts: [
          host("a.io", { tls }, [route("/"), { delegate: { name: "child" } }]),
          object("child", { routes: [route("/child", open)] }),
          object("orphan", { routes: [route("/orphan", open)] }),
        ],
      },
      ["a.io/child permit-insecure GatewayHost/child"],
    ],
    [
      "also in another namespace, and not in a circle",
      {
        gatewayHosts: [
          host("a.io", { tls }, [{ delegate: { name: "child", namespace: "far" } }]),
          object(
            "child",
            { routes: [{ delegate: { name: "a.io", namespace: "shop" } }, route("/late", open)] },
            {},
            "far",
          ),
        ],
      },
      [],
    ],
    // processServiceRoute
    [
      "a ServiceRoute adds to its host, from any namespace",
      {
        gatewayHosts: [host("a.io", { tls }, [route("/")])],
        serviceRoutes: [serviceRoute("a.io", route("/more", open))],
      },
      ["a.io/more permit-insecure ServiceRoute/more"],
    ],
    [
      "and is as plain as its host",
      { gatewayHosts: [host("a.io", {}, [route("/")])], serviceRoutes: [serviceRoute("a.io", route("/more"))] },
      ["a.io/ no-tls GatewayHost/a.io", "a.io/more no-tls ServiceRoute/more"],
    ],
    [
      "it wins over the host's own route",
      {
        gatewayHosts: [host("a.io", { tls }, [route("/"), route("/x", open)])],
        serviceRoutes: [serviceRoute("a.io", route("/", open)), serviceRoute("a.io", route("/x"), "closed")],
      },
      ["a.io/ permit-insecure ServiceRoute/more"],
    ],
    [
      "without a host, or one with routes, it is not served",
      {
        gatewayHosts: [host("a.io", { tls })],
        serviceRoutes: [serviceRoute("a.io", route("/", open)), serviceRoute("b.io", route("/", open))],
      },
      [],
    ],
    // computeIngresses
    [
      "an Ingress is served, whatever its ingressClassName",
      { ingresses: [ingress("i.io", "/x")] },
      ["i.io/x ingress Ingress/i"],
    ],
    ["without a path it is /", { ingresses: [ingress("i.io", undefined)] }, ["i.io/ ingress Ingress/i"]],
    ["without a host it is for every name", { ingresses: [ingress(undefined, "/")] }, ["*/ ingress Ingress/i"]],
    ["with a wildcard it is left out", { ingresses: [ingress("*.i.io", "/")] }, []],
    [
      "its default backend is for every name (rulesFromSpec)",
      { ingresses: [object("i", { defaultBackend: backend })] },
      ["*/ ingress Ingress/i"],
    ],
    ["a backend that is no Service is none", { ingresses: [object("i", { defaultBackend: { resource: {} } })] }, []],
    [
      "TLS does not take it from port 80",
      { ingresses: [ingress("i.io", "/", {}, { tls: [{ hosts: ["i.io"], secretName: "tls" }] })] },
      ["i.io/ ingress Ingress/i"],
    ],
    [
      "force-ssl-redirect does (tlsRequired, annotations.go)",
      { ingresses: [ingress("i.io", "/", { "ingress.kubernetes.io/force-ssl-redirect": "true" })] },
      [],
    ],
    [
      "and allow-http (httpAllowed)",
      { ingresses: [ingress("i.io", "/", { "kubernetes.io/ingress.allow-http": "false" })] },
      [],
    ],
    [
      "that is not false",
      { ingresses: [ingress("i.io", "/", { "kubernetes.io/ingress.allow-http": "no" })] },
      ["i.io/ ingress Ingress/i"],
    ],
    [
      "it opens further paths of a host that redirects",
      { gatewayHosts: [host("a.io", { tls }, [route("/")])], ingresses: [ingress("a.io", "/admin")] },
      ["a.io/admin ingress Ingress/i"],
    ],
    [
      "a GatewayHost wins over it for the same path",
      { gatewayHosts: [host("a.io", { tls }, [route("/")])], ingresses: [ingress("a.io", "/")] },
      [],
    ],
    [
      "a pattern is another route than the prefix (route)",
      { gatewayHosts: [host("a.io", { tls }, [route("/")])], ingresses: [ingress("a.io", "/.*")] },
      ["a.io/.* ingress Ingress/i"],
    ],
    // validIngressClass, k8s.go
    [
      "one that names another class by annotation is left out",
      { ingresses: [ingress("i.io", "/", { "kubernetes.io/ingress.class": "nginx" })] },
      [],
    ],
    [
      "also a GatewayHost",
      {
        gatewayHosts: [
          {
            ...host("a.io", {}, [route("/")]),
            metadata: { name: "a", annotations: { "enroute.saaras.io/ingress.class": "x" } },
          },
        ],
      },
      [],
    ],
  ];
  for (const [rule, input, expected] of rows) it(rule, () => assert.deepEqual(ways(input), expected));

  it("takes what names its class, or none (getIngressClassAnnotation, k8s.go)", () => {
    const taken = (annotations: Record<string, string>) => isTaken(object("x", {}, annotations));
    const [own, common] = ["enroute.saaras.io/ingress.class", "kubernetes.io/ingress.class"];
    assert.deepEqual(
      [{}, { [own]: "enroute" }, { [common]: "enroute" }, { [own]: "enroute", [common]: "nginx" }].map(taken),
      [true, true, true, true],
    );
    assert.deepEqual([{ [own]: "nginx", [common]: "enroute" }, { [common]: "" }].map(taken), [false, false]);
    assert.equal(isTaken({ metadata: { name: "x" } }), true);
  });

  it("tells the reason that an object carries for a path", () => {
    const annotations = { "enroute-istio/insecure-routes": '{"/old":"old clients","/x":" "}' };
    const spec = { virtualhost: { fqdn: "a.io", tls }, routes: [route("/old", open), route("/x", open)] };
    const found = clearText({ gatewayHosts: [object("a", spec, annotations)], serviceRoutes: [], ingresses: [] });
    assert.deepEqual(
      found.ways.map(({ prefix, reason }) => [prefix, reason]),
      [
        ["/old", "old clients"],
        ["/x", undefined],
      ],
    );
  });
});

describe("the certificate of a host", () => {
  const there =
    (...names: string[]) =>
    ({ namespace, name }: { namespace: string; name: string }) =>
      names.includes(`${namespace}/${name}`);
  const delegation = (secretName: string, targetNamespaces: string[], namespace = "certs") =>
    object("d", { delegations: [{ secretName, targetNamespaces }] }, {}, namespace);
  const causes = (secretName: string, certificates: CertificateInput) => {
    const gatewayHosts = [host("a.io", { tls: { secretName } }, [route("/")])];
    const { ways: found, undecided } = clearText({ gatewayHosts, serviceRoutes: [], ingresses: [], certificates });
    return [...found.map(({ cause }) => cause), ...undecided.map(() => "undecided")].join() || "redirected";
  };

  const rows: [what: string, secretName: string, certificates: CertificateInput, outcome: string][] = [
    ["is in its Secret", "tls", { delegations: [], isKeyPair: there("shop/tls") }, "redirected"],
    ["is missing where the Secret is (validSecret)", "tls", { delegations: [], isKeyPair: there() }, "no-certificate"],
    ["is not known where that cannot be read", "tls", { delegations: [], isKeyPair: () => undefined }, "undecided"],
    [
      "may be in another namespace (splitSecret)",
      "certs/tls",
      { delegations: [delegation("tls", ["shop"])], isKeyPair: there("certs/tls") },
      "redirected",
    ],
    [
      "for every namespace (delegationPermitted)",
      "certs/tls",
      { delegations: [delegation("tls", ["*"])], isKeyPair: there("certs/tls") },
      "redirected",
    ],
    [
      "where * stands alone",
      "certs/tls",
      { delegations: [delegation("tls", ["*", "x"])], isKeyPair: there("certs/tls") },
      "no-certificate",
    ],
    [
      "is not had without a delegation",
      "certs/tls",
      { delegations: [], isKeyPair: there("certs/tls") },
      "no-certificate",
    ],
    [
      "nor by one of another Secret",
      "certs/tls",
      { delegations: [delegation("x", ["shop"])], isKeyPair: there("certs/tls") },
      "no-certificate",
    ],
    [
      "nor by one of another namespace",
      "certs/tls",
      { delegations: [delegation("tls", ["shop"], "shop")], isKeyPair: there("certs/tls") },
      "no-certificate",
    ],
  ];
  for (const [what, secretName, certificates, outcome] of rows)
    it(what, () => assert.equal(causes(secretName, certificates), outcome));

  it("is looked for in each Secret once", () => {
    const hosts = ["tls", "tls", "certs/tls", " ", undefined].map((secretName, index) =>
      host(`${index}.io`, secretName === undefined ? {} : { tls: { secretName } }),
    );
    assert.deepEqual(namedSecrets(hosts), [
      { namespace: "shop", name: "tls" },
      { namespace: "certs", name: "tls" },
    ]);
    assert.deepEqual(secretPlace("/tls", "shop"), { namespace: "shop", name: "tls" });
  });
});
