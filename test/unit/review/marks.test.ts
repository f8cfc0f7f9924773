import assert from "node:assert/strict";
import type { OwnedObject } from "../../../review/objects";
import { unavailable } from "../../../review/kubernetes";
import { marks, own, rendered } from "./sides";

/** Marks of one object that changes from one spec to another. */
function specMarks(head: string, before: string, after: string): string[] {
  return marks([own(`{${head}, spec: ${before}}`)], [own(`{${head}, spec: ${after}}`)]);
}

const policy = (namespace: string, spec: string) =>
  own(
    `{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: default, namespace: ${namespace}}, spec: ${spec}}`,
  );
const strict = "{mtls: {mode: STRICT}}";
const permissive = "{mtls: {mode: PERMISSIVE}}";

describe("marks of the leg gateway → workload", () => {
  const cases: [string, OwnedObject[], OwnedObject[], string[]][] = [
    [
      "a policy that becomes laxer",
      [policy("shop", strict)],
      [policy("shop", permissive)],
      ["weaker encryption: every workload of shop: STRICT → PERMISSIVE, plain text is taken as well"],
    ],
    [
      "a new policy that is lax",
      [],
      [policy("shop", permissive)],
      ["weaker encryption: every workload of shop: STRICT → PERMISSIVE, plain text is taken as well"],
    ],
    ["a new policy that is strict", [], [policy("shop", strict)], []],
    [
      "the mesh-wide policy going",
      [policy("istio-system", strict)],
      [],
      [
        "weaker encryption: the whole mesh: STRICT → PERMISSIVE, plain text is taken as well",
        "notice deletion: it is deleted",
      ],
    ],
    [
      "an exception that ends",
      [policy("shop", permissive)],
      [],
      ["notice encryption: every workload of shop: PERMISSIVE → STRICT, stronger", "notice deletion: it is deleted"],
    ],
    [
      "a port that becomes laxer",
      [policy("shop", "{mtls: {mode: STRICT}, selector: {matchLabels: {app: a}}}")],
      [
        policy(
          "shop",
          "{mtls: {mode: STRICT}, selector: {matchLabels: {app: a}}, portLevelMtls: {9102: {mode: DISABLE}}}",
        ),
      ],
      ["weaker encryption: workloads app=a of shop, port 9102: STRICT → DISABLE, only plain text is taken"],
    ],
    [
      "an exception for other workloads",
      [policy("shop", "{mtls: {mode: PERMISSIVE}, selector: {matchLabels: {app: a}}}")],
      [policy("shop", permissive)],
      ["weaker encryption: the exception now holds for every workload of shop"],
    ],
  ];
  for (const [what, before, after, expected] of cases)
    it(`say that ${what} ${expected.some((text) => text.startsWith("weaker")) ? "weakens it" : "does not"}`, () =>
      assert.deepEqual(marks(before, after), expected));

  it("know EnRoute's switch, injection, destination rules, and mesh settings", () => {
    const globals = (on: boolean) =>
      own(
        `{apiVersion: enroute.saaras.io/v1, kind: GlobalConfig, metadata: {name: mesh, namespace: e}, spec: {type: globalconfig_globals, config: '{"istio_enabled": ${on}}'}}`,
      );
    assert.match(marks([globals(true)], [globals(false)])[0]!, /^weaker encryption: EnRoute no longer uses/);
    assert.deepEqual(marks([globals(false)], [globals(true)]), []);
    const namespace = (label: string) =>
      own(`{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {${label}}}}`);
    assert.match(
      marks([namespace("istio-injection: enabled")], [namespace("")])[0]!,
      /^weaker encryption: new pods of shop/,
    );
    const rule = (mode: string) =>
      own(
        `{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: r, namespace: shop}, spec: {host: api, trafficPolicy: {tls: {mode: ${mode}}}}}`,
      );
    assert.match(
      marks([rule("ISTIO_MUTUAL")], [rule("DISABLE")])[0]!,
      /^weaker encryption: requests to api go without TLS/,
    );
    assert.match(marks([], [rule("SIMPLE")])[0]!, /without a certificate of the client/);
    assert.deepEqual(marks([rule("DISABLE")], [rule("ISTIO_MUTUAL")]), []);
    const mesh = (text: string) =>
      rendered(
        `{apiVersion: v1, kind: ConfigMap, metadata: {name: istio, namespace: istio-system}, data: {mesh: "${text}"}}`,
        "istiod",
      );
    assert.match(marks([mesh("trustDomain: a")], [mesh("trustDomain: a\\nenableAutoMtls: false")])[0]!, /^weaker/);
  });
});

describe("marks of who may call workloads", () => {
  const of = (spec: string, annotations = "{}") =>
    own(
      `{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p, namespace: shop, annotations: ${annotations}}, spec: ${spec}}`,
    );
  const only = (...principals: string[]) =>
    of(`{action: ALLOW, rules: [{from: [{source: {principals: [${principals.join(", ")}]}}]}]}`);
  const whoever = of("{rules: [{}]}");
  const deny = of("{action: DENY, rules: [{from: [{source: {namespaces: [dev]}}]}]}");
  const more = of("{action: DENY, rules: [{from: [{source: {namespaces: [dev, test]}}]}]}");
  const tried = of("{action: ALLOW, rules: [{}]}", "{istio.io/dry-run: 'true'}");
  const table: [what: string, before: (typeof whoever)[], after: (typeof whoever)[], expected: RegExp[]][] = [
    ["a first one", [], [only("a")], [/^outage outage: workloads of shop take requests from a, and from whom another/]],
    ["one that is gone", [only("a")], [], [/^danger exposure: workloads of shop take requests from everybody, unless/]],
    ["one more is let in", [only("a")], [only("a", "b")], [/^danger exposure: b may call workloads of shop/]],
    ["everybody is let in", [only("a")], [whoever], [/^danger exposure: everybody may call/]],
    [
      "one alone, where it was everybody",
      [whoever],
      [only("a")],
      [/^outage outage: workloads of shop refuse requests of everybody/],
    ],
    [
      "one is let in no longer",
      [only("a", "b")],
      [only("a")],
      [/^outage outage: workloads of shop refuse requests of b/],
    ],
    ["one that is only tried from now on", [only("a")], [tried], [/^danger exposure: .* from everybody/]],
    ["one that is only tried", [], [tried], []],
    ["one that refuses", [], [deny], [/^outage outage: the requests that workloads of shop refuse are more/]],
    ["one that refuses others", [deny], [more], [/^danger exposure: .* are others/]],
    ["one that refused", [deny], [], [/^danger exposure: what the policy refused is taken/]],
    ["no change", [only("a")], [only("a")], []],
  ];
  for (const [what, before, after, expected] of table)
    it(what, () => {
      const found = marks(before, after).filter((text) => !text.includes("deletion"));
      assert.equal(found.length, expected.length, found.join("\n"));
      expected.forEach((one, index) => assert.match(found[index]!, one));
    });
});

describe("marks of the leg client → gateway", () => {
  const host = (tls: string, route = "") =>
    own(
      `{apiVersion: enroute.saaras.io/v1, kind: GatewayHost, metadata: {name: h, namespace: n}, spec: {virtualhost: {fqdn: a.example, tls: ${tls}}, routes: [{conditions: [{prefix: /x}]${route}}]}}`,
    );
  const tls = "{secretName: s, minimumProtocolVersion: '1.3'}";

  it("know missing TLS, an older version, and routes in plain text", () => {
    assert.deepEqual(marks([host(tls)], [host("{}")]), ["weaker encryption: a.example is served without TLS"]);
    assert.deepEqual(marks([host(tls)], [host("{secretName: s, minimumProtocolVersion: '1.2'}")]), [
      "weaker encryption: a.example: oldest TLS version 1.3 → 1.2",
    ]);
    assert.match(marks([], [host("{secretName: s}")])[0]!, /oldest TLS version 1\.2 → 1\.1/);
    assert.deepEqual(marks([host(tls)], [host(tls, ", permitInsecure: true")]), [
      "weaker encryption: a.example/x is also served in plain text (permitInsecure)",
    ]);
  });

  it("tell a host that comes from one that goes", () => {
    assert.deepEqual(marks([], [host(tls)]), ["notice exposure: a.example is served from now on"]);
    assert.deepEqual(marks([host(tls)], [])[0], "outage outage: a.example is no longer served");
  });

  it("know a weaker key, and a CA that clients do not trust yet", () => {
    const key = (algorithm: string) =>
      own(`{apiVersion: tls, kind: PrivateKey, metadata: {name: serving-certificate-leaf}, ${algorithm}}`);
    assert.deepEqual(marks([key("algorithm: ECDSA, ecdsaCurve: P256")], [key("algorithm: RSA, rsaBits: 2048")]), [
      "weaker encryption: key serving-certificate-leaf: 128 → 112 bits of security",
    ]);
    const root = (validity: number) =>
      own(`{apiVersion: tls, kind: SelfSignedCert, metadata: {name: ca}, validityPeriodHours: ${validity}}`);
    assert.match(marks([root(1)], [root(2)])[0]!, /^danger certificate: CA ca is replaced/);
  });
});

describe("marks of rights", () => {
  const role = (rules: string) =>
    own(`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: r}, rules: ${rules}}`);
  const get = "{apiGroups: [''], resources: [pods], verbs: [get, list]}";

  it("name what may be done that could not be done before", () => {
    assert.deepEqual(
      marks([role(`[${get}]`)], [role(`[${get}, {apiGroups: [''], resources: [secrets], verbs: [get]}]`)]),
      ["danger rights: may also, in every namespace where it is bound: get secrets"],
    );
    assert.deepEqual(marks([role("[{apiGroups: [''], resources: ['*'], verbs: ['*']}]")], [role(`[${get}]`)]), []);
    assert.match(
      marks([role(`[${get}]`)], [role("[{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]")])[0]!,
      /\* everything of any group/,
    );
  });

  it("name who gets a role", () => {
    const binding = (subjects: string) =>
      own(
        `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: b}, roleRef: {kind: ClusterRole, name: admin}, subjects: ${subjects}}`,
      );
    assert.deepEqual(marks([binding("[]")], [binding("[{kind: ServiceAccount, namespace: n, name: a}]")]), [
      "danger rights: ServiceAccount n/a gets ClusterRole admin in the whole cluster",
    ]);
  });
});

describe("marks of what can be reached", () => {
  const service = "apiVersion: v1, kind: Service, metadata: {name: s, namespace: n}";

  it("know a Service that is exposed, or exposes one more port", () => {
    assert.match(
      specMarks(service, "{ports: [{port: 80}]}", "{type: NodePort, ports: [{port: 80}]}")[0]!,
      /^danger exposure: reachable from outside the cluster: type ClusterIP → NodePort/,
    );
    assert.deepEqual(
      specMarks(
        service,
        "{type: LoadBalancer, ports: [{name: a, port: 80}]}",
        "{type: LoadBalancer, ports: [{name: a, port: 80}, {name: b, port: 9001}]}",
      ),
      ["danger exposure: reachable from outside the cluster: port 9001/TCP"],
    );
    assert.deepEqual(
      specMarks(service, "{type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8]}", "{type: LoadBalancer}"),
      ["danger exposure: may be called from anywhere"],
    );
  });

  it("know a network policy that goes", () =>
    assert.match(
      marks([own("{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p}}")], [])[0]!,
      /^danger exposure/,
    ));
});

describe("marks of pods", () => {
  const head = "apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: n}";
  const pod = (container: string, more = "") => `{template: {spec: {containers: [{name: c, ${container}}]${more}}}}`;
  const of = (before: string, after: string) =>
    specMarks(head, before, after).filter((text) => !text.includes("restart:"));

  it("know other images, and those that float", () => {
    assert.deepEqual(of(pod("image: a/b:1"), pod("image: a/b:2")), ["notice image: container c: a/b:1 → a/b:2"]);
    assert.match(of(pod("image: a/b:1"), pod("image: a/b:latest"))[0]!, /^danger image: .*latest: other bits/);
    assert.match(of(pod("image: a/b:1"), pod("image: a/b"))[0]!, /without a tag/);
    assert.match(of(pod("image: a/b:1"), pod("image: x/b:1"))[0]!, /^danger image: .*from another place/);
    assert.deepEqual(of(pod("image: 'r:5000/b:1@sha256:00'"), pod("image: 'r:5000/b:1@sha256:11'")).length, 1);
  });

  it("know what isolates less than before", () => {
    const context = (text: string) => pod(`image: i:1, securityContext: {${text}}`);
    assert.deepEqual(of(context("readOnlyRootFilesystem: true"), context("readOnlyRootFilesystem: false")), [
      "danger security context: container c can write to its root file system",
    ]);
    assert.deepEqual(of(context(""), context("privileged: true, capabilities: {add: [NET_ADMIN]}")), [
      "danger security context: container c is privileged",
      "danger security context: container c has capability NET_ADMIN",
    ]);
    assert.deepEqual(of(pod("image: i:1"), pod("image: i:1", ", hostNetwork: true")), [
      "danger security context: shares the node's Network",
    ]);
    assert.deepEqual(of(context("privileged: true"), context("")), []);
  });
});

describe("marks of availability", () => {
  const head = (namespace: string) =>
    `apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: ${namespace}}`;
  const spec = (replicas: number, tag: string, more = "") =>
    `{replicas: ${replicas}${more}, template: {spec: {containers: [{name: c, image: "i:${tag}"}]}}}`;

  it("know fewer pods and a weaker budget", () => {
    assert.deepEqual(specMarks(head("n"), spec(3, "1"), spec(1, "1")), [
      "danger availability: 3 → 1 pods: none is left when that one fails",
    ]);
    const budget = "apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: p, namespace: n}";
    assert.match(specMarks(budget, "{minAvailable: 2}", "{minAvailable: 1}")[0]!, /^danger availability/);
    assert.match(marks([own(`{${budget}}`)], [])[0]!, /^danger availability/);
  });

  it("take the least of the autoscaler for the pods of a workload", () => {
    const scaler = (least: number) =>
      own(
        `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h, namespace: n}, spec: {minReplicas: ${least}, maxReplicas: 9, scaleTargetRef: {kind: Deployment, name: d}}}`,
      );
    const workload = (tag: string) =>
      own(`{${head("n")}, spec: {template: {spec: {containers: [{name: c, image: "i:${tag}"}]}}}}`);
    const found = marks([workload("1"), scaler(3)], [workload("2"), scaler(2)]);
    assert.ok(found.includes("danger availability: 3 → 2 pods"), found.join("\n"));
    assert.ok(
      found.some((text) => text.startsWith("notice restart: pods restart in turn, 2 of 2 keep serving")),
      found.join("\n"),
    );
  });

  it("tell a restart in turn from an outage", () => {
    assert.match(
      specMarks(head("n"), spec(3, "1"), spec(3, "2")).join("\n"),
      /notice restart: pods restart in turn, 3 of 3 keep serving$/,
    );
    assert.match(
      specMarks(head("enroute-system"), spec(1, "1"), spec(1, "2")).join("\n"),
      /notice restart: .*open connections of clients are cut$/,
    );
    const recreate = ", strategy: {type: Recreate}";
    assert.match(
      specMarks(head("enroute-system"), spec(2, "1", recreate), spec(2, "2", recreate)).join("\n"),
      /outage outage: all 2 pods restart at once: no host is served meanwhile/,
    );
  });

  it("count the pods that a rolling update takes down as Kubernetes does", () => {
    const counts = (kind: string, text: string, pods: number) =>
      unavailable(kind, JSON.parse(`{"spec":${text}}`) as Record<string, unknown>, pods);
    assert.equal(counts("Deployment", "{}", 1), 0);
    assert.equal(counts("Deployment", "{}", 8), 2);
    assert.equal(counts("Deployment", '{"strategy":{"rollingUpdate":{"maxUnavailable":1}}}', 1), 1);
    assert.equal(counts("Deployment", '{"strategy":{"rollingUpdate":{"maxUnavailable":0,"maxSurge":0}}}', 2), 1);
    assert.equal(counts("StatefulSet", "{}", 1), 1);
  });
});

describe("marks of kinds and webhooks", () => {
  const definition = (versions: string) =>
    rendered(
      `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: a.b}, spec: {versions: ${versions}}}`,
      "istio-base",
    );

  it("know a version that is dropped, added or stored", () => {
    const found = marks(
      [definition("[{name: v1beta1, served: true, storage: true}]")],
      [definition("[{name: v1beta1, served: false, storage: false}, {name: v1, served: true, storage: true}]")],
    );
    assert.deepEqual(found, [
      "danger CRD: a.b: version v1beta1 is no longer served; what still uses it fails",
      "danger CRD: a.b: objects are stored as v1, not v1beta1; there is no way back without converting them",
      "notice CRD: a.b: version v1 is served from now on",
    ]);
  });

  it("know that Helm does not upgrade what lies in crds/", () => {
    const [before, after] = ["1", "2"].map((text) => ({
      ...definition(`[{name: v1, served: true, storage: true, schema: {x: ${text}}}]`),
      installedOnce: true,
    }));
    assert.match(marks([before!], [after!])[0]!, /Helm never upgrades it/);
  });

  it("know every change of a webhook", () => {
    const hook = (text: string) =>
      rendered(
        `{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingWebhookConfiguration, metadata: {name: w}, webhooks: [{name: a, ${text}}]}`,
        "istiod",
      );
    assert.deepEqual(marks([hook("failurePolicy: Fail, rules: [1]")], [hook("failurePolicy: Ignore, rules: [2]")]), [
      "danger webhook: a: failurePolicy Fail → Ignore, rules changes",
    ]);
  });
});
