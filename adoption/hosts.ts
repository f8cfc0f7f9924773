import type { Issue } from "../base/issue";
import { asList, asText, asTree, at, isTree, treeAt } from "../base/tree";
import type { GatewayHost } from "../cluster/kinds";
import { carriedReasons, clientLegOf, fqdnOf, minimumTlsVersions, prefixOf, routesOf } from "../mesh/gateway-host";
import { placeOf } from "../mesh/object";
import { hosts as hostsSchema } from "../settings/sections/gateway";
import type { Survey } from "./survey";

/* GatewayHosts as `hosts` of a stack. What a stack cannot say stays its owner's, and is served as before. */

export interface DraftedHosts {
  hosts: object[];
  /** Name of the Secret that they have in common. */
  secretName: string | undefined;
  issues: Issue[];
}

/** What the plain routes of a host are for, where nobody gave a reason. */
const unknownReason = "served so before this stack had the host; say why, or take it away";

/** The hosts of a cluster, as a stack says them. */
export function draftHosts({ gatewayHosts, tlsSecrets }: Pick<Survey, "gatewayHosts" | "tlsSecrets">): DraftedHosts {
  const issues: Issue[] = [];
  const secretName = mostCommon(gatewayHosts.flatMap((host) => asText(secretOf(host)) ?? []));
  const hosts = gatewayHosts.flatMap((host) => {
    const rivals = gatewayHosts.filter(
      (other) => other !== host && fqdnOf(other)?.toLowerCase() === fqdnOf(host)?.toLowerCase(),
    );
    const obstacle =
      rivals.length > 0
        ? {
            why: `${rivals.map(placeOf).join(", ")} has the same host: EnRoute serves neither`,
            fix: "delete all but one",
          }
        : obstacleOf(host, { tlsSecrets, secretName });
    if (obstacle === undefined) return [settingsOf(host)];
    issues.push({
      id: "adoption/host",
      severity: "warning",
      subject: `GatewayHost ${placeOf(host)}`,
      problem: `GatewayHost ${placeOf(host)} (${fqdnOf(host) ?? "no host"}) is left to its owner: ${obstacle.why}`,
      fix: `${obstacle.fix}; then adopt again, or leave it: it is served as before`,
    });
    return [];
  });
  return { hosts, secretName, issues };
}

const secretOf = (host: GatewayHost) => host.spec?.virtualhost?.tls?.secretName;

function mostCommon(names: readonly string[]): string | undefined {
  const times = (name: string) => names.filter((other) => other === name).length;
  return [...new Set(names)].sort((a, b) => times(b) - times(a))[0];
}

interface Obstacle {
  why: string;
  fix: string;
}

/** Why a stack cannot have a host as it is. */
function obstacleOf(
  host: GatewayHost,
  { tlsSecrets, secretName }: { tlsSecrets: string[]; secretName: string | undefined },
): Obstacle | undefined {
  const { metadata } = host;
  const edit = `kubectl edit gatewayhost ${metadata.name} -n ${metadata.namespace}`;
  const secret = secretOf(host);
  if (clientLegOf(host) !== "tls" || secret === undefined)
    return {
      why: "it names no Secret for TLS, and a stack serves no host in clear text",
      fix: `give it one: kubectl create secret tls <name> -n ${metadata.namespace} --cert=… --key=…, and name it in spec.virtualhost.tls.secretName (${edit})`,
    };
  if (!tlsSecrets.includes(`${metadata.namespace}/${secret}`))
    return {
      why: `Secret ${metadata.namespace}/${secret} is missing, or is not of type kubernetes.io/tls: EnRoute serves it in clear text`,
      fix: `create it: kubectl create secret tls ${secret} -n ${metadata.namespace} --cert=… --key=…`,
    };
  if (secret !== secretName)
    return {
      why: `its Secret is ${secret}, and a stack has one name for all hosts, here ${secretName}`,
      fix: `store the same certificate as Secret ${secretName} in namespace ${metadata.namespace}, and name that in spec.virtualhost.tls.secretName (${edit})`,
    };
  const more = unsaid(host);
  if (more.length > 0)
    return {
      why: `a stack cannot say ${more.join(", ")}`,
      fix: `take that out of it (${edit}), where it is not needed`,
    };
  const parsed = hostsSchema.element.safeParse(settingsOf(host));
  if (!parsed.success)
    return {
      why: parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "),
      fix: edit,
    };
  return undefined;
}

/** Fields of a host for which `hosts` has no words. */
function unsaid({ spec }: GatewayHost): string[] {
  const unknown = (branch: unknown, path: string, known: string[]) =>
    Object.keys(asTree(branch)).flatMap((key) => (known.includes(key) ? [] : [`${path}${key}`]));
  return [
    ...unknown(spec, "spec.", ["virtualhost", "routes"]),
    ...unknown(at(spec, "virtualhost"), "spec.virtualhost.", ["fqdn", "tls"]),
    ...unknown(treeAt(spec, "virtualhost", "tls"), "spec.virtualhost.tls.", ["secretName", "minimumProtocolVersion"]),
    ...asList(at(spec, "routes")).flatMap((route, index) => {
      const path = `spec.routes[${index}].`;
      const [conditions, services] = [asList(at(route, "conditions")), asList(at(route, "services"))];
      return [
        ...unknown(route, path, ["conditions", "services", "permitInsecure"]),
        ...(conditions.length > 1 ? [`${path}conditions, of which there are ${conditions.length}`] : []),
        ...conditions.flatMap((condition) => unknown(condition, `${path}conditions[0].`, ["prefix"])),
        ...(services.length === 1 ? [] : [`${path}services, of which there are ${services.length}`]),
        ...services.flatMap((service) => unknown(service, `${path}services[0].`, ["name", "port"])),
      ];
    }),
  ];
}

function settingsOf(host: GatewayHost): object {
  const asked = host.spec?.virtualhost?.tls?.minimumProtocolVersion;
  const version = minimumTlsVersions.find((known) => known === asked);
  const reasons = carriedReasons(host);
  return {
    host: (fqdnOf(host) ?? "").toLowerCase(),
    namespace: host.metadata.namespace,
    ...(version === undefined ? {} : { minimumTlsVersion: version }),
    routes: routesOf(host).map((route) => {
      const [service] = asList(at(route, "services")).filter(isTree);
      const prefix = prefixOf(route);
      return {
        ...(prefix === "/" ? {} : { prefix }),
        service: service?.["name"],
        port: service?.["port"],
        ...(at(route, "permitInsecure") === true
          ? { permitInsecure: { reason: asText(reasons[prefix]) ?? unknownReason } }
          : {}),
      };
    }),
  };
}
