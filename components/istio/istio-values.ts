import type { Values } from "../../base/merge";

/**
 * Size of the control plane.
 * - `small`: one istiod with small requests and no autoscaling, for a laptop or a test cluster
 * - `standard`: the chart's own defaults (500m CPU, 2 GiB, autoscaled from 1 to 5)
 * - `ha`: at least two istiods on different nodes and zones, with a disruption budget
 */
export type IstioProfile = "small" | "standard" | "ha";

export interface IstioValuesArgs {
  profile: IstioProfile;
  /** Registry path of Istio's images, such as `docker.io/istio`. */
  hub: string;
  /** Tag of Istio's images: the version of the release. */
  tag: string;
  /** The mesh's root namespace, where istiod runs. */
  namespace: string;
  /** Revision of the control plane; undefined for the default one. */
  revision?: string | undefined;
  /** Trust domain of the mesh: the first part of every workload identity. */
  trustDomain: string;
  /** Earlier trust domains, whose identities are accepted as well. */
  trustDomainAliases?: string[] | undefined;
  /** Mesh configuration (`istio.mesh.v1alpha1.MeshConfig`), over what we set. */
  meshConfig?: Values | undefined;
}

const profiles: Record<IstioProfile, Values> = {
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

/** Values that the charts `base` and `istiod` both read: a difference between them breaks the installation. */
function sharedValues(args: IstioValuesArgs): Values {
  return {
    global: { istioNamespace: args.namespace },
    // Names the Service that the validating webhook of `base` calls.
    defaultRevision: args.revision ?? "default",
  };
}

/** Helm values of the chart `base`. */
export function baseValues(args: IstioValuesArgs): Values {
  return sharedValues(args);
}

/** Helm values of the chart `istiod`. */
export function istiodValues(args: IstioValuesArgs): Values {
  return {
    ...sharedValues(args),
    ...profiles[args.profile],
    // The chart's default hub belongs to development builds, and the hosts before docker.io are being switched off.
    global: { istioNamespace: args.namespace, hub: args.hub, tag: args.tag },
    ...(args.revision === undefined ? {} : { revision: args.revision }),
    meshConfig: {
      trustDomain: args.trustDomain,
      ...(args.trustDomainAliases === undefined ? {} : { trustDomainAliases: args.trustDomainAliases }),
      rootNamespace: args.namespace,
      // Envoy's metrics and the application's arrive on one port, which keeps scraping alive under STRICT.
      enablePrometheusMerge: true,
      ...args.meshConfig,
    },
  };
}
