import { createHash } from "node:crypto";

/*
 * What EnRoute makes of the objects of a cluster, before it is put into Envoy's words: enroute-dp/internal/dag/builder.go of
 * saarasio/enroute, as far as the sandbox needs it. Pure.
 */

export interface Named {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

export interface Condition {
  readonly prefix?: string;
  readonly header?: {
    readonly name: string;
    readonly present?: boolean;
    readonly contains?: string;
    readonly notcontains?: string;
    readonly exact?: string;
    readonly notexact?: string;
  };
}

export interface RouteSpec {
  readonly conditions?: readonly Condition[];
  readonly services?: readonly { readonly name: string; readonly port: number }[];
  readonly permitInsecure?: boolean;
  readonly delegate?: { readonly name: string; readonly namespace?: string };
}

export interface GatewayHost extends Named {
  readonly spec: {
    readonly virtualhost?: {
      readonly fqdn?: string;
      readonly tls?: {
        readonly secretName?: string;
        readonly minimumProtocolVersion?: string;
        readonly passthrough?: boolean;
      };
    };
    readonly routes?: readonly RouteSpec[];
    readonly tcpproxy?: object;
  };
}

export interface ServiceRoute extends Named {
  readonly spec: { readonly fqdn?: string; readonly route?: RouteSpec };
}

export interface IngressBackend {
  readonly service?: { readonly name: string; readonly port?: { readonly number?: number; readonly name?: string } };
}

export interface Ingress extends Named {
  readonly spec: {
    readonly defaultBackend?: IngressBackend;
    readonly tls?: readonly { readonly hosts?: readonly string[]; readonly secretName?: string }[];
    readonly rules?: readonly {
      readonly host?: string;
      readonly http?: { readonly paths?: readonly { readonly path?: string; readonly backend: IngressBackend }[] };
    }[];
  };
}

export interface Delegation extends Named {
  readonly spec: {
    readonly delegations?: readonly { readonly secretName: string; readonly targetNamespaces: readonly string[] }[];
  };
}

export interface Secret extends Named {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
}

export interface Service extends Named {
  readonly spec: {
    readonly clusterIP?: string;
    readonly ports?: readonly { readonly port: number; readonly name?: string }[];
  };
}

/** The objects that routes come from. */
export interface RoutingObjects {
  readonly gatewayHosts: readonly GatewayHost[];
  readonly serviceRoutes: readonly ServiceRoute[];
  /** None where the gateway's account may not list them. */
  readonly ingresses: readonly Ingress[];
  readonly delegations: readonly Delegation[];
  readonly secrets: readonly Secret[];
  readonly services: readonly Service[];
}

/** A port of a Service. */
export interface Target {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

export interface Route {
  readonly path: string;
  /** Whether the path is a regular expression, for the whole path. */
  readonly isPattern: boolean;
  readonly headers: readonly NonNullable<Condition["header"]>[];
  readonly target: Target;
  /** Over plain HTTP clients are sent to https. */
  readonly isRedirected: boolean;
}

/** A certificate and its key, PEM. */
export interface KeyPair {
  readonly certificateChain: string;
  readonly privateKey: string;
}

export interface SecureHost {
  readonly keyPair: KeyPair;
  readonly minimumVersion: string | undefined;
}

/** Hosts by name, with their routes in the order in which Envoy tries them. */
export interface Routing {
  readonly http: ReadonlyMap<string, readonly Route[]>;
  readonly https: ReadonlyMap<string, SecureHost & { readonly routes: readonly Route[] }>;
}

type Routes = Map<string, Route>;

export function routingOf(objects: RoutingObjects): Routing {
  return new Builder(objects).build();
}

class Builder {
  private readonly http = new Map<string, Routes>();
  private readonly https = new Map<string, Routes>();
  private readonly secure = new Map<string, SecureHost>();
  private readonly ingresses: readonly Ingress[];
  private readonly gatewayHosts: readonly GatewayHost[];

  constructor(private readonly objects: RoutingObjects) {
    const byName = (a: Named, b: Named) => (placeOf(a) < placeOf(b) ? -1 : 1);
    this.ingresses = objects.ingresses.filter(isTaken).sort(byName);
    this.gatewayHosts = objects.gatewayHosts.filter(isTaken).sort(byName);
  }

  build(): Routing {
    this.ingresses.forEach((ingress) => this.addCertificates(ingress));
    this.ingresses.forEach((ingress) => this.addIngress(ingress));
    this.gatewayHosts.forEach((host) => this.addHost(host));
    const http = [...this.http].map(([name, routes]) => [name, inOrder([...routes.values()])] as const);
    // Without a Secret a host is not served on 443, whatever its routes; there nothing redirects.
    const https = [...this.secure].map(([name, host]) => {
      const routes = inOrder([...this.routesOf(name, this.https).values()]);
      return [name, { ...host, routes: routes.map((route) => ({ ...route, isRedirected: false })) }] as const;
    });
    return { http: new Map(http.filter(([, routes]) => routes.length > 0)), https: new Map(https) };
  }

  private routesOf(name: string, hosts: Map<string, Routes>): Routes {
    const routes = hosts.get(name) ?? new Map<string, Route>();
    hosts.set(name, routes);
    return routes;
  }

  /** computeSecureVirtualhosts */
  private addCertificates({ metadata, spec }: Ingress): void {
    const minimumVersion = metadata.annotations?.["enroute.saaras.io/tls-minimum-protocol-version"];
    for (const { hosts = [], secretName = "" } of spec.tls ?? []) {
      const keyPair = this.keyPair(secretName, metadata.namespace ?? "");
      if (keyPair !== undefined) hosts.forEach((host) => this.secure.set(host, { keyPair, minimumVersion }));
    }
  }

  /** computeIngresses */
  private addIngress({ metadata, spec }: Ingress): void {
    const { annotations = {}, namespace = "" } = metadata;
    const isRedirected = annotations["ingress.kubernetes.io/force-ssl-redirect"] === "true";
    const isPlain = isRedirected || annotations["kubernetes.io/ingress.allow-http"] !== "false";
    const fallback = spec.defaultBackend === undefined ? [] : [{ http: { paths: [{ backend: spec.defaultBackend }] } }];
    for (const rule of [...(spec.rules ?? []), ...fallback]) {
      const { host = "*", http } = rule as NonNullable<Ingress["spec"]["rules"]>[number];
      if (host !== "*" && host.includes("*")) continue;
      for (const { path = "/", backend } of http?.paths ?? []) {
        const { name = "", port } = backend.service ?? {};
        const target = this.target(namespace, name, port?.number, port?.name);
        if (target === undefined) continue;
        const route = { path, isPattern: isPattern(path), headers: [], target, isRedirected };
        if (isPlain) add(this.routesOf(host, this.http), route);
        if (host !== "*" && this.secure.has(host)) add(this.routesOf(host, this.https), route);
      }
    }
  }

  /** computeGatewayHosts; of a name that two claim neither is served (validGatewayHosts). */
  private addHost(host: GatewayHost): void {
    const { virtualhost, tcpproxy, routes } = host.spec;
    if (virtualhost === undefined) return;
    const { fqdn = "", tls } = virtualhost;
    const isUnique =
      this.gatewayHosts.filter(({ spec }) => spec.virtualhost?.fqdn === fqdn && spec.virtualhost).length === 1;
    if (!isUnique || fqdn.trim() === "" || (tls !== undefined && fqdn.includes("*"))) return;
    const keyPair = this.keyPair(tls?.secretName ?? "", host.metadata.namespace ?? "");
    if (keyPair !== undefined) this.secure.set(fqdn, { keyPair, minimumVersion: tls?.minimumProtocolVersion });
    const isPassedThrough = (tls?.secretName ?? "").trim() === "" && tls?.passthrough === true;
    // Streams of a tcpproxy lead nowhere here, but port 80 is not served for them either.
    if (tcpproxy !== undefined && (keyPair !== undefined || isPassedThrough)) return;
    if (routes !== undefined) this.addRoutes(host, fqdn, keyPair !== undefined, []);
  }

  /** processRoutes: a route that is wrong ends the list. */
  private addRoutes(host: GatewayHost, fqdn: string, enforceTls: boolean, visited: readonly string[]): void {
    const namespace = host.metadata.namespace ?? "";
    for (const route of host.spec.routes ?? []) {
      if (!this.addRoute(route, namespace, fqdn, enforceTls)) return;
      for (const more of this.objects.serviceRoutes)
        if (more.spec.fqdn === fqdn && more.spec.route !== undefined)
          this.addRoute(more.spec.route, more.metadata.namespace ?? "", fqdn, enforceTls);
      if (route.delegate === undefined) continue;
      const place = `${route.delegate.namespace ?? namespace}/${route.delegate.name}`;
      const next = this.gatewayHosts.find((other) => placeOf(other) === place);
      const path = [...visited, placeOf(host)];
      if (next === undefined) continue;
      if (path.includes(place)) return;
      this.addRoutes(next, fqdn, enforceTls, path);
    }
  }

  /** processOneRoute. @returns whether the route is right. */
  private addRoute(route: RouteSpec, namespace: string, fqdn: string, enforceTls: boolean): boolean {
    const { conditions = [], services = [], delegate, permitInsecure = false } = route;
    const prefixes = conditions.flatMap(({ prefix = "" }) => (prefix === "" ? [] : [prefix]));
    if (prefixes.length > 1 || prefixes.some((prefix) => !prefix.startsWith("/"))) return false;
    if (services.length > 0 && delegate !== undefined) return false;
    if (services.length === 0) return true;
    const targets = services.map(({ name, port }) => this.target(namespace, name, port));
    const [target] = targets;
    if (target === undefined || targets.includes(undefined)) return false;
    const path = (prefixes[0] ?? "/").replace(/\/{2,}/g, "/");
    const headers = conditions.flatMap(({ header }) => header ?? []);
    // Of several Services the first is taken here; EnRoute spreads the load.
    const made = { path, isPattern: isPattern(path), headers, target, isRedirected: enforceTls && !permitInsecure };
    add(this.routesOf(fqdn, this.http), made);
    add(this.routesOf(fqdn, this.https), made);
    return true;
  }

  /** lookupHTTPService */
  private target(namespace: string, name: string, number?: number, portName?: string): Target | undefined {
    const service = this.objects.services.find(
      ({ metadata }) => metadata.name === name && metadata.namespace === namespace,
    );
    const found = service?.spec.ports?.find(
      (one) => one.port === number || (portName !== undefined && portName !== "" && one.name === portName),
    );
    return found === undefined ? undefined : { namespace, name, port: found.port };
  }

  /** lookupSecret by validSecret, and delegationPermitted. Whether Envoy takes the pair nobody asks. */
  private keyPair(secretName: string, to: string): KeyPair | undefined {
    const [first = "", ...rest] = secretName.split("/");
    const [namespace, name] = rest.length === 0 ? [to, first] : [first || to, rest.join("/")];
    const secret = this.objects.secrets.find(
      ({ metadata }) => metadata.name === name && metadata.namespace === namespace,
    );
    if (secret?.type !== "kubernetes.io/tls" || !this.isDelegated(namespace, name, to)) return undefined;
    const decoded = (key: string) => Buffer.from(secret.data?.[key] ?? "", "base64").toString("utf8");
    const pair = { certificateChain: decoded("tls.crt"), privateKey: decoded("tls.key") };
    return pair.certificateChain === "" || pair.privateKey === "" ? undefined : pair;
  }

  private isDelegated(namespace: string, name: string, to: string): boolean {
    if (namespace === to) return true;
    return this.objects.delegations
      .filter(({ metadata }) => metadata.namespace === namespace)
      .flatMap(({ spec }) => spec.delegations ?? [])
      .some(
        ({ secretName, targetNamespaces: targets }) =>
          secretName === name && (targets.includes(to) || (targets.length === 1 && targets[0] === "*")),
      );
  }
}

const placeOf = ({ metadata }: Named) => `${metadata.namespace}/${metadata.name}`;

/** validIngressClass in internal/contour/k8s.go: by annotation, never by spec.ingressClassName. */
function isTaken({ metadata: { annotations = {} } }: Named): boolean {
  const named = annotations["enroute.saaras.io/ingress.class"] ?? annotations["kubernetes.io/ingress.class"];
  return named === undefined || named === "enroute";
}

const isPattern = (path: string) => /[\^+*[\]%]/.test(path);

/** VirtualHost.addRoute in dag.go: of two routes with the same conditions the last is kept. */
function add(routes: Routes, route: Route): void {
  routes.set(JSON.stringify([route.path, route.isPattern, route.headers]), route);
}

/** longestRouteFirst in internal/contour/route.go: prefixes backwards by their text, so that a longer one comes before its beginning. */
function inOrder(routes: Route[]): Route[] {
  const rank = ({ path, isPattern: last }: Route) => (last ? "" : path);
  return routes.sort((a, b) => (rank(a) === rank(b) ? 0 : rank(a) > rank(b) ? -1 : 1));
}

/** Name of a host's certificate in Envoy: another certificate is another name, so that Envoy never goes on with the one before. */
export function secretNameOf(host: string, { certificateChain, privateKey }: KeyPair): string {
  const digest = createHash("sha256").update(certificateChain).update(privateKey).digest("hex");
  return `serving-${host}-${digest.slice(0, 10)}`;
}
