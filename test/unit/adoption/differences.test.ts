import assert from "node:assert/strict";
import { draftIngresses } from "../../../adoption/ingresses";
import { withoutOwned } from "../../../adoption/owned";
import type { Tree } from "../../../base/tree";
import type { MeshObject } from "../../../mesh/object";
import { loadSettings } from "../../../settings/load";
import { settingsSchema } from "../../../settings/schema";

/* What a stack does not take over as it runs. */

const settings = (istio: object, gateway: object = {}): Tree => ({
  istio: { version: "1.31.0", ...istio },
  namespaces: [{ name: "shop", create: false }],
  gateway: { version: "0.8.7", images: { redis: { tag: "7.4.1" } }, ...gateway },
  hosts: [{ host: "shop.example.com", namespace: "shop", routes: [{ service: "storefront", port: 80 }] }],
  certificate: { issuer: "existingSecret", secretName: "shop-tls" },
});

describe("values that a stack decides", () => {
  const check = (tree: Tree) => settingsSchema.safeParse({ context: "prod", ...tree }).data;

  for (const [what, section, before, after, severity, pattern] of [
    [
      "a registry below pilot",
      "istio",
      { values: { pilot: { hub: "old.example.com" }, resources: { requests: { cpu: "1" } } } },
      { values: { resources: { requests: { cpu: "1" } } } },
      "warning",
      /^istio\.values\.pilot\.hub is "old\.example\.com" .* makes it nothing: istio\.hub decides it/,
    ],
    [
      "ports that no sidecar captures",
      "istio",
      { values: { global: { proxy: { excludeInboundPorts: "9090" } } } },
      {},
      "warning",
      /^istio\.values\.global\.proxy\.excludeInboundPorts is "9090"/,
    ],
    [
      "what the mesh configuration turns off",
      "istio",
      { meshConfig: { enableAutoMtls: false, accessLogFile: "/dev/stdout" } },
      { meshConfig: { accessLogFile: "/dev/stdout" } },
      "warning",
      /^istio\.meshConfig\.enableAutoMtls is false .* the rollout relies on it/,
    ],
    [
      "another signer of the mesh's certificates",
      "istio",
      { values: { env: { EXTERNAL_CA: "ISTIOD_RA_KUBERNETES_API" } } },
      {},
      "error",
      /a stack says it by istio\.ca alone/,
    ],
    [
      "a second mesh-wide policy of the chart",
      "gateway",
      { values: { istio: { strictmtls: true }, tolerations: [{ key: "a" }] } },
      { values: { tolerations: [{ key: "a" }] } },
      "warning",
      /^gateway\.values\.istio\.strictmtls is true .* makes it false/,
    ],
    [
      "other text in the annotation that Istio's agent reads",
      "gateway",
      { values: { istioPodAnnotations: { "proxy.istio.io/config": "concurrency: 2" } } },
      {},
      "warning",
      /gateway\.workloadCertificate decides it/,
    ],
  ] as const)
    it(`are differences, and not written: ${what}`, () => {
      const own = settings(section === "istio" ? before : {}, section === "gateway" ? before : {});
      const { settings: left, issues } = withoutOwned(own, check);
      const bare = settings({})[section] as Tree;
      assert.deepEqual(left[section], { ...bare, ...after });
      assert.deepEqual(
        issues.map((issue) => issue.severity),
        [severity],
      );
      assert.match(issues[0]!.problem, pattern);
      const values = Object.entries({ context: "prod", ...left }).map(([key, value]) => [
        `enroute-istio:${key}`,
        typeof value === "string" ? value : JSON.stringify(value),
      ]);
      const where = { project: "enroute-istio", stack: "prod", secretKeys: [] };
      loadSettings({ ...where, values: Object.fromEntries(values) as Record<string, string> });
    });

  it("do not hold the gateway's own annotation about Ingresses, which is announced with the right", () => {
    const values = { podAnnotations: null, nodeSelector: { pool: "edge" } };
    const { settings: left, issues } = withoutOwned(settings({}, { values }), check);
    assert.deepEqual((left["gateway"] as Tree)["values"], { nodeSelector: { pool: "edge" } });
    assert.deepEqual(issues, []);
  });

  it("stay where a stack takes them, and where the settings have another shape", () => {
    const free = settings({ values: { autoscaleMin: 3 } }, { values: { affinity: null } });
    assert.deepEqual(withoutOwned(free, check), { settings: free, issues: [] });
    const wrong = settings({ values: "none" });
    assert.deepEqual(withoutOwned(wrong, check), { settings: wrong, issues: [] });
  });
});

describe("the right to list Ingresses of a gateway that is taken over", () => {
  const edge = "enroute-system";
  const account = { kind: "ServiceAccount", name: "enroute", namespace: edge };
  const binding = (name: string, subjects: object[] = [account], annotations = {}): MeshObject => ({
    ...{ kind: "ClusterRoleBinding", metadata: { name, annotations } },
    ...{ roleRef: { kind: "ClusterRole", name: "enroute" }, subjects },
  });
  const ingress: MeshObject = {
    metadata: { name: "other", namespace: "shop" },
    spec: {
      rules: [
        {
          host: "other.example.com",
          http: { paths: [{ path: "/", backend: { service: { name: "a", port: { number: 80 } } } }] },
        },
      ],
    },
  };
  const pod = (carried?: string) => ({
    metadata: { name: "a", ...(carried === undefined ? {} : { annotations: { "enroute-istio/ingresses": carried } }) },
    spec: { containers: [] },
  });
  const of = (
    rights: MeshObject[],
    { ingresses = [] as MeshObject[], carried = undefined as string | undefined } = {},
  ) => draftIngresses({ rights, ingresses, gatewayHosts: [], serviceRoutes: [], gatewayPods: [pod(carried)] }, edge);

  it("is taken away, with the commands, where no Ingress is served by it", () => {
    const { ingresses, issues } = of([binding("enroute"), binding("more", [account, account])]);
    assert.equal(ingresses, undefined);
    assert.match(
      issues[0]!.problem,
      /by ClusterRoleBinding enroute, ClusterRoleBinding more, .* restarts the gateway's pods/,
    );
    assert.match(
      issues[0]!.fix,
      /kubectl delete clusterrolebinding enroute; kubectl edit clusterrolebinding more .*rollout restart deployment enroute/,
    );
  });

  it("is kept where it serves one, for a reason that somebody has to fill in", () => {
    const { ingresses, issues } = of([binding("enroute")], { ingresses: [ingress] });
    assert.match(ingresses!.reason, /^unknown/);
    assert.match(issues[0]!.problem, /EnRoute serves other\.example\.com\/ for Ingresses, in clear text/);
  });

  it("is kept as a stack that is gone declared it", () => {
    const declared = binding("enroute-istio-gateway", [account], { "enroute-istio/reason": "our charts" });
    const { ingresses, issues } = of([declared], { ingresses: [ingress], carried: "served" });
    assert.deepEqual([ingresses, issues], [{ reason: "our charts" }, []]);
  });

  it("is nothing to announce where the gateway runs as a stack has it, and a restart where it only lacks the mark", () => {
    const empty = binding("enroute-istio-gateway", []);
    assert.deepEqual(of([empty], { carried: "left alone", ingresses: [ingress] }).issues, []);
    assert.match(of([empty]).issues[0]!.problem, /restarts the gateway's pods/);
  });
});
