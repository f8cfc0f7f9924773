import type * as k8s from "@pulumi/kubernetes";

/**
 * What an ingress needs of the provider of its cluster, beside the way to the cluster.
 *
 * @example
 * new k8s.Provider("cluster", { kubeconfig: cluster.kubeconfigJson, clusterIdentifier: "prod-eu", ...clusterSettings });
 */
export const clusterSettings = {
  /**
   * A renewed certificate updates its Secret in place. Replacing it would leave a moment without one, in which EnRoute serves the
   * host in clear text.
   */
  enableSecretMutable: true,
  /**
   * What somebody changed by hand in an object of ours is put right. Without it their tool would own the field, and the update would
   * end in a conflict while, say, a policy stays PERMISSIVE.
   */
  enablePatchForce: true,
  /**
   * An update that was cut off may have made objects that the state does not know of; the next one takes them over, as it does with a
   * namespace whose `create` is `adopt`. What others own under one of our names is refused before: by `EncryptedIngress` and
   * `MeshNamespace` as the update comes to it, by a stack's preflight at its beginning.
   */
  upsertExistingObjects: true,
  /**
   * The provider's own limit, 50 requests a second, is what a thousand hosts wait for; the engine's (`--parallel`) keeps the API server
   * from too many at once.
   */
  kubeClientSettings: { qps: 500, burst: 1000 },
} as const satisfies k8s.ProviderArgs;
