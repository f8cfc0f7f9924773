import type { Result } from "../../base/report";
import { count, listed } from "../../base/text";
import type { GatewayHost } from "../../cluster/kinds";
import { gatewayHostName } from "../../mesh/enroute";
import {
  type RoutingObject,
  declaredReasons,
  fqdnOf,
  plainRoutes,
  routesOf,
  undeclaredPlainRoutes,
} from "../../mesh/gateway-host";
import { placeOf, titleOf } from "../../mesh/object";
import { servingSecret } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { judge } from "../result";
import type { ClusterView } from "../view";
import { itemsOf } from "./reading";

type Host = Settings["hosts"][number];
const nameOf = placeOf;
const placeOfHost = ({ host, namespace }: Host) => placeOf({ metadata: { name: gatewayHostName(host), namespace } });

/** Whether each host of the stack is served over TLS, and only so. */
export function checkHosts(view: ClusterView, settings: Settings): Result[] {
  return [
    present(view, settings),
    unique(view, settings),
    tls(view, settings),
    secureRoutes(view, settings),
    backends(view, settings),
  ];
}

function hostsOf(view: ClusterView): GatewayHost[] {
  return itemsOf(view.gatewayHosts, "GatewayHosts");
}

function find(view: ClusterView, { host, namespace }: Host): GatewayHost | undefined {
  return hostsOf(view).find(
    ({ metadata, spec }) =>
      metadata.namespace === namespace &&
      metadata.name === gatewayHostName(host) &&
      spec?.virtualhost?.fqdn?.toLowerCase() === host,
  );
}

function present(view: ClusterView, settings: Settings): Result {
  return judge(
    { check: "hosts/present", title: "every host of the stack has its GatewayHost", fix: "run pulumi up --refresh" },
    (problem) => {
      for (const host of settings.hosts)
        if (find(view, host) === undefined) {
          const name = placeOfHost(host);
          const namesake = hostsOf(view).find((candidate) => nameOf(candidate) === name);
          problem(
            namesake === undefined
              ? `GatewayHost ${name} is missing`
              : `GatewayHost ${name} is for ${namesake.spec?.virtualhost?.fqdn ?? "no host"} instead of ${host.host}`,
          );
        }
      return listed(settings.hosts.map(({ host }) => host));
    },
  );
}

function unique(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "hosts/unique",
      title: "no other GatewayHost claims a host of the stack",
      fix: "",
    },
    (problem) => {
      for (const { host, namespace } of settings.hosts) {
        const rivals = hostsOf(view).filter(
          (candidate) =>
            candidate.spec?.virtualhost?.fqdn?.toLowerCase() === host &&
            nameOf(candidate) !== `${namespace}/${gatewayHostName(host)}`,
        );
        if (rivals.length > 0)
          problem(
            `${host} is claimed by ${listed(rivals.map(nameOf))} too: EnRoute serves neither`,
            rivals
              .map(({ metadata }) => `kubectl -n ${metadata.namespace} delete gatewayhost ${metadata.name}`)
              .join("; "),
          );
      }
      return count(settings.hosts.length, "host");
    },
  );
}

function tls(view: ClusterView, settings: Settings): Result {
  const secret = servingSecret(settings);
  return judge(
    {
      check: "hosts/tls",
      title: "every host asks for TLS with its Secret and the minimum version of the stack",
      fix: "run pulumi up --refresh",
    },
    (problem) => {
      for (const host of settings.hosts) {
        const found = find(view, host);
        // That it is there is another check's matter.
        if (found === undefined) continue;
        const asked = found.spec?.virtualhost?.tls;
        const name = `GatewayHost ${nameOf(found)}`;
        if (asked === undefined) problem(`${name} has no tls: it is served in clear text`);
        else if (asked.passthrough === true) problem(`${name} passes TLS through: the gateway presents no certificate`);
        else if (asked.secretName !== secret)
          problem(`${name} names Secret ${asked.secretName ?? "(none)"} instead of ${secret}`);
        else if (asked.minimumProtocolVersion !== host.minimumTlsVersion)
          problem(
            `${name} takes TLS from version ${asked.minimumProtocolVersion ?? "1.1 (EnRoute's default)"} instead of ${host.minimumTlsVersion}`,
          );
      }
      return settings.hosts
        .map(({ host, minimumTlsVersion }) => `${host}: Secret ${secret}, TLS ${minimumTlsVersion}+`)
        .join("; ");
    },
  );
}

/** What routes a host: its GatewayHosts, and ServiceRoutes that add to them. */
function routing(view: ClusterView, { host }: Host): (RoutingObject & { kind: string })[] {
  const of = (kind: string, objects: RoutingObject[]) =>
    objects.filter((object) => fqdnOf(object)?.toLowerCase() === host).map((object) => ({ ...object, kind }));
  return [...of("GatewayHost", hostsOf(view)), ...of("ServiceRoute", itemsOf(view.serviceRoutes, "ServiceRoutes"))];
}

function secureRoutes(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "hosts/secure-routes",
      title: "no route of a host may be used without TLS, unless the stack says why",
      fix: "",
    },
    (problem) => {
      const all = settings.hosts.flatMap((host) =>
        routing(view, host).map((object) => {
          const isOurs = object.kind === "GatewayHost" && placeOf(object) === placeOfHost(host);
          return { object, reasons: isOurs ? declaredReasons(host.routes) : {} };
        }),
      );
      const open = all.filter(({ object, reasons }) => undeclaredPlainRoutes(object, reasons).length > 0);
      if (open.length > 0)
        problem(
          `served in clear text on port 80 by permitInsecure: ${listed([...new Set(open.map(({ object }) => titleOf(object)))])}`,
          // Not pulumi up --refresh: the provider does not see a route that was added behind those of the stack.
          `declare the route in hosts[].routes[].permitInsecure with a reason, or take permitInsecure away: ${open
            .map(
              ({ object: { kind, metadata } }) =>
                `kubectl -n ${metadata.namespace} edit ${kind.toLowerCase()} ${metadata.name}`,
            )
            .join("; ")}`,
        );
      const plain = all.flatMap(({ object }) => plainRoutes(object).map((prefix) => `${fqdnOf(object)}${prefix}`));
      const routes = count(all.flatMap(({ object }) => routesOf(object)).length, "route");
      return plain.length === 0 ? routes : `${routes}; without TLS as declared: ${listed(plain)}`;
    },
  );
}

function backends(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "hosts/backends",
      title: "the Services that hosts route to exist",
      severity: "warning",
      fix: "install the workload, or correct hosts[].routes in the stack",
    },
    (problem) => {
      const seen = settings.hosts.flatMap(({ host, namespace, routes: wanted }) => {
        const services = itemsOf(view.services[namespace], `Services of namespace ${namespace}`);
        return wanted.map(({ service, port }) => {
          const found = services.find(({ metadata }) => metadata.name === service);
          if (found === undefined) problem(`${host} routes to Service ${namespace}/${service}, which does not exist`);
          else if (!found.spec.ports?.some((one) => one.port === port))
            problem(
              `${host} routes to port ${port} of Service ${namespace}/${service}, which has ${found.spec.ports?.map((one) => one.port).join(", ") || "none"}`,
            );
          return `${namespace}/${service}:${port}`;
        });
      });
      return listed([...new Set(seen)]);
    },
  );
}
