import type { Result } from "../../base/report";
import { count, listed } from "../../base/text";
import type { GatewayHost, GatewayRoute, Named } from "../../cluster/kinds";
import { formerGatewayHostName, gatewayHostName } from "../../mesh/enroute";
import { servingSecret } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { judge } from "../result";
import type { ClusterView } from "../view";
import { itemsOf } from "./reading";

type Host = Settings["hosts"][number];
const nameOf = ({ metadata }: Named) => `${metadata.namespace}/${metadata.name}`;

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
  const own = hostsOf(view).filter(
    ({ metadata, spec }) => metadata.namespace === namespace && spec?.virtualhost?.fqdn?.toLowerCase() === host,
  );
  const named = (name: string) => own.find(({ metadata }) => metadata.name === name);
  return named(gatewayHostName(host)) ?? named(formerGatewayHostName(host));
}

function present(view: ClusterView, settings: Settings): Result {
  return judge(
    { check: "hosts/present", title: "every host of the stack has its GatewayHost", fix: "run pulumi up --refresh" },
    (problem) => {
      for (const host of settings.hosts)
        if (find(view, host) === undefined) {
          const name = `${host.namespace}/${gatewayHostName(host.host)}`;
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
      for (const wanted of settings.hosts) {
        const { host } = wanted;
        const own = find(view, wanted);
        const rivals = hostsOf(view).filter(
          (candidate) => candidate !== own && candidate.spec?.virtualhost?.fqdn?.toLowerCase() === host,
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

/** Every route that is served for a host, with the object that it comes from. */
function routes(view: ClusterView, host: string): { from: string; route: GatewayRoute }[] {
  return [
    ...hostsOf(view)
      .filter(({ spec }) => spec?.virtualhost?.fqdn?.toLowerCase() === host)
      .flatMap((found) => (found.spec?.routes ?? []).map((route) => ({ from: `GatewayHost ${nameOf(found)}`, route }))),
    ...itemsOf(view.serviceRoutes, "ServiceRoutes")
      .filter(({ spec }) => spec?.fqdn?.toLowerCase() === host)
      .flatMap((found) =>
        found.spec?.route === undefined ? [] : [{ from: `ServiceRoute ${nameOf(found)}`, route: found.spec.route }],
      ),
  ];
}

function secureRoutes(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "hosts/secure-routes",
      title: "no route of a host may be used without TLS",
      fix: "remove permitInsecure from it, or run pulumi up --refresh where it is ours",
    },
    (problem) => {
      const all = settings.hosts.flatMap(({ host }) => routes(view, host));
      const open = all.filter(({ route }) => route.permitInsecure === true);
      if (open.length > 0)
        problem(
          `served in clear text on port 80 by permitInsecure: ${listed([...new Set(open.map(({ from }) => from))])}`,
        );
      return count(all.length, "route");
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
