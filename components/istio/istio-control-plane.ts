import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { type Values, mergeValues } from "../../base/merge";
import {
  type IstioProfile,
  authorityAnnotation,
  defaultHub,
  defaultProfile,
  defaultTrustDomain,
} from "../../mesh/istio";
import { checkedArguments } from "../arguments";
import { childName } from "../child-name";
import { type ChartArgs, chartSource, fixedName } from "../chart";
import { ownValues } from "../own-values";
import { baseValues, istiodValues, readByIstiod } from "../../mesh/istio-values";
import { istioOwned } from "../../mesh/owned-istio";

export interface IstioControlPlaneArgs extends ChartArgs {
  /** The mesh's root namespace, which must exist: everything mesh-wide lives there. */
  namespace: string;
  /** Size of the control plane. @default "standard" */
  profile?: IstioProfile;
  /** Registry path of Istio's images. @default "docker.io/istio", where releases are published since Istio 1.31 */
  hub?: string;
  /** Tag of Istio's images. @default the chart's version: the project releases both under one number */
  tag?: string;
  /** Revision of this control plane; leave it out for the default one. */
  revision?: string;
  /** Trust domain: the first part of every identity in the mesh. @default "cluster.local" */
  trustDomain?: string;
  /** Earlier trust domains, whose identities are accepted as well. @default none */
  trustDomainAliases?: string[];
  /**
   * Fingerprint of the CA that istiod loads from Secret `cacerts`; another one restarts istiod, one pod after the other.
   * @default none: istiod's own CA
   */
  authorityFingerprint?: pulumi.Input<string>;
  /** Names of Secrets by which istiod's pods, and the sidecars, pull images; in each one's own namespace. @default none */
  imagePullSecrets?: string[];
  /** Mesh configuration, over what this component sets. */
  meshConfig?: Values;
}

export { authorityAnnotation };

/**
 * Istio's control plane: its CRDs and cluster-wide objects (release `istio-base`), then istiod (release `istiod`).
 *
 * @example
 * new IstioControlPlane(
 *   "istio",
 *   { namespace: "istio-system", version: "1.31.0", chartRepository: "https://blob.istio.io/istio-release/charts" },
 *   { provider: cluster },
 * );
 */
export class IstioControlPlane extends pulumi.ComponentResource {
  /** Release `istio-base`: the CRDs. */
  readonly base: k8s.helm.v3.Release;
  /** Release `istiod`: ready when certificate authority and webhooks are. */
  readonly istiod: k8s.helm.v3.Release;
  /** Trust domain of the mesh. */
  readonly trustDomain: string;

  constructor(name: string, args: IstioControlPlaneArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:istio:IstioControlPlane", name, {}, opts);
    args = checkedArguments(this, { type: "IstioControlPlane", name }, args);
    this.trustDomain = args.trustDomain ?? defaultTrustDomain;
    const values = {
      profile: args.profile ?? defaultProfile,
      hub: args.hub ?? defaultHub,
      tag: args.tag ?? args.version,
      namespace: args.namespace,
      revision: args.revision,
      trustDomain: this.trustDomain,
      trustDomainAliases: args.trustDomainAliases,
      imagePullSecrets: args.imagePullSecrets,
      meshConfig: args.meshConfig,
      authorityFingerprint: args.authorityFingerprint,
    };
    // Before anything is made: they may be refused.
    const checked = ownValues(
      this,
      `IstioControlPlane ${name}`,
      istioOwned,
      istiodValues({ ...values, meshConfig: undefined }),
      args.values,
      { read: readByIstiod, made: istiodValues(values) },
    );
    // Neither release is atomic: a roll-back of the base would take the CRDs' upgrade back under live objects.
    const own = (child: string) => childName(name, { inStacks: "istio", child });
    this.base = new k8s.helm.v3.Release(
      own("istio-base"),
      {
        name: "istio-base",
        namespace: args.namespace,
        ...chartSource("base", args),
        values: mergeValues(baseValues(values), sharedExtras(args.values)),
        // Nothing of it runs. Helm, which looks every two seconds, would only wait for the API server to serve the kinds, which takes
        // milliseconds; what is of such a kind is tried again until it does (31 s; provider 4.25, pkg/await/await.go, Creation).
        skipAwait: true,
      },
      // Of a release that was made without it, this alone would be an upgrade.
      { parent: this, ...fixedName, ignoreChanges: ["skipAwait"] },
    );
    this.istiod = new k8s.helm.v3.Release(
      own("istiod"),
      {
        name: "istiod",
        namespace: args.namespace,
        ...chartSource("istiod", args),
        values: checked,
      },
      // istiod does not become ready while the kinds that it watches are missing.
      { parent: this, dependsOn: this.base, ...fixedName },
    );
    this.registerOutputs({ trustDomain: this.trustDomain });
  }
}

/** The extra values that the chart `base` reads too; the others would only be stored with its release. */
function sharedExtras(values: Values | undefined): Values {
  const shared = ["base", "defaultRevision", "experimental"];
  return Object.fromEntries(Object.entries(values ?? {}).filter(([key]) => shared.includes(key)));
}
