import { asList, asText, at, textsAt, treeAt, treesAt } from "../base/tree";
import { carriedReasons, fqdnOf, isPattern, plainPrefix, routesOf } from "./gateway-host";
import { type MeshObject, placeOf } from "./object";

/*
 * What EnRoute serves in clear text on port 80, and why: computeIngresses and computeGatewayHosts in saarasio/enroute,
 * enroute-dp/internal/dag/builder.go, and validIngressClass in internal/contour/k8s.go.
 */

/** An object that gives EnRoute hosts or routes. */
export type RouteSource = MeshObject & { kind: "GatewayHost" | "ServiceRoute" | "Ingress" };

/** What EnRoute reads, in all namespaces. */
export interface GatewayInput {
  gatewayHosts: readonly MeshObject[];
  serviceRoutes: readonly MeshObject[];
  /** None where its account may not list them. */
  ingresses: readonly MeshObject[];
  /** @default every Secret that a host names is there */
  certificates?: CertificateInput;
}

/** What decides whether a host has a certificate. */
export interface CertificateInput {
  /** TLSCertificateDelegations, which share a Secret with other namespaces. */
  delegations: readonly MeshObject[];
  /** Whether a Secret is a `kubernetes.io/tls` one with both keys (validSecret); undefined where that is not known. */
  isKeyPair(this: void, secret: SecretPlace): boolean | undefined;
}

/**
 * Why a path is served in clear text.
 * - `no-tls`: its GatewayHost names no Secret
 * - `no-certificate`: the Secret that it names gives no certificate
 * - `permit-insecure`: the route says so
 * - `ingress`: an Ingress is served on port 80, with or without TLS
 */
export type ClearTextCause = "no-tls" | "no-certificate" | "permit-insecure" | "ingress";

/** A path of a host that is answered in clear text on port 80. */
export interface ClearTextWay {
  /** DNS name; `*` for every name that has no host of its own. */
  host: string;
  prefix: string;
  cause: ClearTextCause;
  /** What gives the route. */
  source: RouteSource;
  /** The reason that the object carries, where it was declared by its stack. */
  reason?: string;
}

export interface ClearText {
  ways: ClearTextWay[];
  /** Hosts of which it is not known whether their Secret gives a certificate. */
  undecided: { host: string; source: RouteSource }[];
}

/** Class by which EnRoute knows its own objects; one without a class is its own, too (DEFAULT_INGRESS_CLASS). */
const ownClass = "enroute";

/** Whether EnRoute takes an Ingress or a GatewayHost: by annotation alone, never by spec.ingressClassName (validIngressClass). */
export function isTaken({ metadata: { annotations = {} } }: Pick<MeshObject, "metadata">): boolean {
  return (
    (annotations["enroute.saaras.io/ingress.class"] ?? annotations["kubernetes.io/ingress.class"] ?? ownClass) ===
    ownClass
  );
}

/**
 * Every path that is answered in clear text. Services are not looked at: a route to one that is missing counts, since it is served as
 * soon as there is one.
 */
export function clearText(input: GatewayInput): ClearText {
  const table = new RouteTable();
  const undecided: ClearText["undecided"] = [];
  for (const ingress of input.ingresses.filter(isTaken)) addIngress(table, sourceOf("Ingress", ingress));
  const hosts = input.gatewayHosts.filter(isTaken).map((host) => sourceOf("GatewayHost", host));
  for (const root of hosts.filter((host) => isServed(host, hosts))) {
    const host = fqdnOf(root)!;
    const leg = legOf(root, input);
    if (leg === "encrypted-stream") continue;
    if (leg === "undecided") {
      undecided.push({ host, source: root });
      continue;
    }
    addRoutes(table, root, { host, leg, hosts, serviceRoutes: input.serviceRoutes }, []);
  }
  return { ways: table.ways(), undecided };
}

function sourceOf<Kind extends RouteSource["kind"]>(kind: Kind, object: MeshObject): RouteSource & { kind: Kind } {
  return { ...object, kind };
}

/** Where a Secret is. */
export interface SecretPlace {
  namespace: string;
  name: string;
}

/** The Secret that a GatewayHost of a namespace names, as `name` or `namespace/name` (splitSecret). */
export function secretPlace(secretName: string, namespace: string): SecretPlace {
  const [first = "", ...rest] = secretName.split("/");
  return rest.length === 0 ? { namespace, name: first } : { namespace: first || namespace, name: rest.join("/") };
}

function hasCertificate(secretName: string, namespace: string, input?: CertificateInput): boolean | undefined {
  if (input === undefined) return true;
  const secret = secretPlace(secretName, namespace);
  return isDelegated(secret, namespace, input.delegations) ? input.isKeyPair(secret) : false;
}

/** Whether a Secret may be used from another namespace (delegationPermitted). */
function isDelegated(secret: SecretPlace, to: string, delegations: readonly MeshObject[]): boolean {
  return (
    secret.namespace === to ||
    delegations
      .filter(({ metadata }) => metadata.namespace === secret.namespace)
      .flatMap(({ spec }) => treesAt(spec, "delegations"))
      .some((one) => {
        const targets = textsAt(one, "targetNamespaces");
        return (
          one["secretName"] === secret.name && (targets.includes(to) || (targets.length === 1 && targets[0] === "*"))
        );
      })
  );
}

/** The Secrets that GatewayHosts name, each once. */
export function namedSecrets(gatewayHosts: readonly MeshObject[]): SecretPlace[] {
  const places = gatewayHosts.flatMap(({ metadata, spec }) => {
    const name = asText(at(spec, "virtualhost", "tls", "secretName"))?.trim() ?? "";
    return name === "" ? [] : [secretPlace(name, metadata.namespace ?? "")];
  });
  return places.filter(
    ({ namespace, name }, index) =>
      places.findIndex((other) => other.namespace === namespace && other.name === name) === index,
  );
}

/** Whether a GatewayHost is the root of a host: of a name that two claim, compared exactly, EnRoute serves neither (validGatewayHosts). */
function isServed(host: RouteSource, all: readonly RouteSource[]): boolean {
  if (at(host.spec, "virtualhost") === undefined) return false;
  const name = fqdnOf(host)?.trim() ?? "";
  if (name === "" || (name.includes("*") && at(host.spec, "virtualhost", "tls") !== undefined)) return false;
  return (
    all.filter((other) => at(other.spec, "virtualhost") !== undefined && fqdnOf(other) === fqdnOf(host)).length === 1
  );
}

type HostLeg = "redirected" | "no-tls" | "no-certificate" | "undecided" | "encrypted-stream";

/** How the host's part of port 80 is served; `encrypted-stream`: not at all, as a tcpproxy takes port 443 for itself. */
function legOf({ metadata, spec }: RouteSource, { certificates }: GatewayInput): HostLeg {
  const tls = at(spec, "virtualhost", "tls");
  const secretName = asText(at(tls, "secretName"))?.trim() ?? "";
  const certificate = secretName === "" ? false : hasCertificate(secretName, metadata.namespace ?? "", certificates);
  const isStream = at(spec, "tcpproxy") !== undefined;
  const isPassedThrough = secretName === "" && at(tls, "passthrough") === true;
  if (isStream && (certificate === true || isPassedThrough)) return "encrypted-stream";
  if (certificate === undefined) return "undecided";
  return certificate ? "redirected" : secretName === "" ? "no-tls" : "no-certificate";
}

interface HostRouting {
  host: string;
  leg: Exclude<HostLeg, "undecided" | "encrypted-stream">;
  hosts: readonly RouteSource[];
  serviceRoutes: readonly MeshObject[];
}

/** The routes of a host, of what it delegates to, and of ServiceRoutes; the first that is wrong ends the list (processRoutes). */
function addRoutes(table: RouteTable, source: RouteSource, routing: HostRouting, visited: readonly string[]): void {
  const { host, leg, hosts, serviceRoutes } = routing;
  for (const route of routesOf({ spec: source.spec })) {
    if (!isValid(route)) return;
    addRoute(table, source, route, { host, leg });
    for (const more of serviceRoutes.filter((one) => at(one.spec, "fqdn") === host))
      for (const added of routesOf(more).filter(isValid))
        addRoute(table, sourceOf("ServiceRoute", more), added, { host, leg });
    const delegate = treeAt(route, "delegate");
    const place = placeOf({
      metadata: {
        name: asText(delegate["name"]) ?? "",
        namespace: asText(delegate["namespace"]) ?? source.metadata.namespace ?? "",
      },
    });
    const next = hosts.find((other) => placeOf(other) === place);
    const path = [...visited, placeOf(source)];
    if (next === undefined) continue;
    if (path.includes(place)) return;
    addRoutes(table, next, routing, path);
  }
}

/** pathConditionsValid in conditions.go, and no route both serves and delegates. */
function isValid(route: unknown): boolean {
  const prefixes = treesAt(route, "conditions").flatMap(({ prefix }) => asText(prefix) ?? []);
  const isBoth = asList(at(route, "services")).length > 0 && at(route, "delegate") !== undefined;
  return prefixes.length < 2 && prefixes.every((prefix) => prefix.startsWith("/")) && !isBoth;
}

function addRoute(
  table: RouteTable,
  source: RouteSource,
  route: unknown,
  { host, leg }: Pick<HostRouting, "host" | "leg">,
): void {
  if (asList(at(route, "services")).length === 0) return;
  const conditions = treesAt(route, "conditions");
  const prefix = plainPrefix(conditions.map((condition) => asText(condition["prefix"]) ?? "").join("")) || "/";
  const headers = conditions.flatMap(({ header }) => (header === undefined ? [] : JSON.stringify(header)));
  const isPermitted = at(route, "permitInsecure") === true;
  const cause = leg !== "redirected" ? leg : isPermitted ? "permit-insecure" : undefined;
  const reason = asText(carriedReasons(source)[prefix])?.trim();
  table.add(host, [prefix, ...headers].join(","), source.kind, {
    ...{ host, prefix, source },
    ...(cause === undefined ? {} : { cause }),
    ...(reason === undefined || reason === "" ? {} : { reason }),
  });
}

/** An Ingress is served on port 80 unless its annotations forbid that, or ask for a redirect; spec.tls changes nothing there. */
function addIngress(table: RouteTable, source: RouteSource): void {
  const { annotations = {} } = source.metadata;
  const isRedirected = annotations["ingress.kubernetes.io/force-ssl-redirect"] === "true";
  if (!isRedirected && annotations["kubernetes.io/ingress.allow-http"] === "false") return;
  const fallback = at(source.spec, "defaultBackend");
  const rules = [
    ...treesAt(source.spec, "rules"),
    ...(fallback === undefined ? [] : [{ http: { paths: [{ backend: fallback }] } }]),
  ];
  for (const rule of rules) {
    const host = asText(at(rule, "host")) ?? "*";
    // Names with a wildcard are left out (computeIngresses); no name at all is every name.
    if (host !== "*" && host.includes("*")) continue;
    for (const path of treesAt(rule, "http", "paths")) {
      if (at(path, "backend", "service") === undefined) continue;
      const prefix = asText(path["path"]) ?? "/";
      table.add(host, prefix, "Ingress", {
        host,
        prefix,
        source,
        ...(isRedirected ? {} : { cause: "ingress" as const }),
      });
    }
  }
}

/** A route of port 80; without a cause it redirects. */
type PlainRoute = Omit<ClearTextWay, "cause"> & { cause?: ClearTextCause };

const rank = { Ingress: 0, GatewayHost: 1, ServiceRoute: 2 } as const;

/**
 * The routes of port 80 by host and conditions. Of the same conditions the last wins, and EnRoute goes by kind: Ingresses, then
 * GatewayHosts, after each of whose routes come the ServiceRoutes. Among objects of a kind the order is by chance, so all count.
 */
class RouteTable {
  private readonly routes = new Map<string, PlainRoute[]>();

  add(host: string, conditions: string, kind: RouteSource["kind"], route: PlainRoute): void {
    const key = `${host} ${isPattern(route.prefix) ? "~" : ""}${conditions}`;
    const rivals = (this.routes.get(key) ?? []).filter(
      ({ source }) => rank[source.kind] >= rank[kind] && source.metadata !== route.source.metadata,
    );
    const isBeaten = rivals.some(({ source }) => rank[source.kind] > rank[kind]);
    this.routes.set(key, isBeaten ? rivals : [...rivals, route]);
  }

  ways(): ClearTextWay[] {
    return [...this.routes.values()]
      .flat()
      .flatMap(({ cause, ...way }) => (cause === undefined ? [] : [{ ...way, cause }]));
  }
}
