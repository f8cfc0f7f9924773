import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { type Values, mergeValues } from "../../base/merge";
import { authorityAnnotation, defaultHub, defaultProfile, defaultTrustDomain } from "../../mesh/istio";
import { checkedArguments } from "../arguments";
import { childName } from "../child-name";
import { chartSource, fixedName } from "../chart";
import { ownValues } from "../own-values";
import { chartIdentity, controlPlanes, defaultControlPlane, newestVersion } from "../../mesh/control-planes";
import { baseValues, istiodValues, readByIstiod } from "../../mesh/istio-values";
import { istioOwned } from "../../mesh/owned-istio";
import type { IstioControlPlaneArgs } from "./istio-control-plane-args";
import { revisionTags } from "./revision-tags";

export type { IstioControlPlaneArgs };
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
  /** What gives pods their sidecars: every istiod, and every tag. A pod that starts earlier has none for good. */
  readonly injectors: pulumi.Resource[];
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
    const valuesOf = planes.map((plane) => {
      const values = { ...common, ...chartIdentity(plane, main) };
      const settled = istiodValues({ ...values, meshConfig: undefined });
      const reading = { read: readByIstiod, made: istiodValues(values) };
      // Before anything is made: they may be refused.
      return ownValues(this, `IstioControlPlane ${name}`, istioOwned, settled, args.values, reading);
    });
    // No release is atomic: a roll-back of the base would take the CRDs' upgrade back under live objects.
    const release = (of: string, chart: ReturnType<typeof chartSource>, values: Values, own: Own = {}) =>
      new k8s.helm.v3.Release(
        childName(name, { inStacks: "istio", child: of }),
        { name: of, namespace: args.namespace, ...chart, values, ...own.args },
        { parent: this, ...fixedName, ...own.opts },
      );
    const base = baseValues({ ...common, ...chartIdentity(main, main) });
    const kinds = chartSource("base", { ...args, version: newestVersion(args) });
    this.base = release("istio-base", kinds, mergeValues(base, sharedExtras(args.values)), {
      // Nothing of it runs. Helm, which looks every two seconds, would only wait for the API server to serve the kinds, which takes
      // milliseconds; what is of such a kind is tried again until it does (31 s; provider 4.25, pkg/await/await.go, Creation).
      args: { skipAwait: true },
      // Of a release that was made without it, this alone would be an upgrade.
      opts: { ignoreChanges: ["skipAwait"] },
    });
    const istiods = planes.map((plane, index) => {
      const source = chartSource("istiod", { ...args, version: plane.version });
      // istiod does not become ready while the kinds that it watches are missing.
      return {
        ...plane,
        resource: release(plane.release, source, valuesOf[index]!, { opts: { dependsOn: this.base } }),
      };
    });
    this.istiod = istiods.find(({ revision }) => revision === main.revision)!.resource;
    // What a tag points to is there before, and goes after.
    const dependsOn = istiods.map(({ resource }) => resource);
    this.injectors = [...dependsOn, ...revisionTags(name, args, { parent: this, dependsOn })];
    this.registerOutputs({ trustDomain: this.trustDomain });
  }
}

/** What one release has beside the others. */
interface Own {
  args?: Pick<k8s.helm.v3.ReleaseArgs, "skipAwait">;
  opts?: pulumi.CustomResourceOptions;
}

/** The extra values that the chart `base` reads too; the others would only be stored with its release. */
function sharedExtras(values: Values | undefined): Values {
  const shared = ["base", "defaultRevision", "experimental"];
  return Object.fromEntries(Object.entries(values ?? {}).filter(([key]) => shared.includes(key)));
}
