import { type Tree, at, isTree, plain, podTemplate, treeAt, treesAt } from "../objects";
import { type Changed, type Mark, type Marker, type Surroundings, mark, weaker } from "./mark";

/** Whether one of the two encrypted legs gets weaker. */
export const encryptionMarks: Marker = (changed, surroundings) => {
  switch (changed.object.kind) {
    case "PeerAuthentication":
      return peerAuthentication(changed, surroundings);
    case "GatewayHost":
      return gatewayHost(changed);
    case "GlobalConfig":
      return globalConfig(changed);
    case "DestinationRule":
      return destinationRule(changed);
    case "Namespace":
      return injection(changed);
    case "ConfigMap":
      return meshConfig(changed);
    default:
      return podTemplate(changed.after) === undefined ? [] : sidecar(changed, surroundings);
  }
};

const strictness = ["DISABLE", "PERMISSIVE", "STRICT"];
const taken: Record<string, string> = {
  PERMISSIVE: "plain text is taken as well",
  DISABLE: "only plain text is taken",
};

/** Modes of a policy: that of all ports, and of each port that has its own. */
function modes(policy: Tree | undefined, isMeshWide: boolean): Map<string, string> {
  // Istio's own default is PERMISSIVE; below the mesh-wide policy, what says nothing takes over what stands above it.
  const inherited = isMeshWide ? "PERMISSIVE" : "STRICT";
  const mode = (value: unknown) => (typeof value === "string" && value !== "UNSET" ? value : undefined);
  const all = policy === undefined ? inherited : (mode(at(policy, "spec", "mtls", "mode")) ?? inherited);
  const ports = Object.entries(treeAt(policy, "spec", "portLevelMtls"));
  return new Map([
    ["", all],
    ...ports.map(([port, setting]) => [port, mode(at(setting, "mode")) ?? all] as [string, string]),
  ]);
}

function peerAuthentication({ object, before, after }: Changed, { rootNamespace }: Surroundings): Mark[] {
  const { namespace } = object.metadata;
  const selector = treeAt(after ?? before, "spec", "selector", "matchLabels");
  const isMeshWide = namespace === rootNamespace && Object.keys(selector).length === 0;
  const labels = Object.entries(selector).map(([key, value]) => `${key}=${plain(value)}`);
  const whom = isMeshWide
    ? "the whole mesh"
    : `${labels.length === 0 ? "every workload" : `workloads ${labels.join(",")}`} of ${namespace}`;
  const [old, current] = [modes(before, isMeshWide), modes(after, isMeshWide)];
  // A policy that is new weakens what stood above it, and that is STRICT.
  const was = (port: string) => (before === undefined ? "STRICT" : (old.get(port) ?? old.get("")!));
  const is = (port: string) => current.get(port) ?? current.get("")!;
  const ports = [...new Set([...old.keys(), ...current.keys()])];
  const marks = ports.flatMap((port) => {
    const [from, to] = [was(port), is(port)];
    if (from === to || (port !== "" && was("") === from && is("") === to)) return [];
    const where = `${whom}${port === "" ? "" : `, port ${port}`}: ${from} → ${to}`;
    return strictness.indexOf(to) < strictness.indexOf(from)
      ? [weaker("gateway → workload", `${where}, ${taken[to] ?? "an unknown mode"}`)]
      : [mark("notice", "encryption", `${where}, stronger`)];
  });
  const isLax = [...current.values()].some((mode) => mode !== "STRICT");
  const oldSelector = JSON.stringify(treeAt(before, "spec", "selector"));
  if (
    isLax &&
    before !== undefined &&
    after !== undefined &&
    oldSelector !== JSON.stringify(treeAt(after, "spec", "selector"))
  )
    marks.push(weaker("gateway → workload", `the exception now holds for ${whom}`));
  return marks;
}

function gatewayHost({ before, after }: Changed): Mark[] {
  const fqdn = plain(at(after ?? before, "spec", "virtualhost", "fqdn"));
  if (after === undefined) return [mark("outage", "outage", `${fqdn} is no longer served`)];
  const leg = "client → gateway";
  const [old, current] = [treeAt(before, "spec", "virtualhost", "tls"), treeAt(after, "spec", "virtualhost", "tls")];
  const marks: Mark[] = before === undefined ? [mark("notice", "exposure", `${fqdn} is served from now on`)] : [];
  const isServedTls = (tls: Tree) => typeof tls["secretName"] === "string" || tls["passthrough"] === true;
  if (!isServedTls(current) && (before === undefined || isServedTls(old)))
    marks.push(weaker(leg, `${fqdn} is served without TLS`));
  // EnRoute takes any other word to mean 1.1.
  const version = (tls: Tree) => ({ "1.2": 2, "1.3": 3 })[plain(tls["minimumProtocolVersion"])] ?? 1;
  const floor = before === undefined ? 2 : version(old);
  if (isServedTls(current) && version(current) < floor)
    marks.push(weaker(leg, `${fqdn}: oldest TLS version 1.${floor} → 1.${version(current)}`));
  const insecure = (host: Tree | undefined) =>
    treesAt(host, "spec", "routes").flatMap((route) =>
      route["permitInsecure"] === true ? [plain(at(route, "conditions", 0, "prefix") ?? "/")] : [],
    );
  for (const prefix of insecure(after).filter((route) => !insecure(before).includes(route)))
    marks.push(weaker(leg, `${fqdn}${prefix} is also served in plain text (permitInsecure)`));
  if (before !== undefined && old["secretName"] !== current["secretName"] && isServedTls(current))
    marks.push(
      mark("notice", "certificate", `${fqdn} is served with the certificate of Secret ${plain(current["secretName"])}`),
    );
  return marks;
}

function globalConfig({ before, after }: Changed): Mark[] {
  const isOn = (config: Tree | undefined) => at(config, "spec", "config", "istio_enabled") === true;
  return isOn(before) && !isOn(after)
    ? [weaker("gateway → workload", "EnRoute no longer uses Istio's certificates towards workloads (istio_enabled)")]
    : [];
}

/** TLS modes of a rule by where they stand. */
function tlsModes(value: unknown, path = ""): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (branch: unknown, place: string) => {
    if (Array.isArray(branch)) branch.forEach((item, index) => visit(item, `${place}[${index}]`));
    if (!isTree(branch)) return;
    const mode = at(branch, "tls", "mode");
    if (typeof mode === "string") found.set(place, mode);
    for (const [key, item] of Object.entries(branch))
      if (key !== "tls") visit(item, place === "" ? key : `${place}.${key}`);
  };
  visit(value, path);
  return found;
}

function destinationRule({ before, after }: Changed): Mark[] {
  const host = plain(at(after ?? before, "spec", "host"));
  const isInMesh = !host.includes(".") || host.includes(".svc") || host.endsWith(".local");
  const isWeak = (mode: string | undefined) => mode === "DISABLE" || (mode === "SIMPLE" && isInMesh);
  const old = tlsModes(treeAt(before, "spec"));
  return [...tlsModes(treeAt(after, "spec"))].flatMap(([place, mode]) => {
    const was = old.get(place);
    if (!isWeak(mode) || (isWeak(was) && !(was === "SIMPLE" && mode === "DISABLE"))) return [];
    const what = mode === "DISABLE" ? "without TLS" : "without a certificate of the client";
    return [
      weaker(
        "gateway → workload",
        `requests to ${host} go ${what} (${place}.tls.mode ${was ?? "automatic"} → ${mode})`,
      ),
    ];
  });
}

function injection({ object, before, after }: Changed): Mark[] {
  const isInjected = (namespace: Tree | undefined) => {
    const labels = treeAt(namespace, "metadata", "labels");
    return (
      labels["istio-injection"] === "enabled" || (labels["istio-injection"] === undefined && "istio.io/rev" in labels)
    );
  };
  const revision = (namespace: Tree | undefined) => at(namespace, "metadata", "labels", "istio.io/rev");
  const { name } = object.metadata;
  if (after !== undefined && isInjected(before) && !isInjected(after))
    return [
      weaker(
        "gateway → workload",
        `new pods of ${name} get no sidecar: they take plain text, whatever the policies say`,
      ),
    ];
  if (before !== undefined && after !== undefined && revision(before) !== revision(after))
    return [
      mark("notice", "restart", `pods of ${name} join another control plane when they are restarted, and not before`),
    ];
  return [];
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

const sidecarKeys = [
  "sidecar.istio.io/inject",
  "traffic.sidecar.istio.io/excludeInboundPorts",
  "traffic.sidecar.istio.io/excludeOutboundPorts",
  "traffic.sidecar.istio.io/excludeOutboundIPRanges",
];

/** What takes a pod, or ports of it, out of the mesh; and the certificates that the gateway gets from it. */
function sidecar({ object, before, after }: Changed, { gatewayNamespace }: Surroundings): Mark[] {
  const [old, current] = [podTemplate(before), podTemplate(after)];
  const told = (template: Tree | undefined, key: string) =>
    at(template, "metadata", "labels", key) ?? at(template, "metadata", "annotations", key);
  const marks = sidecarKeys.flatMap((key) => {
    const [was, is] = [told(old, key), told(current, key)];
    const takesOut =
      key === "sidecar.istio.io/inject"
        ? is === "false" && was !== "false" && old !== undefined
        : is !== undefined && is !== "" && is !== was;
    return takesOut
      ? [
          weaker(
            "gateway → workload",
            `${object.metadata.name}: ${key} is ${JSON.stringify(is)}, so that traffic bypasses the sidecar`,
          ),
        ]
      : [];
  });
  if (object.metadata.namespace !== gatewayNamespace || before === undefined) return marks;
  const hasServer = (template: Tree | undefined) =>
    treesAt(template, "spec", "containers").some(({ name }) => name === "cert-server");
  if (hasServer(old) && !hasServer(current))
    marks.push(
      weaker(
        "gateway → workload",
        "the gateway loses its cert-server, and with it Istio's certificates towards workloads",
      ),
    );
  const output = (template: Tree | undefined) =>
    at(template, "metadata", "annotations", "proxy.istio.io/config", "proxyMetadata", "OUTPUT_CERTS");
  if (output(old) !== undefined && output(current) === undefined)
    marks.push(weaker("gateway → workload", "the gateway's sidecar no longer writes the certificates (OUTPUT_CERTS)"));
  return marks;
}
