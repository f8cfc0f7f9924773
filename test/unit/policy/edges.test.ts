import assert from "node:assert/strict";
import { parse } from "yaml";
import { type PolicyObject, judge } from "../../../policy/rules";

/** `rule: object` of everything that is found; the texts are YAML. */
function found(environment: string, ...texts: string[]): string[] {
  const objects = texts.map((text) => parse(text) as PolicyObject);
  return judge(objects, { environment, now: new Date("2026-11-01") }).map(({ rule, object }) => `${rule}: ${object}`);
}

const release = (chart: string, namespace: string, values: string) =>
  `{apiVersion: helm.sh/v3, kind: Release, metadata: {name: ${chart}, namespace: ${namespace}}, chart: ${chart}, version: 1.2.3, protect: true, values: ${values}}`;
const tls = (kind: string, more: string) => `{apiVersion: tls, kind: ${kind}, metadata: {name: t}, ${more}}`;
const managed = (spec: string) =>
  `{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: c, namespace: n}, spec: {secretName: s, ${spec}}}`;

/* The last object that is let pass, and the first that is not. */
const cases: [what: string, objects: string[], expected: string[]][] = [
  ["RSA of 2048 bits", [tls("PrivateKey", "algorithm: RSA, rsaBits: 2048")], []],
  ["RSA as @pulumi/tls makes it", [tls("PrivateKey", "algorithm: RSA")], []],
  ["RSA of 2047 bits", [tls("PrivateKey", "algorithm: RSA, rsaBits: 2047")], ["key-strength: PrivateKey t"]],
  ["ECDSA on P256", [tls("PrivateKey", "algorithm: ECDSA, ecdsaCurve: P256")], []],
  ["ECDSA on P224", [tls("PrivateKey", "algorithm: ECDSA, ecdsaCurve: P224")], ["key-strength: PrivateKey t"]],
  ["Ed25519", [tls("PrivateKey", "algorithm: ED25519")], []],
  ["a kind that nobody knows", [tls("PrivateKey", "algorithm: DSA")], ["key-strength: PrivateKey t"]],
  ["a kind that the update will know", [tls("PrivateKey", "algorithm: (known after the update)")], []],
  ["a key that cert-manager chooses", [managed("privateKey: {}")], []],
  ["ECDSA that cert-manager chooses", [managed("privateKey: {algorithm: ECDSA}")], []],
  [
    "ECDSA of cert-manager on P224",
    [managed("privateKey: {algorithm: ECDSA, size: 224}")],
    ["key-strength: Certificate n/c"],
  ],
  ["RSA of cert-manager of 2048 bits", [managed("privateKey: {algorithm: RSA, size: 2048}")], []],
  ["a leaf of 398 days", [tls("LocallySignedCert", "validityPeriodHours: 9552")], []],
  [
    "a leaf of 398 days and an hour",
    [tls("LocallySignedCert", "validityPeriodHours: 9553")],
    ["certificate-life: LocallySignedCert t"],
  ],
  [
    "a leaf that signs itself",
    [tls("SelfSignedCert", "validityPeriodHours: 9553")],
    ["certificate-life: SelfSignedCert t"],
  ],
  ["a CA", [tls("SelfSignedCert", "validityPeriodHours: 87600, isCaCertificate: true")], []],
  [
    "a leaf whose life the update will know",
    [tls("LocallySignedCert", "validityPeriodHours: (known after the update)")],
    [],
  ],
  ["cert-manager's 398 days", [managed("duration: 9552h")], []],
  ["cert-manager's 398 days and a second", [managed("duration: 9552h1s")], ["certificate-life: Certificate n/c"]],
  ["cert-manager's own life", [managed("dnsNames: []")], []],
  ["cert-manager's CA", [managed("duration: 87600h, isCA: true")], []],
  [
    "an injector of a revision with an image that floats",
    [
      `{apiVersion: v1, kind: ConfigMap, metadata: {name: istio-sidecar-injector-1-31, namespace: n}, data: {values: '{"global":{"hub":"h","tag":"latest"}}'}}`,
    ],
    ["image-tags: ConfigMap n/istio-sidecar-injector-1-31"],
  ],
  ...["initContainers", "containers", "ephemeralContainers"].map((list): [string, string[], string[]] => [
    `an image that floats among ${list}`,
    [`{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: n}, spec: {${list}: [{name: c, image: a}]}}`],
    ["image-tags: Pod n/p"],
  ]),
  [
    "another ConfigMap with such a text",
    [
      `{apiVersion: v1, kind: ConfigMap, metadata: {name: my-istio-sidecar-injector, namespace: n}, data: {values: '{"global":{"hub":"h","tag":"latest"}}'}}`,
    ],
    [],
  ],
  [
    "a mesh without its policy",
    [release("istiod", "istio-system", "{}")],
    ["mtls-mesh-wide: Release istio-system/istiod"],
  ],
  [
    "a mesh that is there twice, as a release and as what it makes",
    [
      release("istiod", "istio-system", "{}"),
      "{apiVersion: apps/v1, kind: Deployment, metadata: {name: istiod, namespace: istio-system, labels: {app: istiod}}, spec: {}}",
    ],
    ["mtls-mesh-wide: Release istio-system/istiod"],
  ],
  [
    "a mesh as its charts make it",
    [
      "{apiVersion: apps/v1, kind: Deployment, metadata: {name: istiod, namespace: r, labels: {app: istiod}}, spec: {}}",
    ],
    ["mtls-mesh-wide: Deployment r/istiod"],
  ],
  [
    "another kind with istiod's label",
    ["{apiVersion: v1, kind: Service, metadata: {name: istiod, namespace: r, labels: {app: istiod}}, spec: {}}"],
    [],
  ],
  [
    "two meshes",
    [release("istiod", "a", "{}"), release("istiod", "b", "{}")],
    ["mtls-mesh-wide: Release a/istiod", "mtls-mesh-wide: Release b/istiod"],
  ],
  [
    "a policy in the root namespace that the mesh configuration names",
    [
      release("istiod", "a", "{meshConfig: {rootNamespace: r}}"),
      "{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: default, namespace: r}, spec: {mtls: {mode: STRICT}}}",
    ],
    [],
  ],
  [
    "a policy in another namespace than the root",
    [
      release("istiod", "a", "{}"),
      "{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: default, namespace: r}, spec: {mtls: {mode: STRICT}}}",
    ],
    ["mtls-mesh-wide: Release a/istiod"],
  ],
];

const strict =
  "{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: default, namespace: n}, spec: {mtls: {mode: STRICT}}}";
const workload = (app: string, more = "") =>
  `{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: n}, spec: {${more} template: {metadata: {labels: {${app}}}}}}`;
const budget = (labels: string, namespace = "n") =>
  `{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: b, namespace: ${namespace}}, spec: {selector: {matchLabels: {${labels}}}}}`;
const scaler = (least: string, more = "namespace: n", target = "d", kind = "HorizontalPodAutoscaler") =>
  `{apiVersion: autoscaling/v2, kind: ${kind}, metadata: {name: h, ${more}}, spec: {${least} scaleTargetRef: {name: ${target}}}}`;
const none = "high-availability: Deployment n/d";

const settingsOf = (name: string) =>
  `{apiVersion: v1, kind: ConfigMap, metadata: {name: ${name}, namespace: n}, data: {config.yaml: "auth: {strategy: anonymous}"}}`;

/* In production. */
const production: [what: string, objects: string[], expected: string[]][] = [
  ["two istiods", [release("istiod", "n", "{autoscaleMin: 2}"), strict], []],
  ["one", [release("istiod", "n", "{autoscaleMin: 1}"), strict], ["high-availability: Release n/istiod"]],
  ["the chart's own number", [release("istiod", "n", "{}"), strict], ["high-availability: Release n/istiod"]],
  ["two without an autoscaler", [release("istiod", "n", "{autoscaleEnabled: false, replicaCount: 2}"), strict], []],
  [
    "one without an autoscaler, whatever that would do",
    [release("istiod", "n", "{autoscaleEnabled: false, autoscaleMin: 2}"), strict],
    ["high-availability: Release n/istiod"],
  ],
  ["a rendered istiod, twice", [workload("app: istiod", "replicas: 2,"), budget("app: istiod")], []],
  ["a rendered istiod, once", [workload("app: istiod", "replicas: 1,"), budget("app: istiod")], [none]],
  ["a rendered istiod that says nothing", [workload("app: istiod"), budget("app: istiod")], [none]],
  [
    "a rendered gateway, once",
    [workload("app.kubernetes.io/name: enroute"), budget("app.kubernetes.io/name: enroute")],
    [none],
  ],
  ["a Kiali of another name without login", [settingsOf("kiali-2")], ["kiali-login: ConfigMap n/kiali-2"]],
  ["settings that are not Kiali's", [settingsOf("my-kiali")], []],
  ["another workload, once", [workload("app: other")], []],
  ["a budget of another namespace", [workload("app: istiod", "replicas: 2,"), budget("app: istiod", "m")], [none]],
  ["a budget that selects nothing", [workload("app: istiod", "replicas: 2,"), budget("")], [none]],
  ["an autoscaler with two at least", [workload("app: istiod"), budget("app: istiod"), scaler("minReplicas: 2,")], []],
  [
    "an autoscaler that says nothing",
    [workload("app: istiod", "replicas: 2,"), budget("app: istiod"), scaler("")],
    [none],
  ],
  [
    "an autoscaler of another namespace",
    [workload("app: istiod", "replicas: 2,"), budget("app: istiod"), scaler("minReplicas: 1,", "namespace: m")],
    [],
  ],
  [
    "an autoscaler of another workload",
    [workload("app: istiod", "replicas: 2,"), budget("app: istiod"), scaler("minReplicas: 1,", "namespace: n", "e")],
    [],
  ],
  [
    "another kind that has a target",
    [
      workload("app: istiod", "replicas: 2,"),
      budget("app: istiod"),
      scaler("minReplicas: 1,", "namespace: n", "d", "Scaler"),
    ],
    [],
  ],
];

describe("deletion protection", () => {
  it("counts the other objects that are without", () => {
    const objects = ["a", "b", "c"].map((name) => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name },
      protect: false,
    }));
    const messages = (deletions: string[]) =>
      judge(objects, { environment: "prod", deletions }).map(({ object, message }) => `${object}: ${message}`);
    assert.match(messages([])[0]!, /^Service a: neither it nor 2 other objects are protected/);
    assert.match(messages(["Service a"])[0]!, /^Service b: neither it nor 1 other objects are protected/);
    assert.deepEqual(messages(["Service a", "Service b", "Service c"]), []);
  });
});

describe("the policies, at the edge of what they let pass", () => {
  for (const [what, objects, expected] of cases)
    it(`${expected.length === 0 ? "let pass" : "find"} ${what}`, () =>
      assert.deepEqual(found("dev", ...objects), expected));
  for (const [what, objects, expected] of production)
    it(`${expected.length === 0 ? "let pass" : "find"}, in production, ${what}`, () =>
      assert.deepEqual(found("prod", ...objects), expected));
});
