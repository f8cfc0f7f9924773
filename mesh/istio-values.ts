import { type Values, mergeValues } from "../base/merge";
import { asTree } from "../base/tree";
import { unrevised } from "./control-planes";
import { type IstioProfile, authorityAnnotation, istioProfiles } from "./istio";

export type { IstioProfile };

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
  /** The revision that checks Istio's objects for the API server. @default that of the control plane */
  defaultRevision?: string | undefined;
  /** Trust domain of the mesh: the first part of every workload identity. */
  trustDomain: string;
  /** Earlier trust domains, whose identities are accepted as well. */
  trustDomainAliases?: string[] | undefined;
  /** Names of Secrets by which istiod and the sidecars are pulled. */
  imagePullSecrets?: string[] | undefined;
  /** Mesh configuration (`istio.mesh.v1alpha1.MeshConfig`), over what we set. */
  meshConfig?: Values | undefined;
  /** Fingerprint of the CA that istiod loads; an Output where a program makes it. */
  authorityFingerprint?: unknown;
}

/** Values that the charts `base` and `istiod` both read: a difference between them breaks the installation. */
function sharedValues(args: IstioValuesArgs): Values {
  return {
    global: { istioNamespace: args.namespace },
    // Names the Service that the validating webhook of `base` calls.
    defaultRevision: args.defaultRevision ?? args.revision ?? unrevised,
  };
}

function namesOf(key: string, names: string[] = []): Values {
  return names.length === 0 ? {} : { [key]: names };
}

/** Helm values of the chart `base`. */
export function baseValues(args: IstioValuesArgs): Values {
  return sharedValues(args);
}

/** Helm values of the chart `istiod`. */
export function istiodValues(args: IstioValuesArgs): Values {
  return {
    ...sharedValues(args),
    ...istioProfiles[args.profile],
    // The chart's default hub belongs to development builds, and the hosts before docker.io are being switched off.
    global: {
      ...{ istioNamespace: args.namespace, hub: args.hub, tag: args.tag },
      // The injected pods get them, too (chart istiod, files/injection-template.yaml).
      ...namesOf("imagePullSecrets", args.imagePullSecrets),
    },
    ...(args.revision === undefined ? {} : { revision: args.revision }),
    meshConfig: {
      trustDomain: args.trustDomain,
      ...(args.trustDomainAliases === undefined ? {} : { trustDomainAliases: args.trustDomainAliases }),
      rootNamespace: args.namespace,
      // Envoy's metrics and the application's arrive on one port, which keeps scraping alive under STRICT.
      enablePrometheusMerge: true,
      ...args.meshConfig,
    },
    // istiod takes another root up only when it starts (but for an experimental switch), and several istiods should
    // not differ for as long as their kubelets take to bring them the Secret.
    ...(args.authorityFingerprint === undefined
      ? {}
      : { podAnnotations: { [authorityAnnotation]: args.authorityFingerprint } }),
  };
}

/** The values as the chart `istiod` reads them: what is under `pilot` counts as if it stood beside it (zzy_descope_legacy.yaml). */
export function readByIstiod({ pilot, ...values }: Values): Values {
  return mergeValues(values, asTree(pilot));
}
