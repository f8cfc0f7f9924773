import { insecureRoutesAnnotation } from "../base/annotations";
import { type Tree, asList, asText, asTree, at, parsedJson, treeAt } from "../base/tree";
import type { MeshObject } from "./object";

/*
 * How EnRoute serves a host: computeIngressRoutes and minProtoVersion in saarasio/enroute, internal/dag/builder.go, and what was
 * seen in the configuration of its Envoy.
 */

/** A GatewayHost, or a ServiceRoute, which adds a route to one. */
export type RoutingObject = Pick<MeshObject, "kind" | "metadata" | "spec">;

/** `plain`: in clear text on port 80. `passthrough`: the workload presents the certificate. */
export type ClientLeg = "tls" | "passthrough" | "plain";

/** How clients reach a host. TLS needs a Secret; without one, `passthrough` counts, and for a tcpproxy alone. */
export function clientLegOf({ spec }: Pick<RoutingObject, "spec">): ClientLeg {
  const tls = treeAt(spec, "virtualhost", "tls");
  if (asText(tls["secretName"])?.trim()) return "tls";
  return tls["passthrough"] === true && at(spec, "tcpproxy") !== undefined ? "passthrough" : "plain";
}

export type TlsVersion = "1.1" | "1.2" | "1.3";

/** Versions that a host may ask for: the others are broken. */
export const minimumTlsVersions = ["1.2", "1.3"] as const;
export type MinimumTlsVersion = (typeof minimumTlsVersions)[number];

/** Oldest TLS version where nobody asks for another. */
export const defaultMinimumTlsVersion: MinimumTlsVersion = "1.2";

/** The oldest TLS version that a host takes: EnRoute takes every word but 1.2 and 1.3 to mean 1.1. */
export function oldestTlsOf({ spec }: Pick<RoutingObject, "spec">): TlsVersion {
  const version = at(spec, "virtualhost", "tls", "minimumProtocolVersion");
  return minimumTlsVersions.find((known) => known === version) ?? "1.1";
}

/** DNS name of a host, or of the host that a ServiceRoute belongs to. */
export function fqdnOf({ spec }: Pick<RoutingObject, "spec">): string | undefined {
  return asText(at(spec, "virtualhost", "fqdn")) ?? asText(at(spec, "fqdn"));
}

/** The routes of a GatewayHost, or the one of a ServiceRoute. */
export function routesOf({ spec }: Pick<RoutingObject, "spec">): unknown[] {
  const [many, one] = [at(spec, "routes"), at(spec, "route")];
  return [...asList(many), ...(one === undefined ? [] : [one].flat())];
}

/** Path prefix of a route that names none. */
export const defaultPrefix = "/";

export function prefixOf(route: unknown): string {
  const prefixes = asList(at(route, "conditions")).flatMap((condition) => asText(at(condition, "prefix")) ?? []);
  return plainPrefix(prefixes[0] ?? defaultPrefix);
}

/** A prefix as EnRoute has it: slashes in a row count as one (mergePathConditions). */
export function plainPrefix(prefix: string): string {
  return prefix.replace(/\/{2,}/g, "/");
}

/** Whether EnRoute takes a path to be a regular expression, for the whole path, in no order (mergePathConditions, longestRouteFirst). */
export function isPattern(path: string): boolean {
  return /[\^+*[\]%]/.test(path);
}

/** The routes of a host whose prefix an earlier one has: EnRoute keeps one of them, by that prefix (VirtualHost.addRoute, dag.go). */
export function repeatedPrefixes(routes: readonly { prefix?: string }[]): { index: number; first: number }[] {
  const prefixes = routes.map(({ prefix = defaultPrefix }) => plainPrefix(prefix));
  return prefixes.flatMap((prefix, index) => {
    const first = prefixes.indexOf(prefix);
    return first < index ? [{ index, first }] : [];
  });
}

/** Prefixes of the routes that are served in clear text on port 80, too (`permitInsecure`). */
export function plainRoutes(object: Pick<RoutingObject, "spec">): string[] {
  return routesOf(object)
    .filter((route) => at(route, "permitInsecure") === true)
    .map(prefixOf);
}

/** Why each plain route is needed, by prefix. */
export type PlainReasons = Record<string, string>;

/** Reasons that the routes of a stack declare. */
export function declaredReasons(
  routes: readonly { prefix?: string; permitInsecure?: { reason: string } }[],
): PlainReasons {
  return Object.fromEntries(
    routes.flatMap(({ prefix = defaultPrefix, permitInsecure }) =>
      permitInsecure === undefined ? [] : [[plainPrefix(prefix), permitInsecure.reason]],
    ),
  );
}

/** A path of a host that must not be served in clear text; undefined where the stack lets every route be plain. */
export function securePath(routes: Parameters<typeof declaredReasons>[0]): string | undefined {
  const reasons = declaredReasons(routes);
  const prefixes = routes
    .map(({ prefix = defaultPrefix }) => plainPrefix(prefix))
    .filter((prefix) => !(prefix in reasons));
  return prefixes.sort((a, b) => a.length - b.length)[0];
}

/** Annotations by which an object carries the reasons that its stack declares. */
export function reasonAnnotations(reasons: PlainReasons): Record<string, string> {
  return Object.keys(reasons).length === 0 ? {} : { [insecureRoutesAnnotation]: JSON.stringify(reasons) };
}

/** Reasons that an object carries. */
export function carriedReasons({ metadata }: Pick<RoutingObject, "metadata">): Tree {
  return asTree(parsedJson(metadata.annotations?.[insecureRoutesAnnotation]));
}

/** Plain routes for which nobody gives a reason: a route may be plain only where its stack says why. */
export function undeclaredPlainRoutes(object: RoutingObject, reasons: Tree = carriedReasons(object)): string[] {
  return plainRoutes(object).filter((prefix) => (asText(reasons[prefix])?.trim() ?? "") === "");
}
