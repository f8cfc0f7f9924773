import { count, listed } from "../../base/text";
import type { GatewayHost } from "../../cluster/kinds";
import { formerGatewayHostName, gatewayHostName } from "../../mesh/enroute";
import {
  type RoutingObject,
  declaredReasons,
  fqdnOf,
  plainRoutes,
  routesOf,
  undeclaredPlainRoutes,
} from "../../mesh/gateway-host";
import { placeOf, titleOf } from "../../mesh/object";
import { stackAnnotation } from "../../mesh/ownership";
import { servingSecret } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { CannotTell, notThere } from "../check";
import type { ClusterView } from "../view";
import { declaredWays } from "./clear-text";
import { type VerifyCheck, verifyCheck } from "./define";
import { itemsOf } from "./reading";

type Host = Settings["hosts"][number];
const placeOfHost = ({ host, namespace }: Host) => placeOf({ metadata: { name: gatewayHostName(host), namespace } });

function hostsOf(view: Pick<ClusterView, "gatewayHosts">): GatewayHost[] {
  return itemsOf(view.gatewayHosts, "GatewayHosts");
}

function find(view: Pick<ClusterView, "gatewayHosts">, { host, namespace }: Host): GatewayHost | undefined {
  const own = hostsOf(view).filter(
    ({ metadata, spec }) => metadata.namespace === namespace && spec?.virtualhost?.fqdn?.toLowerCase() === host,
  );
  const named = (name: string) => own.find(({ metadata }) => metadata.name === name);
  // One that was adopted has the name that it had.
  const adopted = own.find(({ metadata }) => metadata.annotations?.[stackAnnotation] !== undefined);
  return named(gatewayHostName(host)) ?? named(formerGatewayHostName(host)) ?? adopted;
}

/** Each host's GatewayHost, or the check cannot tell: `hosts/present` says which are missing. */
function thereIsEach(view: Pick<ClusterView, "gatewayHosts">, { hosts }: Settings): void {
  const missing = hosts.filter((host) => find(view, host) === undefined).map(({ host }) => host);
  if (missing.length > 0) throw notThere(`no GatewayHost for ${listed(missing)}`, "hosts/present");
}

const present = verifyCheck({
  id: "hosts/present",
  title: "every host of the stack has its GatewayHost",
  needs: ["gatewayHosts"],
  subject: "hosts",
  fix: "run pulumi up --refresh",
  docs: { meaning: "each host has its GatewayHost", fix: "`pulumi up --refresh`" },
  run(view, { settings }, problem) {
    for (const host of settings.hosts)
      if (find(view, host) === undefined) {
        const name = placeOfHost(host);
        const namesake = hostsOf(view).find((candidate) => placeOf(candidate) === name);
        problem(
          namesake === undefined
            ? `GatewayHost ${name} is missing`
            : `GatewayHost ${name} is for ${namesake.spec?.virtualhost?.fqdn ?? "no host"} instead of ${host.host}`,
          { subject: `GatewayHost ${name}` },
        );
      }
    return listed(settings.hosts.map(({ host }) => host));
  },
});

const unique = verifyCheck({
  id: "hosts/unique",
  title: "no other GatewayHost claims a host of the stack",
  needs: ["gatewayHosts"],
  subject: "hosts",
  fix: "delete the other",
  docs: { meaning: "no other GatewayHost claims a host: EnRoute would serve neither", fix: "delete the other" },
  run(view, { settings }, problem) {
    for (const wanted of settings.hosts) {
      const { host } = wanted;
      const own = find(view, wanted);
      const rivals = hostsOf(view).filter(
        (candidate) => candidate !== own && candidate.spec?.virtualhost?.fqdn?.toLowerCase() === host,
      );
      if (rivals.length > 0)
        problem(`${host} is claimed by ${listed(rivals.map(placeOf))} too: EnRoute serves neither`, {
          subject: host,
          fix: rivals
            .map(({ metadata }) => `kubectl -n ${metadata.namespace} delete gatewayhost ${metadata.name}`)
            .join("; "),
        });
    }
    thereIsEach(view, settings);
    return `${count(settings.hosts.length, "host")}, each with one GatewayHost`;
  },
});

const tls = verifyCheck({
  id: "hosts/tls",
  title: "every host asks for TLS with its Secret and the minimum version of the stack",
  needs: ["gatewayHosts"],
  subject: "hosts",
  fix: "run pulumi up --refresh",
  docs: { meaning: "each GatewayHost names the right Secret and minimum version", fix: "`pulumi up --refresh`" },
  run(view, { settings }, problem) {
    const secret = servingSecret(settings);
    const seen: string[] = [];
    for (const host of settings.hosts) {
      const found = find(view, host);
      if (found === undefined) continue;
      const asked = found.spec?.virtualhost?.tls;
      const name = `GatewayHost ${placeOf(found)}`;
      seen.push(`${host.host}: Secret ${asked?.secretName}, TLS ${asked?.minimumProtocolVersion}+`);
      if (asked === undefined) problem(`${name} has no tls: it is served in clear text`);
      else if (asked.passthrough === true) problem(`${name} passes TLS through: the gateway presents no certificate`);
      else if (asked.secretName !== secret)
        problem(`${name} names Secret ${asked.secretName ?? "(none)"} instead of ${secret}`);
      else if (asked.minimumProtocolVersion !== host.minimumTlsVersion)
        problem(
          `${name} takes TLS from version ${asked.minimumProtocolVersion ?? "1.1 (EnRoute's default)"} instead of ${host.minimumTlsVersion}`,
        );
    }
    thereIsEach(view, settings);
    return seen.join("; ");
  },
});

/** What routes a host: its GatewayHosts, and ServiceRoutes that add to them. */
function routing(
  view: Pick<ClusterView, "gatewayHosts" | "serviceRoutes">,
  { host }: Host,
): (RoutingObject & { kind: string })[] {
  const of = (kind: string, objects: RoutingObject[]) =>
    objects.filter((object) => fqdnOf(object)?.toLowerCase() === host).map((object) => ({ ...object, kind }));
  return [...of("GatewayHost", hostsOf(view)), ...of("ServiceRoute", itemsOf(view.serviceRoutes, "ServiceRoutes"))];
}

const secureRoutes = verifyCheck({
  id: "hosts/secure-routes",
  title: "no route of a host may be used without TLS, unless the stack says why",
  needs: ["gatewayHosts", "serviceRoutes"],
  subject: "hosts",
  fix: "declare the route in hosts[].routes[].permitInsecure with a reason, or take permitInsecure away",
  docs: {
    meaning:
      "no route of a host, from its GatewayHost, from one that it delegates to, or from a ServiceRoute, has `permitInsecure`, but for those that `hosts[].routes[].permitInsecure` declares with a reason",
    fix: "declare it, or take `permitInsecure` away",
  },
  run(view, { settings }, problem) {
    const all = settings.hosts.flatMap((host) =>
      routing(view, host).map((object) => {
        const own = find(view, host);
        const isOurs = object.kind === "GatewayHost" && own !== undefined && placeOf(object) === placeOf(own);
        return { object, host: host.host, reasons: isOurs ? declaredReasons(host.routes) : {} };
      }),
    );
    // Not pulumi up --refresh: the provider does not see a route that was added behind those of the stack.
    for (const { object, reasons } of all) {
      const open = undeclaredPlainRoutes(object, reasons);
      const { kind, metadata } = object;
      if (open.length > 0)
        problem(`${titleOf(object)} serves ${listed(open)} in clear text on port 80 by permitInsecure`, {
          subject: titleOf(object),
          fix: `declare the route in hosts[].routes[].permitInsecure with a reason, or take permitInsecure away: kubectl -n ${metadata.namespace} edit ${kind.toLowerCase()} ${metadata.name}`,
        });
    }
    for (const { source, host, prefix } of declaredWays(view)) {
      const isOther = all.every(({ object }) => object.metadata !== source.metadata);
      if (isOther && settings.hosts.some((own) => own.host === host))
        problem(`${titleOf(source)}, to which ${host} delegates, serves ${prefix} in clear text on port 80`, {
          subject: titleOf(source),
          fix: `take permitInsecure away: kubectl -n ${source.metadata.namespace} edit gatewayhost ${source.metadata.name}`,
        });
    }
    thereIsEach(view, settings);
    const routed = all.filter(({ object }) => routesOf(object).length > 0).map(({ host }) => host);
    const bare = settings.hosts.map(({ host }) => host).filter((host) => !routed.includes(host));
    if (bare.length > 0)
      throw new CannotTell(`${listed(bare)} has no route: nothing to look at`, "run pulumi up --refresh");
    const plain = all.flatMap(({ object }) => plainRoutes(object).map((prefix) => `${fqdnOf(object)}${prefix}`));
    const routes = count(all.flatMap(({ object }) => routesOf(object)).length, "route");
    return plain.length === 0 ? routes : `${routes}; without TLS as declared: ${listed(plain)}`;
  },
});

const backends = verifyCheck({
  id: "hosts/backends",
  title: "the Services that hosts route to exist",
  severity: "warning",
  needs: ["services"],
  subject: "hosts",
  fix: "install the workload, or correct hosts[].routes in the stack",
  docs: { meaning: "the Services and ports of its routes exist", fix: "install the workload" },
  run(view, { settings }, problem) {
    const seen = settings.hosts.flatMap(({ host, namespace, routes: wanted }) => {
      const services = itemsOf(view.services[namespace], `Services of namespace ${namespace}`);
      return wanted.map(({ service, port }) => {
        const found = services.find(({ metadata }) => metadata.name === service);
        if (found === undefined)
          problem(
            `${host} routes to Service ${namespace}/${service}, which does not exist`,
            namespace === settings.bookinfo?.namespace
              ? { fix: "run pulumi up --refresh, if it is one of Bookinfo's; else install the workload" }
              : {},
          );
        else if (!found.spec.ports?.some((one) => one.port === port))
          problem(
            `${host} routes to port ${port} of Service ${namespace}/${service}, which has ${found.spec.ports?.map((one) => one.port).join(", ") || "none"}`,
          );
        return `${namespace}/${service}:${port}`;
      });
    });
    return listed([...new Set(seen)]);
  },
});

/** Whether each host of the stack is served over TLS, and only so. */
export const hostsChecks: readonly VerifyCheck[] = [present, unique, tls, secureRoutes, backends];
