import { X509Certificate } from "node:crypto";
import type { Result } from "../../base/report";
import { listed } from "../../base/text";
import { enroute } from "../../mesh/enroute";
import { servingSecret } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import type { HostProbe } from "../probes/client-leg";
import { CannotTell, judge } from "../result";
import type { ClusterView } from "../view";
import { itemsOf } from "./reading";

/** What clients saw, by host; undefined where the gateway has no address to connect to. */
export type ClientLegProbes = Record<string, HostProbe> | undefined;

/** Whether clients get the right certificate, and nothing without TLS. */
export function checkClientLeg(view: ClusterView, settings: Settings, probes: ClientLegProbes): Result[] {
  return [
    address(view, settings),
    certificate(view, settings, probes),
    minimumVersion(settings, probes),
    plainHttp(settings, probes),
  ];
}

/** Address of the gateway's LoadBalancer. */
export function gatewayAddress(view: ClusterView, settings: Settings): string | undefined {
  const services = view.services[settings.gateway.namespace.name];
  if (services?.state !== "read") return undefined;
  const service = services.value.find(({ metadata }) => metadata.name === enroute.service);
  const [ingress] = service?.status?.loadBalancer?.ingress ?? [];
  return ingress?.ip ?? ingress?.hostname;
}

function address(view: ClusterView, settings: Settings): Result {
  const { name: namespace } = settings.gateway.namespace;
  return judge(
    {
      check: "client-leg/address",
      title: "the gateway has an address for clients",
      fix: `the cluster must have a load balancer for Services; look at: kubectl -n ${namespace} describe service ${enroute.service}`,
    },
    (problem) => {
      const services = itemsOf(view.services[namespace], `Services of namespace ${namespace}`);
      if (!services.some(({ metadata }) => metadata.name === enroute.service))
        problem(`there is no Service ${enroute.service} in namespace ${namespace}`, "run pulumi up --refresh");
      else if (gatewayAddress(view, settings) === undefined) problem(`Service ${enroute.service} has no address`);
      return gatewayAddress(view, settings) ?? "";
    },
  );
}

/** The probes of each host; with none, nothing can be told. */
function probed(settings: Settings, probes: ClientLegProbes): (HostProbe & { host: string })[] {
  if (probes === undefined) throw new CannotTell("the gateway was not connected to", "see client-leg/address");
  return settings.hosts.map(({ host }) => ({ host, ...probes[host]! }));
}

const silentFix = "verify from where clients are, and look at firewall, DNS and the gateway's pods";

function certificate(view: ClusterView, settings: Settings, probes: ClientLegProbes): Result {
  return judge(
    {
      check: "client-leg/certificate",
      title: "a client that names a host is shown exactly the certificate of its Secret",
      fix: "look at the gateway's log, and at hosts/* and certificates/*; EnRoute takes a new Secret at once",
    },
    (problem) => {
      const silent: string[] = [];
      for (const { host, handshake } of probed(settings, probes)) {
        if (handshake.outcome === "silent") {
          silent.push(`${host}: ${handshake.reason}`);
          continue;
        }
        if (handshake.outcome === "refused") {
          problem(`${host}: the handshake is refused (${handshake.reason})`);
          continue;
        }
        const { namespace } = settings.hosts.find((entry) => entry.host === host)!;
        const expected = fingerprintOf(view, namespace);
        if (expected === undefined)
          throw new CannotTell(
            `Secret ${namespace}/${servingSecret(settings)} has nothing to compare with`,
            "see certificates/*",
          );
        if (handshake.fingerprint !== expected)
          problem(
            `${host}: another certificate than that of Secret ${namespace}/${servingSecret(settings)} is presented`,
          );
      }
      if (silent.length > 0) throw new CannotTell(listed(silent), silentFix);
      return `${settings.hosts.length === 1 ? "it is" : "they are"}, for ${listed(settings.hosts.map(({ host }) => host))}`;
    },
  );
}

function fingerprintOf(view: ClusterView, namespace: string): string | undefined {
  const secret = view.servingSecrets[namespace];
  try {
    return secret?.state === "read"
      ? new X509Certificate(secret.value.certificateChain ?? "").fingerprint256
      : undefined;
  } catch {
    return undefined;
  }
}

function minimumVersion(settings: Settings, probes: ClientLegProbes): Result {
  return judge(
    {
      check: "client-leg/minimum-version",
      title: "TLS older than the minimum version of a host is refused",
      fix: "run pulumi up --refresh, and look at hosts/tls",
    },
    (problem) => {
      const silent: string[] = [];
      const versions = probed(settings, probes).map(({ host, handshake, outdated }) => {
        const least = settings.hosts.find((entry) => entry.host === host)!.minimumTlsVersion;
        if (outdated.outcome === "connected")
          problem(`${host}: a client with ${outdated.version} gets in; ${least} is the minimum`);
        // Only beside a handshake that worked does a refusal say anything about versions.
        else if (handshake.outcome !== "connected" || outdated.outcome === "silent")
          silent.push(`${host}: ${handshake.outcome === "connected" ? outdated.reason : handshake.reason}`);
        return handshake.outcome === "connected" ? `${host}: ${handshake.version}, nothing below ${least}` : "";
      });
      if (silent.length > 0) throw new CannotTell(listed(silent), silentFix);
      return listed(versions);
    },
  );
}

function plainHttp(settings: Settings, probes: ClientLegProbes): Result {
  return judge(
    {
      check: "client-leg/plain-http",
      title: "plain HTTP is refused, or redirected to https",
      fix: "look at certificates/* and hosts/*: EnRoute serves a host in clear text if its Secret is missing or wrong",
    },
    (problem) => {
      const silent: string[] = [];
      const outcomes = probed(settings, probes).map(({ host, handshake, plain }) => {
        if (plain.outcome === "answered") {
          const { status, location } = plain;
          const redirected = status >= 300 && status < 400 && location?.toLowerCase().startsWith("https://");
          if (redirected) return `${host}: redirected (${status})`;
          if (status >= 400)
            silent.push(
              `${host}: answers ${status} in clear text, and whether gateway or application says so cannot be seen`,
            );
          else
            problem(
              `${host}: answers ${status} in clear text${location === undefined ? "" : `, Location ${location}`}`,
            );
        } else if (plain.outcome === "silent" || handshake.outcome === "silent")
          // A closed port says something only where the gateway is known to be there.
          silent.push(`${host}: ${plain.reason}`);
        return `${host}: refused`;
      });
      if (silent.length > 0) throw new CannotTell(listed(silent), silentFix);
      return listed(outcomes);
    },
  );
}
