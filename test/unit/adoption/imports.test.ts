import assert from "node:assert/strict";
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Import, importsOf, withImports } from "../../../adoption/imports";
import { readStackFile, withSettings, writeStackFile } from "../../../adoption/stack-file";
import type { Survey } from "../../../adoption/survey";
import { compileExceptions } from "../../../mesh/mutual-tls-policies";
import { apiGroup } from "../../../mesh/object";
import type { PlannedObject } from "../../../mesh/ownership";
import { settingsOf } from "../../../settings/load";

const settings = settingsOf(
  {
    ...{ kubeconfig: "/k", clusterIdentifier: "c", istio: { version: "1.31.0" }, namespaces: [{ name: "shop" }] },
    gateway: { version: "0.8.7", images: { redis: { tag: "7.4.1" } } },
    hosts: [{ host: "shop.example.com", namespace: "shop", routes: [{ service: "s", port: 80 }] }],
    certificate: { issuer: "existingSecret", secretName: "shop-tls" },
    mutualTls: {
      exceptions: [
        {
          ...{ namespace: "shop", workload: { app: "old" }, ports: [80], mode: "PERMISSIVE" },
          ...{ reason: "r", owner: "o", until: "2099-01-01" },
        },
      ],
    },
  },
  { project: "enroute-istio", stack: "prod" },
);
const [exception] = compileExceptions(settings.mutualTls.exceptions);
const claimant = { owner: "a/b/c" };

const planned = (apiVersion: string, kind: string, name: string, as: string, namespace?: string): PlannedObject => ({
  ...{ apiVersion, group: apiGroup(apiVersion), kind, name },
  ...(namespace === undefined ? {} : { namespace }),
  registered: { type: `kubernetes:${apiVersion}:${kind}`, name: as },
});
const objects = [
  planned("v1", "Namespace", "shop", "shop"),
  planned("v1", "Secret", "tls", "tls", "shop"),
  planned("v1", "ConfigMap", "enroute-istio-owner", "claim", "istio-system"),
  planned("rbac.authorization.k8s.io/v1", "ClusterRole", "enroute-istio-status", "enroute-istio-status"),
  planned("security.istio.io/v1", "PeerAuthentication", "default", "mutual-tls-mesh", "istio-system"),
  planned("security.istio.io/v1", "PeerAuthentication", exception!.name, "mutual-tls-old", "shop"),
  planned("enroute.saaras.io/v1", "GlobalConfig", "mesh", "mesh-global-config", "enroute-system"),
  planned("enroute.saaras.io/v1", "GatewayHost", "shop.example.com", "shop.example.com", "shop"),
];
const release = {
  ...{ name: "istiod", namespace: "istio-system", chart: "istiod", version: "1.31.0", values: {} },
  registered: { type: "kubernetes:helm.sh/v3:Release", name: "istiod" },
};

function found(change: Partial<Survey> = {}): Survey {
  return {
    ...{
      istiods: [],
      gateways: [],
      gatewayPods: [],
      serviceRoutes: [],
      ingresses: [],
      rights: [],
      tlsSecrets: [],
      claim: undefined,
      hasAuthority: false,
    },
    releases: [{ ...release, status: "deployed", defaults: {} }],
    namespaces: [{ metadata: { name: "shop" } }],
    policies: [
      { metadata: { name: "strict", namespace: "istio-system", creationTimestamp: "2026-01-01T00:00:00Z" }, spec: {} },
      { metadata: { name: "default", namespace: "istio-system", creationTimestamp: "2026-01-02T00:00:00Z" }, spec: {} },
      { metadata: { name: "legacy", namespace: "shop" }, spec: { selector: { matchLabels: { app: "old" } } } },
    ],
    globalConfigs: [
      { metadata: { name: "filter", namespace: "enroute-system" }, spec: { type: "globalconfig_other" } },
      { metadata: { name: "istio", namespace: "enroute-system" }, spec: { type: "globalconfig_globals" } },
    ],
    gatewayHosts: [
      { metadata: { name: "a", namespace: "default" }, spec: { virtualhost: { fqdn: "shop.example.com" } } },
      { metadata: { name: "b", namespace: "shop" }, spec: { virtualhost: { fqdn: "Shop.example.com" } } },
    ],
    ...change,
  };
}

const ids = (change: Partial<Survey> = {}, live: PlannedObject[] = [], marks: object = {}) =>
  importsOf(
    {
      planned: { objects, releases: [release] },
      found: found(change),
      live: live.map((object) => ({
        object,
        metadata: { name: object.name, ...(object.namespace && { namespace: object.namespace }), ...marks },
      })),
    },
    settings,
    claimant,
  ).map(({ name, id }) => `${name} = ${id}`);

describe("what becomes a resource of a stack", () => {
  const byMeaning = [
    "istiod = istio-system/istiod",
    "shop = shop",
    "mutual-tls-mesh = istio-system/strict",
    "mutual-tls-old = shop/legacy",
    "mesh-global-config = enroute-system/istio",
    "shop.example.com = shop/b",
  ];

  it("is found by what it is for, whatever its name: the policy that Istio obeys, the host, the switch", () => {
    assert.deepEqual(ids(), byMeaning);
  });

  it("is found by its name otherwise, and no Secret is", () => {
    assert.deepEqual(ids({}, objects.slice(1, 4)).slice(2, 4), [
      "claim = istio-system/enroute-istio-owner",
      "enroute-istio-status = enroute-istio-status",
    ]);
    assert.ok(!ids({}, objects.slice(1, 4)).join().includes("tls = shop/tls"));
  });

  it("is nothing that another stack or a release of Helm has, and no release that was uninstalled", () => {
    const helm = {
      labels: { "app.kubernetes.io/managed-by": "Helm" },
      annotations: { "meta.helm.sh/release-name": "x", "meta.helm.sh/release-namespace": "y" },
    };
    for (const marks of [helm, { annotations: { "enroute-istio/stack": "a/b/other" } }])
      assert.deepEqual(ids({}, [objects[3]!], marks), byMeaning);
    assert.equal(
      ids({}, [objects[3]!], { annotations: { "enroute-istio/stack": "a/b/c" } }).length,
      byMeaning.length + 1,
    );
    assert.ok(!ids({ releases: [] }).join().includes("istiod"));
    const pending = found().releases.map((one) => ({ ...one, status: "pending-install" }));
    assert.ok(!ids({ releases: pending }).join().includes("istiod"));
  });

  it("goes into the file of the import with the components that it is in, and nothing else does", () => {
    const type = "kubernetes:helm.sh/v3:Release";
    const taken: Import[] = [{ type, name: "istiod", id: "istio-system/istiod", object: "" }];
    const file = {
      nameTable: { cluster: "urn" },
      resources: [
        { type: "a:b:Outer", name: "outer", component: true },
        { type: "a:b:Istio", name: "istio", component: true, parent: "outer" },
        { type: "a:b:Other", name: "other", component: true },
        { type, name: "istiodRelease", logicalName: "istiod", id: "<PLACEHOLDER>", parent: "istio" },
        { type, name: "istio-base", id: "<PLACEHOLDER>", parent: "istio" },
        { type: "tls:a:Key", name: "istiod", id: "<PLACEHOLDER>" },
      ],
    };
    assert.deepEqual(withImports(file, taken), {
      ...file,
      resources: [file.resources[0], file.resources[1], { ...file.resources[3], id: "istio-system/istiod" }],
    });
    assert.equal(withImports(file, []), undefined);
    assert.equal(withImports({}, taken), undefined);
  });
});

describe("the stack file of an adoption", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "adoption-"));
    mkdirSync(join(folder, "stacks"));
    writeFileSync(join(folder, "Pulumi.yaml"), "name: p\nstackConfigDir: stacks\n");
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const path = () => join(folder, "stacks/Pulumi.prod.yaml");

  it("is a new one that says where it came from", () => {
    const present = readStackFile(folder, "org/p/prod", "p");
    assert.deepEqual(present, { path: path(), project: "p", text: "", hasSettings: false, known: {} });
    writeStackFile(withSettings(present, { context: "c", hosts: [] }, "https://server"));
    assert.equal(
      readFileSync(path(), "utf8"),
      "# Reproduces what ran at https://server when this stack took it over (enroute-istio adopt).\n\nconfig:\n  p:context: c\n  p:hosts: []\n",
    );
    assert.equal(readStackFile(folder, "prod", "p").hasSettings, true);
  });

  it("keeps what is not the adoption's: comments, the key of the secrets, other settings", () => {
    const text = "# mine\nencryptionsalt: v1:x\nconfig:\n  # the cluster\n  p:context: c\n  aws:region: eu\n";
    writeFileSync(path(), text);
    const present = readStackFile(folder, "prod", "p");
    assert.deepEqual([present.hasSettings, present.known], [false, { context: "c" }]);
    assert.equal(withSettings(present, { context: "c", hosts: [1] }, "s").text, `${text}  p:hosts:\n    - 1\n`);
  });

  it("has settings written anew where that is wanted", () => {
    writeFileSync(path(), "config:\n  p:context: c\n  p:hosts:\n    - old\n  p:kiali: {}\n");
    const present = readStackFile(folder, "prod", "p");
    assert.deepEqual([present.hasSettings, present.known], [true, { context: "c" }]);
    assert.equal(
      withSettings(present, { context: "c", hosts: ["new"] }, "s").text,
      "config:\n  p:context: c\n  p:hosts:\n    - new\n",
    );
  });
});
