import type { Values } from "../base/merge";

/* What is fixed about Istio: where it is published, its defaults, and the sizes of its control plane. */

/** Repository of the charts `base` and `istiod`. */
export const istioCharts = "https://blob.istio.io/istio-release/charts";

/** Registry path of the images, where releases are published since Istio 1.31; the samples' too. */
export const defaultHub = "docker.io/istio";

/** Hosts of Istio's charts and images that are being switched off; nothing from Istio 1.31 on is published there. */
export const retiredHosts = ["istio-release.storage.googleapis.com", "gcr.io/istio-release", "registry.istio.io"];

/** The mesh's root namespace in a stack that names no other. */
export const defaultIstioNamespace = "istio-system";

/** Annotation of istiod's pods: which CA they have loaded. */
export const authorityAnnotation = "enroute-istio/certificate-authority";

/** First part of every identity in a mesh that says no other. */
export const defaultTrustDomain = "cluster.local";

/**
 * Size of the control plane.
 * - `small`: one istiod with small requests and no autoscaling, for a laptop or a test cluster
 * - `standard`: the chart's own defaults (500m CPU, 2 GiB, autoscaled from 1 to 5)
 * - `ha`: at least two istiods on different nodes and zones, with a disruption budget
 */
export const istioProfileNames = ["small", "standard", "ha"] as const;
export type IstioProfile = (typeof istioProfileNames)[number];

export const defaultProfile: IstioProfile = "standard";

/** What each size sets in the chart `istiod`. */
export const istioProfiles: Record<IstioProfile, Values> = {
  small: { autoscaleEnabled: false, replicaCount: 1, resources: { requests: { cpu: "100m", memory: "256Mi" } } },
  standard: {},
  ha: {
    autoscaleEnabled: true,
    autoscaleMin: 2,
    autoscaleMax: 5,
    // The chart renders a PodDisruptionBudget only where the minimum is above 1; maxUnavailable lets node drains go on
    // however far the autoscaler went.
    pdb: { maxUnavailable: 1 },
    topologySpreadConstraints: ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
      maxSkew: 1,
      topologyKey,
      // ScheduleAnyway: an upgrade surges to twice the replicas, which a small cluster could not place apart.
      whenUnsatisfiable: "ScheduleAnyway",
      labelSelector: { matchLabels: { app: "istiod" } },
    })),
  },
};
