import { at, asText, treeAt, treesAt } from "../base/tree";
import { tunnelPort } from "./capture";
import { trustedCa } from "./proxy-tls";

/*
 * What a sidecar takes, by the listeners that istiod sends it (Envoy's JSON, as istiod's debug interface gives it). How istiod makes
 * them: buildInboundListeners and buildInboundPassthroughChains in istio/istio, pilot/pkg/networking/core/listener_inbound.go;
 * getFilterChainMatchOptions in filterchain_options.go; BuildInboundTLS in pilot/pkg/security/authn/utils/utils.go.
 */

/**
 * What a filter chain takes: `mutual`, TLS with a certificate of the mesh; `tls`, TLS from clients that show none, or one of whatever
 * CA; `plain`, everything else, TLS of the application's own included.
 */
export type Taken = "mutual" | "tls" | "plain";

/** How a port is protected by the listeners in force: Istio's modes, or `TLS` where clients need no certificate of the mesh. */
export type ModeInForce = "STRICT" | "PERMISSIVE" | "DISABLE" | "TLS";

export interface ProxyInbound {
  /** Of every port without chains of its own; undefined where the proxy catches nothing. */
  all: ModeInForce | undefined;
  /** Of ports with chains of their own, by their number. */
  ports: Record<number, ModeInForce>;
}

/** Reads the inbound listeners of a dump: Envoy's own shape, or the list of resources that `types=lds` gives. */
export function proxyInbound(dump: unknown): ProxyInbound {
  const taken = new Map<number | undefined, Taken[]>();
  for (const listener of listenersOf(dump).filter(isFromOutside)) {
    const own = isVirtual(listener) ? undefined : boundPort(listener);
    const chains = [...treesAt(listener, "filterChains"), ...[at(listener, "defaultFilterChain") ?? []].flat()];
    for (const chain of chains.filter((each) => !isBlackHole(each))) {
      const matched = at(chain, "filterChainMatch", "destinationPort");
      const port = typeof matched === "number" ? matched : own;
      taken.set(port, [...(taken.get(port) ?? []), takenBy(chain)]);
    }
  }
  const all = taken.get(undefined);
  const ports = [...taken].flatMap(([port, kinds]) => (port === undefined ? [] : [[port, modeOf(kinds)] as const]));
  return { all: all === undefined ? undefined : modeOf(all), ports: Object.fromEntries(ports) };
}

/** What is in force for a port; undefined where nothing stands before it. */
export function modeInForce({ all, ports }: ProxyInbound, port: number | undefined): ModeInForce | undefined {
  return port === undefined ? all : (ports[port] ?? all);
}

/** Envoy takes the chains of a port alone where there are any, so each of them counts. */
function modeOf(kinds: readonly Taken[]): ModeInForce {
  if (kinds.includes("tls")) return "TLS";
  if (!kinds.includes("plain")) return "STRICT";
  return kinds.includes("mutual") ? "PERMISSIVE" : "DISABLE";
}

export function takenBy(chain: unknown): Taken {
  const socket = treeAt(chain, "transportSocket", "typedConfig");
  // Others, such as starttls, take clear text first.
  if (asText(socket["@type"])?.endsWith(".DownstreamTlsContext") !== true) return "plain";
  return socket["requireClientCertificate"] === true && trustedCa(socket) !== undefined ? "mutual" : "tls";
}

function listenersOf(dump: unknown): unknown[] {
  return treesAt(dump, "configs").flatMap((config) => {
    const type = asText(config["@type"]) ?? "";
    if (type.endsWith(".Listener")) return [config];
    return treesAt(config, "dynamicListeners").map((each) => at(each, "activeState", "listener"));
  });
}

/**
 * Ends of HBONE tunnels are listeners without an address: what comes there has been decrypted before. One that an EnvoyFilter adds
 * has no direction, and is reached past the rules of the pod's network at the tunnels' port alone.
 */
function isFromOutside(listener: unknown): boolean {
  if (at(listener, "internalListener") !== undefined) return false;
  const direction = at(listener, "trafficDirection");
  return direction === "INBOUND" || (direction !== "OUTBOUND" && boundPort(listener) === tunnelPort);
}

/** The listener of all that the pod's network rules catch; others are bound to a port of their own. */
function isVirtual(listener: unknown): boolean {
  return at(listener, "name") === "virtualInbound" || at(listener, "useOriginalDst") === true;
}

function boundPort(listener: unknown): number | undefined {
  const port = at(listener, "address", "socketAddress", "portValue");
  return typeof port === "number" ? port : undefined;
}

/** What is sent to the proxy's own port is dropped. */
function isBlackHole(chain: unknown): boolean {
  const filters = treesAt(chain, "filters");
  return filters.some((filter) => at(filter, "typedConfig", "cluster") === "BlackHoleCluster");
}
