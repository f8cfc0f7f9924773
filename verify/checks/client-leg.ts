import { X509Certificate } from "node:crypto";
import { listed } from "../../base/text";
import type { Service } from "../../cluster/kinds";
import { enroute } from "../../mesh/enroute";
import { securePath } from "../../mesh/gateway-host";
import { defaultServiceType, gatewayAddressOf } from "../../mesh/gateway-service";
import { addressFix } from "../../mesh/release-waits";
import { servingSecret } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import type { HostProbe } from "../probes/client-leg";
import { CannotTell, notThere } from "../check";
import { ifRead } from "../facts";
import type { ClusterView } from "../view";
import { type ClientLegProbes, type VerifyCheck, verifyCheck } from "./define";
import { updating } from "./fixes";
import { itemsOf } from "./reading";

/** The gateway's Service. */
export function gatewayService(view: Pick<ClusterView, "services">, settings: Settings): Service | undefined {
  const services = ifRead(view.services[settings.gateway.namespace.name]);
  return services?.find(({ metadata }) => metadata.name === enroute.service);
}

/** Where clients connect, in words: an address, or ports of every node. */
export function gatewayAddress(view: Pick<ClusterView, "services">, settings: Settings): string | undefined {
  const service = gatewayService(view, settings);
  return service === undefined ? undefined : gatewayAddressOf(service);
}

const address = verifyCheck({
  id: "client-leg/address",
  title: "the gateway has an address for clients, of the kind that the stack wants",
  needs: ["services", "releases"],
  subject: ({ settings }) => `Service ${settings.gateway.namespace.name}/${enroute.service}`,
  fix: ({ settings }) =>
    `${addressFix}; why there is none: kubectl -n ${settings.gateway.namespace.name} describe service ${enroute.service}`,
  docs: {
    meaning: "the gateway's Service is of the type that the stack wants, and has an address, or ports of the nodes",
    fix: "the cluster needs something that gives addresses; or `gateway.service.type`",
  },
  run(view, { settings }, problem) {
    const { name: namespace } = settings.gateway.namespace;
    const services = itemsOf(view.services[namespace], `Services of namespace ${namespace}`);
    const service = services.find(({ metadata }) => metadata.name === enroute.service);
    if (service === undefined) {
      problem(`there is no Service ${enroute.service} in namespace ${namespace}`, { fix: "run pulumi up --refresh" });
      return "";
    }
    const { type: wanted = defaultServiceType } = settings.gateway.service ?? {};
    const { type = "ClusterIP" } = service.spec;
    if (type !== wanted)
      problem(`Service ${enroute.service} is of type ${type}; the stack wants ${wanted}`, {
        fix: updating(view, namespace, enroute.release),
      });
    else if (gatewayAddressOf(service) === undefined) problem(`Service ${enroute.service} has no address`);
    return gatewayAddressOf(service) ?? "";
  },
});

/** The probes of each host; with none, nothing can be told. */
function probed(settings: Settings, probes: ClientLegProbes): (HostProbe & { host: string })[] {
  if (probes === undefined) throw notConnected(settings);
  return settings.hosts.map(({ host }) => ({ host, ...probes[host]! }));
}

/** Why nothing was connected to. */
function notConnected({ gateway: { service } }: Settings): CannotTell {
  switch (service?.type) {
    case "ClusterIP":
      return new CannotTell(
        "the gateway's Service has no address but the one inside the cluster",
        "verify from inside the cluster, with --dial-services",
      );
    case "NodePort":
      return new CannotTell(
        "no node could be connected to: none is ready, or these credentials may not list them",
        "verify with rights to list nodes, or from inside the cluster with --dial-services",
      );
    default:
      return notThere("the gateway was not connected to", "client-leg/address");
  }
}

const silentFix = "verify from where clients are, and look at firewall, DNS and the gateway's pods";

const certificate = verifyCheck({
  id: "client-leg/certificate",
  title: "a client that names a host is shown exactly the certificate of its Secret",
  needs: ["clientLeg", "servingSecrets"],
  subject: "hosts",
  fix: "look at the gateway's log, and at hosts/* and certificates/*; EnRoute takes a new Secret at once",
  docs: {
    meaning: "a handshake that names the host presents exactly the certificate of its Secret",
    fix: "the gateway's log",
  },
  run(view, { settings }, problem) {
    const silent: string[] = [];
    let undecided: CannotTell | undefined;
    for (const { host, handshake } of probed(settings, view.clientLeg)) {
      if (handshake.outcome === "silent") {
        silent.push(`${host}: ${handshake.reason}`);
        continue;
      }
      if (handshake.outcome === "refused") {
        problem(`${host}: the handshake is refused (${handshake.reason})`, { subject: host });
        continue;
      }
      const { namespace } = settings.hosts.find((entry) => entry.host === host)!;
      const expected = fingerprintOf(view, namespace);
      if (expected === undefined)
        undecided = notThere(`no certificate in Secret ${namespace}/${servingSecret(settings)}`, "certificates/*");
      else if (handshake.fingerprint !== expected)
        problem(
          `${host}: another certificate than that of Secret ${namespace}/${servingSecret(settings)} is presented`,
          { subject: host },
        );
    }
    if (undecided !== undefined) throw undecided;
    if (silent.length > 0) throw new CannotTell(listed(silent), silentFix);
    return `${settings.hosts.length === 1 ? "it is" : "they are"}, for ${listed(settings.hosts.map(({ host }) => host))}`;
  },
});

function fingerprintOf(view: Pick<ClusterView, "servingSecrets">, namespace: string): string | undefined {
  const secret = view.servingSecrets[namespace];
  try {
    return secret?.state === "read"
      ? new X509Certificate(secret.value.certificateChain ?? "").fingerprint256
      : undefined;
  } catch {
    return undefined;
  }
}

const minimumVersion = verifyCheck({
  id: "client-leg/minimum-version",
  title: "TLS older than the minimum version of a host is refused",
  needs: ["clientLeg"],
  subject: "hosts",
  fix: "run pulumi up --refresh, and look at hosts/tls",
  docs: { meaning: "a handshake with the version below the minimum is refused", fix: "`hosts/tls`" },
  run({ clientLeg }, { settings }, problem) {
    const silent: string[] = [];
    const versions = probed(settings, clientLeg).map(({ host, handshake, outdated }) => {
      const least = settings.hosts.find((entry) => entry.host === host)!.minimumTlsVersion;
      if (outdated.outcome === "connected")
        problem(`${host}: a client with ${outdated.version} gets in; ${least} is the minimum`, { subject: host });
      // Only beside a handshake that worked does a refusal say anything about versions.
      else if (handshake.outcome !== "connected" || outdated.outcome === "silent")
        silent.push(`${host}: ${handshake.outcome === "connected" ? outdated.reason : handshake.reason}`);
      return handshake.outcome === "connected" ? `${host}: ${handshake.version}, nothing below ${least}` : "";
    });
    if (silent.length > 0) throw new CannotTell(listed(silent), silentFix);
    return listed(versions);
  },
});

const plainHttp = verifyCheck({
  id: "client-leg/plain-http",
  title: "plain HTTP is refused, or redirected to https, but for routes that the stack declares",
  needs: ["clientLeg"],
  subject: "hosts",
  fix: "look at certificates/* and hosts/*: EnRoute serves a host in clear text if its Secret is missing or wrong",
  docs: {
    meaning:
      "port 80 is closed to the host, or redirects to https, asked for a path that the stack does not declare plain. If it answers with an error status, the check could not tell: gateway and application look the same",
    fix: "`certificates/*`",
  },
  run({ clientLeg }, { settings }, problem) {
    const silent: string[] = [];
    const outcomes = probed(settings, clientLeg).map(({ host, handshake, plain }) => {
      const { routes } = settings.hosts.find((entry) => entry.host === host)!;
      if (securePath(routes) === undefined) return `${host}: plain as declared`;
      if (plain.outcome === "answered") {
        const { status, location } = plain;
        const redirected = status >= 300 && status < 400 && location?.toLowerCase().startsWith("https://");
        if (redirected) return `${host}: redirected (${status})`;
        if (status >= 400)
          silent.push(
            `${host}: answers ${status} in clear text, and whether gateway or application says so cannot be seen`,
          );
        else
          problem(`${host}: answers ${status} in clear text${location === undefined ? "" : `, Location ${location}`}`, {
            subject: host,
          });
      } else if (plain.outcome === "silent" || handshake.outcome === "silent")
        // A closed port says something only where the gateway is known to be there.
        silent.push(`${host}: ${plain.reason}`);
      return `${host}: refused`;
    });
    if (silent.length > 0) throw new CannotTell(listed(silent), silentFix);
    return listed(outcomes);
  },
});

/** Whether clients get the right certificate, and nothing without TLS. */
export const clientLegChecks: readonly VerifyCheck[] = [address, certificate, minimumVersion, plainHttp];
