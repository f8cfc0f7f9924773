import { listed } from "../../base/text";
import { asText } from "../../base/tree";
import type { Pod } from "../../cluster/kinds";
import { controlPlanes, defaultControlPlane } from "../../mesh/control-planes";
import { discoverySelectorsOf, isDiscovered } from "../../mesh/discovery";
import { revisionLabel } from "../../mesh/injection";
import { fieldsTwiceIn, readMeshConfig } from "../../mesh/mesh-config";
import { placeOf } from "../../mesh/object";
import { meshPolicies, modesOf, scopeOf, selectorOf } from "../../mesh/peer-authentication";
import { isPartOf } from "../../mesh/mutual-tls-policies";
import type { Settings } from "../../settings/schema";
import { ifRead } from "../facts";
import type { ClusterView } from "../view";

/** Why something else is in force than the stack asks for, and what helps. */
export interface Cause {
  why?: string;
  fix: string;
}

/**
 * What makes istiod obey other rules than the stack's, as far as the cluster tells: first what keeps it from reading policies at all,
 * then policies that say something else, then what changes its answers afterwards.
 */
export function cause(
  view: Pick<ClusterView, "meshConfigs" | "namespaces" | "peerAuthentications" | "envoyFilters">,
  settings: Settings,
  { metadata: { namespace = "", labels = {}, annotations } }: Pod,
): Cause {
  const root = settings.istio.namespace.name;
  // The control plane that serves it has injected it.
  const plane = controlPlanes(settings.istio).find(({ revision }) => revision === annotations?.[revisionLabel]);
  const { configMap } = plane ?? defaultControlPlane(settings.istio);
  const map = `ConfigMap ${root}/${configMap}`;
  const mesh = readMeshConfig(ifRead(view.meshConfigs[configMap])) ?? {};
  const twice = fieldsTwiceIn(ifRead(view.meshConfigs[configMap]));
  if (twice.length > 0)
    return {
      why: `${map} has ${listed(twice)} in two spellings, so that istiod stays with the configuration it had before`,
      fix: `see control-plane/mesh-configuration`,
    };
  const named = asText(mesh["rootNamespace"]);
  if (named !== undefined && named !== root)
    return {
      why: `${map} names ${named} the root namespace, so that Istio ignores the mesh-wide policy of ${root}`,
      fix: `take rootNamespace out of istio.meshConfig and istio.values.meshConfig, where the stack sets it, and run pulumi up; else take it out of ${map}: kubectl -n ${root} edit configmap ${configMap}`,
    };
  const selectors = discoverySelectorsOf(mesh);
  const left = [root, namespace].filter((name) => {
    const labels = ifRead(view.namespaces[name]);
    return labels !== undefined && isDiscovered(selectors, { name, labels }) === false;
  });
  if (left.length > 0)
    return {
      why: `the discoverySelectors of ${map} leave out ${listed(left)}, so that istiod does not read what is there`,
      fix: `have discoverySelectors select ${listed(left)} too, in istio.meshConfig or istio.values.meshConfig where the stack sets them, then pulumi up; or label the namespace as they ask`,
    };
  const { peerAuthentications } = view;
  const policies = ifRead(peerAuthentications) ?? [];
  const isWeak = (policy: (typeof policies)[number]) => modesOf(policy, root).some(({ weakness }) => weakness > 0);
  const [meshWide] = meshPolicies(policies, root);
  const own = policies.filter(
    (policy) =>
      policy.metadata.namespace === namespace &&
      scopeOf(policy, root) !== "mesh" &&
      isPartOf(selectorOf(policy), labels),
  );
  const weak = [...own.filter(isWeak), ...(meshWide !== undefined && isWeak(meshWide) ? [meshWide] : [])];
  if (weak.length > 0 || meshWide === undefined)
    return {
      why: weak.length > 0 ? `PeerAuthentication ${listed(weak.map(placeOf))}` : "there is no mesh-wide policy",
      fix: "see strict/mesh-wide, strict/namespaces, strict/workloads and strict/ports, which name the policy",
    };
  if (own.length > 0)
    return {
      why: `PeerAuthentication ${listed(own.map(placeOf))}`,
      fix: `compare it with mutualTls.exceptions: kubectl -n ${namespace} get peerauthentication ${own[0]!.metadata.name} --output yaml`,
    };
  const filters = (ifRead(view.envoyFilters) ?? []).filter(
    (filter) => filter.metadata.namespace === root || filter.metadata.namespace === namespace,
  );
  if (filters.length > 0)
    return {
      why: `EnvoyFilter ${listed(filters.map(placeOf))} may change what istiod sends`,
      fix: `look at what it patches, and delete it if it takes TLS away: kubectl -n ${filters[0]!.metadata.namespace} delete envoyfilter ${filters[0]!.metadata.name}`,
    };
  return {
    fix: `run pulumi up --refresh; if it stays, look at istiod's log: kubectl -n ${root} logs deployment/istiod`,
  };
}
