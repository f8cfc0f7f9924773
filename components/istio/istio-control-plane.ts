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
import {
  type DeclaredRevision,
  chartIdentity,
  controlPlanes,
  defaultControlPlane,
  newestVersion,
} from "../../mesh/control-planes";
import { baseValues, istiodValues, readByIstiod } from "../../mesh/istio-values";
import { istioOwned } from "../../mesh/owned-istio";
import { revisionTags } from "./revision-tags";

export interface IstioControlPlaneArgs extends Omit<ChartArgs, "version"> {
  /** Exact version of the one control plane, such as `1.31.0`. Needed, unless there are `revisions`. */
  version?: string;
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
  /** Several control planes side by side, in the place of `version`, `revision` and `tag`. @default the one of `version` */
  revisions?: readonly DeclaredRevision[];
  /** The revision that checks Istio's objects for the API server. @default the first of `revisions` */
  defaultRevision?: string;
  /** Revision tags, each with the revision that it points to; namespaces follow a tag as they follow a revision. @default none */
  tags?: Record<string, string>;
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
 * Istio's control plane: its CRDs and cluster-wide objects (release `istio-base`), then istiod (release `istiod`). Or several of them
 * side by side, which share the former: a release `istiod-<revision>` each.
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
  /** Release `istiod`: ready when certificate authority and webhooks are. Of several, that of the default revision. */
  readonly istiod: k8s.helm.v3.Release;
  /** Trust domain of the mesh. */
  readonly trustDomain: string;

  constructor(name: string, args: IstioControlPlaneArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:istio:IstioControlPlane", name, {}, opts);
    args = checkedArguments(this, { type: "IstioControlPlane", name }, args);
    this.trustDomain = args.trustDomain ?? defaultTrustDomain;
    const [planes, main] = [controlPlanes(args), defaultControlPlane(args)];
    const common = {
      ...{ profile: args.profile ?? defaultProfile, hub: args.hub ?? defaultHub, namespace: args.namespace },
      ...{ trustDomain: this.trustDomain, trustDomainAliases: args.trustDomainAliases },
      ...{ imagePullSecrets: args.imagePullSecrets, meshConfig: args.meshConfig },
      authorityFingerprint: args.authorityFingerprint,
    };
    // No release is atomic: a roll-back of the base would take the CRDs' upgrade back under live objects.
    const release = (of: string, chart: string, version: string, values: Values, dependsOn: pulumi.Resource[]) => {
      const child = childName(name, { inStacks: "istio", child: of });
      return new k8s.helm.v3.Release(
        child.name,
        { name: of, namespace: args.namespace, ...chartSource(chart, { ...args, version }), values },
        { parent: this, dependsOn, ...fixedName, ...child.options },
      );
    };
    const base = baseValues({ ...common, ...chartIdentity(main, main) });
    const kinds = newestVersion(args);
    this.base = release("istio-base", "base", kinds, mergeValues(base, sharedExtras(args.values)), []);
    const istiods = planes.map((plane) => {
      const values = { ...common, ...chartIdentity(plane, main) };
      const own = ownValues(this, istioOwned, istiodValues({ ...values, meshConfig: undefined }), args.values, {
        read: readByIstiod,
        made: istiodValues(values),
      });
      // istiod does not become ready while the kinds that it watches are missing.
      return { ...plane, resource: release(plane.release, "istiod", plane.version, own, [this.base]) };
    });
    this.istiod = istiods.find(({ revision }) => revision === main.revision)!.resource;
    // What a tag points to is there before, and goes after.
    revisionTags(name, args, { parent: this, dependsOn: istiods.map(({ resource }) => resource) });
    this.registerOutputs({ trustDomain: this.trustDomain });
  }
}

/** The extra values that the chart `base` reads too; the others would only be stored with its release. */
function sharedExtras(values: Values | undefined): Values {
  const shared = ["base", "defaultRevision", "experimental"];
  return Object.fromEntries(Object.entries(values ?? {}).filter(([key]) => shared.includes(key)));
}
