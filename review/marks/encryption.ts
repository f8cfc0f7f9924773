import { reasonAnnotation } from "../../base/annotations";
import { clientTlsProblems, hostOf } from "../../mesh/destination-rule";
import {
  carriedReasons,
  clientLegOf,
  defaultMinimumTlsVersion,
  fqdnOf,
  oldestTlsOf,
  plainRoutes,
} from "../../mesh/gateway-host";
import { isMeshConfig, servesCertificates, turnsIstioOn } from "../../mesh/global-config";
import { injectorOf, isOptedOut, optOutKey } from "../../mesh/injection";
import type { MeshObject } from "../../mesh/object";
import { type PolicyMode, modesOf, scopeOf, selectorOf } from "../../mesh/peer-authentication";
import type { PodTemplate } from "../../mesh/pod-template";
import { type Tree, at, plain, podTemplate, treeAt } from "../objects";
import { type Changed, type Mark, type Marker, type Surroundings, mark, weaker } from "./mark";

/** Whether one of the two encrypted legs gets weaker. */
export const encryptionMarks: Marker = (changed, surroundings) => {
  switch (changed.object.kind) {
    case "PeerAuthentication":
      return peerAuthentication(changed, surroundings);
    case "GatewayHost":
      return gatewayHost(changed);
    case "ServiceRoute":
      return plainRouteMarks(changed);
    case "GlobalConfig":
      return globalConfig(changed);
    case "DestinationRule":
      return destinationRule(changed);
    case "ClusterRole":
    case "ClusterRoleBinding":
      return ingressSupport(changed, surroundings);
    case "Namespace":
      return injection(changed);
    case "ConfigMap":
      return meshConfig(changed);
    default:
      return podTemplate(changed.after) === undefined ? [] : sidecar(changed, surroundings);
  }
};

/** A side of a change as the mesh's questions take it. */
function objectOf(tree: Tree | undefined): MeshObject | undefined {
  return tree as MeshObject | undefined;
}

/** By weakness. */
const modes = ["STRICT", "PERMISSIVE", "DISABLE"];
const taken = ["", "plain text is taken as well", "only plain text is taken"];

function peerAuthentication({ object, before, after }: Changed, { rootNamespace }: Surroundings): Mark[] {
  const scope = scopeOf(object, rootNamespace);
  const labels = Object.entries(selectorOf(object)).map(([key, value]) => `${key}=${value}`);
  const { namespace } = object.metadata;
  const whom =
    scope === "mesh"
      ? "the whole mesh"
      : `${labels.length === 0 ? "every workload" : `workloads ${labels.join(",")}`} of ${namespace}`;
  // Where there is no policy, what stands above counts: a mesh that is STRICT; above the mesh, Istio's default.
  const none: MeshObject = { metadata: { ...object.metadata }, spec: {} };
  const strict: MeshObject = { ...none, spec: { mtls: { mode: "STRICT" } } };
  const byPort = (policy: MeshObject) =>
    new Map(modesOf(policy, rootNamespace).map((mode: PolicyMode) => [mode.port, mode.weakness]));
  const [old, current] = [byPort(objectOf(before) ?? strict), byPort(objectOf(after) ?? none)];
  const on = (side: typeof old, port: number | undefined) => side.get(port) ?? side.get(undefined)!;
  const ports = [...new Set([...old.keys(), ...current.keys()])];
  const marks = ports.flatMap((port) => {
    const [from, to] = [on(old, port), on(current, port)];
    const isToldOfAll = port !== undefined && on(old, undefined) === from && on(current, undefined) === to;
    if (from === to || isToldOfAll) return [];
    const where = `${whom}${port === undefined ? "" : `, port ${port}`}: ${modes[from]} → ${modes[to]}`;
    return to > from
      ? [weaker("gateway → workload", `${where}, ${taken[to]}`)]
      : [mark("notice", "encryption", `${where}, stronger`)];
  });
  const isLax = [...current.values()].some((weakness) => weakness > 0);
  const isOther =
    before !== undefined &&
    after !== undefined &&
    JSON.stringify(treeAt(before, "spec", "selector")) !== JSON.stringify(treeAt(after, "spec", "selector"));
  if (isLax && isOther) marks.push(weaker("gateway → workload", `the exception now holds for ${whom}`));
  return marks;
}

const clientLeg = "client → gateway";

function gatewayHost(changed: Changed): Mark[] {
  const { before, after } = changed;
  const fqdn = plain(fqdnOf(after ?? before ?? {}));
  if (after === undefined) return [mark("outage", "outage", `${fqdn} is no longer served`)];
  const marks: Mark[] = before === undefined ? [mark("notice", "exposure", `${fqdn} is served from now on`)] : [];
  const isServedTls = (host: Tree) => clientLegOf(host) !== "plain";
  if (!isServedTls(after) && (before === undefined || isServedTls(before)))
    marks.push(weaker(clientLeg, `${fqdn} is served without TLS`));
  const [floor, version] = [before === undefined ? defaultMinimumTlsVersion : oldestTlsOf(before), oldestTlsOf(after)];
  if (clientLegOf(after) === "tls" && version < floor)
    marks.push(weaker(clientLeg, `${fqdn}: oldest TLS version ${floor} → ${version}`));
  marks.push(...plainRouteMarks(changed));
  const secret = (host: Tree) => at(host, "spec", "virtualhost", "tls", "secretName");
  if (before !== undefined && secret(before) !== secret(after) && clientLegOf(after) === "tls")
    marks.push(
      mark("notice", "certificate", `${fqdn} is served with the certificate of Secret ${plain(secret(after))}`),
    );
  return marks;
}

/** Routes that are plain from now on, each with its reason if the stack gives one. */
function plainRouteMarks({ object, before, after }: Changed): Mark[] {
  if (after === undefined) return [];
  const reasons = carriedReasons(object);
  const old = plainRoutes(before ?? {});
  return plainRoutes(after)
    .filter((prefix) => !old.includes(prefix))
    .map((prefix) => {
      const why = reasons[prefix] === undefined ? "" : `: ${plain(reasons[prefix])}`;
      return weaker(clientLeg, `${plain(fqdnOf(after))}${prefix} is also served in plain text (permitInsecure${why})`);
    });
}

/** The gateway gets, or loses, the right to list Ingresses: by a binding, or by what a role allows that is bound already. */
function ingressSupport({ object, before, after }: Changed, { gatewayNamespace, ...sides }: Surroundings): Mark[] {
  const isOurs = (grant: MeshObject) =>
    object.kind === "ClusterRoleBinding"
      ? grant.metadata.name === object.metadata.name
      : at(grant, "roleRef", "name") === object.metadata.name;
  const [was, is] = [sides.before, sides.after].map((side) => side.ingressGrants(gatewayNamespace).filter(isOurs));
  const [grant] = is!;
  if (grant === undefined)
    return was!.length > 0 && before !== undefined
      ? [mark("notice", "encryption", "EnRoute may no longer list Ingresses by it, and serves none for it")]
      : [];
  if (was!.length > 0 || after === undefined) return [];
  const reason = grant.metadata.annotations?.[reasonAnnotation];
  const why = reason === undefined ? "" : `: ${reason}`;
  return [weaker(clientLeg, `EnRoute serves every Ingress without a class annotation in plain text${why}`)];
}

function globalConfig({ before, after }: Changed): Mark[] {
  const isOn = (config: Tree | undefined) => config !== undefined && turnsIstioOn(config);
  const isRival = before === undefined && after !== undefined && isMeshConfig(after);
  return (isOn(before) || isRival) && !isOn(after)
    ? [weaker("gateway → workload", "EnRoute no longer uses Istio's certificates towards workloads (istio_enabled)")]
    : [];
}

function destinationRule({ object, before, after }: Changed): Mark[] {
  const problems = (rule: Tree | undefined) => (rule === undefined ? [] : clientTlsProblems(objectOf(rule)!));
  const old = problems(before);
  return problems(after).flatMap(({ path, setting, effect, weakness }) => {
    const was = old.find((one) => one.path === path);
    return was !== undefined && was.weakness >= weakness
      ? []
      : [weaker("gateway → workload", `requests to ${hostOf(object)} go ${effect} (${path}.${setting})`)];
  });
}

function injection({ object, before, after }: Changed): Mark[] {
  const { name } = object.metadata;
  if (after === undefined || before === undefined) return [];
  const [was, is] = [before, after].map((namespace) => injectorOf(objectOf(namespace)!));
  if (was === is || was === undefined) return [];
  return is === undefined
    ? [
        weaker(
          "gateway → workload",
          `new pods of ${name} get no sidecar: they take plain text, whatever the policies say`,
        ),
      ]
    : [mark("notice", "restart", `pods of ${name} join another control plane when they are restarted, and not before`)];
}

/** Settings of the whole mesh, in the ConfigMap that istiod reads. */
function meshConfig({ before, after }: Changed): Mark[] {
  const [old, current] = [treeAt(before, "data", "mesh"), treeAt(after, "data", "mesh")];
  if (before === undefined || after === undefined || Object.keys(current).length === 0) return [];
  const marks: Mark[] = [];
  const leg = "gateway → workload";
  if (old["enableAutoMtls"] !== false && current["enableAutoMtls"] === false)
    marks.push(weaker(leg, "workloads no longer speak mutual TLS by themselves (enableAutoMtls: false)"));
  const floor = (mesh: Tree) => (at(mesh, "meshMTLS", "minProtocolVersion") === "TLSV1_3" ? 3 : 2);
  if (floor(current) < floor(old)) marks.push(weaker(leg, "oldest TLS version inside the mesh 1.3 → 1.2"));
  for (const key of ["trustDomain", "rootNamespace"])
    if (old[key] !== current[key])
      marks.push(
        mark(
          "danger",
          "encryption",
          `${key} ${plain(old[key])} → ${plain(current[key])}: every identity, or every mesh-wide policy, has another name`,
        ),
      );
  return marks;
}

/** Annotations by which traffic of a pod goes around its sidecar. */
const bypassKeys = ["excludeInboundPorts", "excludeOutboundPorts", "excludeOutboundIPRanges"].map(
  (key) => `traffic.sidecar.istio.io/${key}`,
);

/** What takes a pod, or ports of it, out of the mesh; and the certificates that the gateway gets from it. */
function sidecar({ object, before, after }: Changed, { gatewayNamespace }: Surroundings): Mark[] {
  const [old, current] = [podTemplate(before), podTemplate(after)];
  const leg = "gateway → workload";
  const bypassed = (key: string, value: unknown) =>
    weaker(leg, `${object.metadata.name}: ${key} is ${JSON.stringify(value)}, so that traffic bypasses the sidecar`);
  const marks: Mark[] = [];
  if (old !== undefined && isOptedOut(current) && !isOptedOut(old)) marks.push(bypassed(optOutKey, "false"));
  const annotation = (template: PodTemplate | undefined, key: string) => at(template, "metadata", "annotations", key);
  for (const key of bypassKeys) {
    const is = annotation(current, key);
    if (is !== undefined && is !== "" && is !== annotation(old, key)) marks.push(bypassed(key, is));
  }
  if (object.metadata.namespace !== gatewayNamespace || before === undefined) return marks;
  if (servesCertificates(old) && !servesCertificates(current))
    marks.push(weaker(leg, "the gateway loses its cert-server, and with it Istio's certificates towards workloads"));
  const output = (template: PodTemplate | undefined) =>
    at(annotation(template, "proxy.istio.io/config"), "proxyMetadata", "OUTPUT_CERTS");
  if (output(old) !== undefined && output(current) === undefined)
    marks.push(weaker(leg, "the gateway's sidecar no longer writes the certificates (OUTPUT_CERTS)"));
  return marks;
}
