import assert from "node:assert/strict";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { EncryptedIngress, type EncryptedIngressArgs } from "../../../components/encrypted-ingress";
import { EnRouteGateway } from "../../../components/gateway/enroute-gateway";
import { IstioControlPlane } from "../../../components/istio/istio-control-plane";
import { readArguments } from "../../../components/arguments";
import { ArgumentsError } from "../../../components/refusal";
import { run, valueOf } from "../mocks";

type Tree = Record<string, unknown>;

const minimal = (): Tree => ({
  istio: { version: "1.31.0" },
  gateway: { version: "0.8.7", images: { redis: { tag: "7.4.1" } } },
  namespaces: [{ name: "shop" }],
  hosts: [{ host: "shop.example.com", namespace: "shop", routes: [{ service: "storefront", port: 80 }] }],
  certificate: { issuer: "generated" },
});
const section = (key: string, more: Tree): Tree => ({ ...minimal(), [key]: { ...(minimal()[key] as Tree), ...more } });
const host = (more: Tree): Tree => ({ ...minimal(), hosts: [{ ...(minimal()["hosts"] as Tree[])[0], ...more }] });
const routes = (service: unknown) => [{ service, port: 80 }];
const unknown = () => pulumi.output(pulumi.unknown) as unknown as pulumi.Output<string>;

function make(args: Tree, { preview = false } = {}) {
  const program = () => {
    const provider = new k8s.Provider("cluster", { kubeconfig: "cluster" });
    return new EncryptedIngress("shop", args as unknown as EncryptedIngressArgs, { provider });
  };
  return run(program, { preview });
}

/** The error of arguments, as the keys of its problems. */
async function problemsOf(made: Promise<unknown>): Promise<ArgumentsError> {
  const error: unknown = await made.then(
    () => assert.fail("it was taken"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ArgumentsError, String((error as Error).stack ?? error));
  return error;
}
const keysOf = async (made: Promise<unknown>) => (await problemsOf(made)).problems.map(({ key }) => key);

describe("arguments of components", () => {
  describe("are judged as far as they are known in a preview, whatever Outputs stand beside them:", () => {
    const again = (minimal()["hosts"] as Tree[])[0];
    const table: [what: string, args: () => Tree, keys: string[]][] = [
      ["a host's namespace", () => host({ namespace: "nope", routes: routes(unknown()) }), ["hosts[0].namespace"]],
      [
        "a host that is there twice",
        () => ({ ...minimal(), hosts: [{ ...again, routes: routes(unknown()) }, again] }),
        ["hosts[1].host"],
      ],
      [
        "numbers that do not go together",
        () =>
          section("gateway", { replicas: 3, autoscaling: { maxReplicas: 2 }, serviceAnnotations: { a: unknown() } }),
        ["gateway.autoscaling.maxReplicas"],
      ],
      [
        "a signer that is none of the roots",
        () =>
          section("istio", { ca: { issuer: "generated", roots: ["a"], signer: "zzz", rootCertificates: unknown() } }),
        ["istio.ca.signer"],
      ],
      [
        "the mesh's configuration",
        () =>
          section("istio", {
            meshConfig: { enableAutoMtls: false },
            values: { pilot: { env: { REGION: unknown() } } },
          }),
        ["istio.meshConfig.enableAutoMtls"],
      ],
      [
        "several at once",
        () => ({
          ...section("gateway", { replicas: 3, autoscaling: { maxReplicas: 2 }, serviceAnnotations: { a: unknown() } }),
          hosts: (host({ namespace: "nope", routes: routes(unknown()) }) as { hosts: Tree[] }).hosts,
        }),
        ["hosts[0].namespace", "gateway.autoscaling.maxReplicas"],
      ],
    ];
    for (const [what, args, keys] of table)
      it(what, async () => assert.deepEqual(await keysOf(make(args(), { preview: true })), keys));

    it("and taken where nothing is wrong", async () => {
      const annotations = { serviceAnnotations: { a: unknown() }, timeoutSeconds: unknown() };
      const values = { values: { pilot: { env: { REGION: unknown() } } } };
      const gateway = section("gateway", annotations)["gateway"];
      await make(
        { ...section("istio", values), gateway, hosts: host({ routes: routes(unknown()) })["hosts"] },
        { preview: true },
      );
    });
  });

  describe("take an Output as a leaf of Helm values, and not in the place of what a component sets:", () => {
    const output = <Value>(value: Value) => pulumi.output(value) as unknown;
    const table: [what: string, args: () => Tree, key: string][] = [
      ["all values", () => section("istio", { values: output({ pilot: { env: { A: "b" } } }) }), "istio.values"],
      ["all of the mesh's configuration", () => section("istio", { meshConfig: output({}) }), "istio.meshConfig"],
      [
        "all annotations of the Service",
        () => section("gateway", { serviceAnnotations: output({}) }),
        "gateway.serviceAnnotations",
      ],
      [
        "a branch that holds what is owned",
        () => section("istio", { values: { global: output({ hub: "x" }) } }),
        "istio.values.global",
      ],
      [
        "the branch of what istiod's pods are annotated with",
        () => section("gateway", { values: { podAnnotations: output({ a: "b" }) } }),
        "gateway.values.podAnnotations",
      ],
      [
        "a value that another argument decides",
        () => section("gateway", { values: { replicaCount: output(2) } }),
        "gateway.values.replicaCount",
      ],
      ["a promise of all", () => section("istio", { values: Promise.resolve({}) }), "istio.values"],
    ];
    for (const [what, args, key] of table)
      it(`not ${what}`, async () => {
        const { problems, message } = await problemsOf(make(args()));
        assert.ok(
          problems.some((one) => one.key === key),
          message,
        );
      });

    it("as a leaf it is merged with what the component makes", async () => {
      const { find } = await make(section("istio", { values: { pilot: { env: { REGION: output("eu") } } } }));
      const values = find("Release", "shop-istio-istiod").inputs["values"] as {
        global: Tree;
        env?: Tree;
        pilot?: Tree;
      };
      assert.equal(values.global["istioNamespace"], "istio-system");
      assert.match(JSON.stringify(values), /"REGION":"eu"/);
    });
  });

  it("take a promise where they take an Output", async () => {
    const { resources } = await make(
      host({ routes: [{ service: Promise.resolve("web"), port: Promise.resolve(8080) }] }),
    );
    const made = resources.find(({ type }) => type.endsWith(":GatewayHost") && type.startsWith("kubernetes:"))!;
    const { spec } = made.inputs as { spec: { routes: { services: unknown }[] } };
    assert.deepEqual(spec.routes[0]!.services, [{ name: "web", port: 8080 }]);
  });

  describe("that no settings can hold are listed like any others:", () => {
    const circle: Tree = {};
    circle["again"] = circle;
    const table: [what: string, value: unknown, found: string][] = [
      ["a function", () => 1, "a function"],
      ["a symbol", Symbol("s"), "a symbol"],
      ["a bigint", 7n, "a bigint"],
      ["not a number", Number.NaN, "NaN"],
      ["infinity", Number.POSITIVE_INFINITY, "Infinity"],
      ["a date", new Date(0), "an object of class Date"],
      ["a map", new Map(), "an object of class Map"],
      ["an asset", new pulumi.asset.StringAsset("x"), "an object of class StringAsset"],
      ["a value that contains itself", circle, "a value that contains itself"],
    ];
    for (const [what, value, found] of table)
      it(what, async () => {
        for (const [args, key] of [
          [section("istio", { values: { pilot: { odd: value } } }), "istio.values.pilot.odd"],
          [section("gateway", { replicas: value }), "gateway.replicas"],
          [host({ namespace: value }), "hosts[0].namespace"],
        ] as const) {
          const { problems } = await problemsOf(make(args));
          const at = problems.find((one) => one.key.startsWith(key));
          assert.equal(at?.found, found, `${key}: ${JSON.stringify(problems)}`);
        }
      });
  });

  describe("that are secret, or may be a misspelt secret, are never shown:", () => {
    const marker = "hunter2-marker";
    const table: [what: string, args: () => Tree][] = [
      ["a list", () => section("gateway", { chartRepositoryAuth: { username: "u", password: [marker] } })],
      ["an object", () => section("gateway", { chartRepositoryAuth: { username: "u", password: { a: marker } } })],
      ["a misspelt token", () => section("gateway", { chartRepositoryAuth: { tokne: marker } })],
      ["a word that is like none", () => section("gateway", { chartRepositoryAuth: { geheim: marker } })],
      [
        "a misspelt password",
        () => ({
          ...minimal(),
          imagePullSecrets: [{ name: "a", registry: "r.example", username: "u", pasword: marker }],
        }),
      ],
      [
        "a list for a password",
        () => ({
          ...minimal(),
          imagePullSecrets: [{ name: "a", registry: "r.example", username: "u", password: [marker] }],
        }),
      ],
      ["an annotation", () => section("gateway", { serviceAnnotations: { a: [marker] } })],
      [
        "a private key",
        () => ({ ...minimal(), certificate: { issuer: "provided", privatKey: marker, certificateChain: marker } }),
      ],
    ];
    for (const [what, args] of table)
      it(what, async () => {
        const { message, errors } = await problemsOf(make(args()));
        assert.ok(!`${message}${JSON.stringify(errors)}`.includes(marker), message);
      });
  });

  it("of a component by itself are listed together, by their own names, before anything is made", async () => {
    const provider = () => new k8s.Provider("cluster", { kubeconfig: "cluster" });
    const gateway = run(() => {
      const args = {
        namespace: "edge",
        version: "0.8.7",
        chartRepository: "https://charts.example",
        images: { redis: { tag: "7.4.1" } },
      };
      const values = { replicaCount: 7, istio: { enable: false } };
      new EnRouteGateway("edge", { ...args, values }, { provider: provider() });
    });
    const { problems, message } = await problemsOf(gateway);
    assert.deepEqual(problems.map(({ key }) => key).sort(), ["values.istio.enable", "values.replicaCount"]);
    assert.match(message, /1, as replicas decides/);
    const mesh = run(() => {
      const values = { global: { istioNamespace: "x" }, pilot: { meshConfig: { trustDomain: "x.y" } } };
      const args = { namespace: "istio-system", version: "1.31.0", chartRepository: "https://charts.example" };
      new IstioControlPlane("mesh", { ...args, values }, { provider: provider() });
    });
    assert.ok((await keysOf(mesh)).length >= 2);
  });

  it("that turn out wrong later are told as that, once, of the component, without a stack", async () => {
    let error: unknown;
    await run(async () => {
      const provider = new k8s.Provider("cluster", { kubeconfig: "cluster" });
      const component = new pulumi.ComponentResource("example:index:Probe", "probe", {}, { provider });
      const login = { name: "login", registry: "registry.example.com", username: "robot", namespaces: ["a"] };
      const password = pulumi.output(7) as unknown as pulumi.Output<string>;
      const called = { type: "ImagePullSecret", name: "login" } as const;
      const { args } = readArguments(component, called, { ...login, password });
      error = await valueOf(args.password).catch((one: unknown) => one);
    });
    assert.ok(error instanceof ArgumentsError);
    assert.match(
      error.message,
      /^1 argument of ImagePullSecret login is wrong, as is known only now: what waits for it is not made\./,
    );
    assert.equal(error.stack, undefined);
    assert.deepEqual(Object.keys(error).includes("resource"), false);
    error.message = "of a property";
    assert.match(error.message, /^1 argument/);
  });
});
