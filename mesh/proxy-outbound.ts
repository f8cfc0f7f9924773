import { asText, at, isTree, treeAt, treesAt } from "../base/tree";
import { isOfMesh } from "./proxy-tls";

/*
 * How a proxy speaks to Services, by the clusters and endpoints that istiod sends it. With automatic mutual TLS a cluster has a socket
 * for each `tlsMode` of an endpoint (applyUpstreamTLSSettings in istio/istio, pilot/pkg/networking/core/cluster_tls.go).
 */

/** `mutual`: with the certificates of the mesh; `tls`: with others, or without showing one; `plain`: in clear text. */
export type Spoken = "mutual" | "tls" | "plain";

/** A Service as the proxy speaks to it. */
export interface ProxyOutbound {
  namespace: string;
  service: string;
  port: number;
  /** To each endpoint; none where the Service has none. */
  endpoints: Spoken[];
}

/** Reads clusters and endpoints from the list of resources that `types=cds,eds` gives. */
export function proxyOutbound(dump: unknown): ProxyOutbound[] {
  const resources = treesAt(dump, "configs");
  const ofType = (type: string) => resources.filter((each) => asText(each["@type"])?.endsWith(type) === true);
  const endpoints = new Map(
    ofType(".ClusterLoadAssignment").map((each) => [
      each["clusterName"],
      treesAt(each, "endpoints").flatMap((locality) => treesAt(locality, "lbEndpoints")),
    ]),
  );
  return ofType(".Cluster").flatMap((cluster) => {
    // Not those of subsets, which only a VirtualService leads to.
    const name = /^outbound\|(\d+)\|\|([^.]+)\.([^.]+)\.svc\b/.exec(asText(cluster["name"]) ?? "");
    if (name === null) return [];
    const [, port, service = "", namespace = ""] = name;
    const spoken = (endpoints.get(cluster["name"]) ?? []).map((endpoint) => spokenTo(cluster, endpoint));
    return [{ namespace, service, port: Number(port), endpoints: spoken }];
  });
}

/** How a cluster speaks to one endpoint: by the first socket whose labels the endpoint has. */
export function spokenTo(cluster: unknown, endpoint: unknown): Spoken {
  const labels = treeAt(endpoint, "metadata", "filterMetadata", "envoy.transport_socket_match");
  const match = treesAt(cluster, "transportSocketMatches").find((each) =>
    Object.entries(treeAt(each, "match")).every(([key, value]) => labels[key] === value),
  );
  const socket = at(match ?? cluster, "transportSocket", "typedConfig");
  if (!isTree(socket) || asText(socket["@type"])?.endsWith(".UpstreamTlsContext") !== true) return "plain";
  return isOfMesh(socket) ? "mutual" : "tls";
}
