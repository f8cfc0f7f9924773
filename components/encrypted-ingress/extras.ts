import type * as pulumi from "@pulumi/pulumi";
import { relocatedPath } from "../../mesh/images";
import { pulling } from "../../settings/effective";
import type { IstioControlPlane } from "../istio/istio-control-plane";
import { Kiali } from "../observability/kiali";
import { Prometheus } from "../observability/prometheus";
import { Bookinfo } from "../workload/bookinfo";
import type { Namespaces } from "./mesh";
import type { Site } from "./site";

/* What an ingress may have beside its two legs. */

/** The sample workload; it needs its sidecars, as the gateway does. */
export function sampleWorkload(
  { settings, name, opts }: Site,
  { workloads }: Namespaces,
  mesh: IstioControlPlane,
): pulumi.Resource[] {
  const { bookinfo, registry } = settings;
  if (bookinfo === undefined) return [];
  const home = workloads.filter(({ namespace }) => namespace === bookinfo.namespace);
  const args = {
    ...bookinfo,
    hub: relocatedPath(bookinfo.hub, registry),
    imagePullSecrets: pulling(settings).imagePullSecrets,
  };
  return [new Bookinfo(name("bookinfo"), args, opts(...mesh.injectors, ...home))];
}

/** The picture of the mesh. */
export function observability(
  { settings, sealed, name, opts, releaseOpts }: Site,
  namespaces: Namespaces,
  mesh: IstioControlPlane,
  before: pulumi.Resource[],
): pulumi.Resource[] {
  const { prometheus: metrics, kiali } = sealed;
  const common = { ...pulling(settings), namespace: settings.istio.namespace.name };
  if (metrics === undefined) return [];
  const prometheus = new Prometheus(name("prometheus"), { ...metrics, ...common }, opts(namespaces.istio, ...before));
  if (kiali === undefined) return [prometheus];
  const args = { ...kiali, ...common, prometheusUrl: prometheus.url };
  // Kiali reads Istio's kinds at start and gives up without them. Prometheus it looks for again and again.
  return [prometheus, new Kiali(name("kiali"), args, releaseOpts([mesh.istiod], namespaces.istio, ...before))];
}
