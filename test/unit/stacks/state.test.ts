import assert from "node:assert/strict";
import { heldOf, rememberedBy } from "../../../stacks/state";

describe("what a state holds", () => {
  it("is its objects and releases, with nothing of their content", () => {
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "tls", namespace: "shop" },
      data: { key: "k" },
    };
    const held = heldOf({
      stack: { type: "pulumi:pulumi:Stack", outputs: {} },
      a: { type: "kubernetes:core/v1:Secret", outputs: { ...secret, __fieldManager: "pulumi-kubernetes-1" } },
      b: {
        type: "kubernetes:core/v1:NamespacePatch",
        outputs: { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
      },
      c: { type: "kubernetes:helm.sh/v3:Release", outputs: { name: "istiod", namespace: "istio-system" } },
      d: {
        type: "kubernetes:enroute.saaras.io/v1:GatewayHost",
        outputs: {
          apiVersion: "enroute.saaras.io/v1",
          kind: "GatewayHost",
          metadata: { name: "h", namespace: "shop" },
        },
      },
      f: {
        type: "kubernetes:core/v1:Service",
        outputs: {
          ...{ apiVersion: "v1", kind: "Service" },
          metadata: {
            name: "enroute",
            namespace: "edge",
            annotations: { "meta.helm.sh/release-name": "enroute-istio" },
          },
        },
      },
      e: { type: "tls:index/privateKey:PrivateKey", outputs: {} },
    });
    assert.deepEqual(held, {
      objects: [
        {
          kind: "Secret",
          group: "",
          namespace: "shop",
          name: "tls",
          patch: false,
          fieldManager: "pulumi-kubernetes-1",
          urn: "a",
        },
        { kind: "Namespace", group: "", name: "shop", patch: true, urn: "b" },
        { kind: "GatewayHost", group: "enroute.saaras.io", namespace: "shop", name: "h", patch: false, urn: "d" },
        // Helm made it.
        { kind: "Service", group: "", namespace: "edge", name: "enroute", patch: true, urn: "f" },
      ],
      releases: ["istio-system/istiod"],
    });
  });

  it("remembers the mark of each whole object, for a destroy to compare: no patch, no release, no key of it", () => {
    const metadata = { name: "mesh", namespace: "edge", annotations: { "enroute-istio/stack": "a/b/c" } };
    const remembered = rememberedBy([
      { urn: "a", type: "kubernetes:enroute.saaras.io/v1:GlobalConfig", outputs: { ...globalConfig, metadata } },
      {
        urn: "b",
        type: "kubernetes:core/v1:NamespacePatch",
        outputs: { apiVersion: "v1", kind: "Namespace", metadata },
      },
      { urn: "c", type: "kubernetes:helm.sh/v3:Release", outputs: { name: "istiod", namespace: "istio-system" } },
      { urn: "d", type: "enroute-istio:mesh:MeshClaim" },
    ]);
    assert.deepEqual(remembered, [
      {
        ...{ kind: "GlobalConfig", group: "enroute.saaras.io", namespace: "edge", name: "mesh", patch: false },
        ...{ urn: "a", apiVersion: "enroute.saaras.io/v1", mark: "a/b/c" },
      },
    ]);
  });

  it("remembers of a namespace the mark that its patch has put on it: it is not another stack's then", () => {
    const namespace = (type: string, annotations = {}) => ({
      ...{ urn: type, type: `kubernetes:core/v1:${type}` },
      outputs: { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", annotations } },
    });
    const [remembered, ...more] = rememberedBy([
      namespace("Namespace"),
      namespace("NamespacePatch", { "enroute-istio/stack": "a/b/c" }),
    ]);
    assert.deepEqual([remembered!.urn, remembered!.mark, more], ["Namespace", "a/b/c", []]);
  });
});
const globalConfig = { apiVersion: "enroute.saaras.io/v1", kind: "GlobalConfig" };
