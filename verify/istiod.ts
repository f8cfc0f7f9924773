import { controlPlanes, defaultControlPlane } from "../mesh/control-planes";
import { isPartOf } from "../mesh/mutual-tls-policies";
import { meshRoots } from "./checks/identity";
import { livePods } from "./checks/injection";
import { ifRead } from "./facts";
import type { IstiodOptions } from "./probes/istiod";
import type { VerifySource } from "./readers";
import type { ClusterView } from "./view";

type Seen = Pick<ClusterView, "services" | "pods" | "rootCertificates">;

/**
 * The ways to istiods, at least one: each ready pod by port-forward, or where Services can be dialled, the Service's address, once
 * for each connection that it takes to have met every pod behind it in all likelihood. A text says why there is none.
 */
export function istiodRoutes(
  { cluster, settings, dialServices }: Pick<VerifySource, "cluster" | "settings" | "dialServices">,
  view: Seen,
): [IstiodOptions, ...IstiodOptions[]] | string {
  const rootNamespace = settings.istio.namespace.name;
  const roots = meshRoots(view, settings);
  if (roots === undefined) return "the mesh's root certificate is not known";
  // Each serves the proxies of its revision; the default one first, which is asked to sign.
  const main = defaultControlPlane(settings.istio).istiod;
  const names = [...new Set([main, ...controlPlanes(settings.istio).map(({ istiod }) => istiod)])];
  const [first, ...others] = names.flatMap((name) => {
    const service = ifRead(view.services[rootNamespace])?.find(({ metadata }) => metadata.name === name);
    const selector = service?.spec.selector ?? {};
    const ready = livePods(Object.keys(selector).length > 0 ? (ifRead(view.pods[rootNamespace]) ?? []) : []).filter(
      ({ metadata, status }) =>
        isPartOf(selector, metadata.labels) && status?.containerStatuses?.every((container) => container.ready),
    );
    const clusterIP = service?.spec.clusterIP;
    const dialled = ready.length > 1 ? ready.length * 4 : 1;
    const routes = dialServices
      ? Array.from({ length: clusterIP === undefined ? 0 : dialled }, () => ({ clusterIP: clusterIP! }))
      : ready.map(({ metadata }) => ({ pod: metadata.name }));
    return routes.map((route) => ({ cluster, rootNamespace, service: name, route, roots }));
  });
  return first === undefined ? "no istiod is ready" : [first, ...others];
}
