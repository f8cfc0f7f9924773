import { count, listed } from "../../base/text";
import type { Pod } from "../../cluster/kinds";
import { type Uncaught, uncaughtPorts } from "../../mesh/capture";
import { type DeclaredModes, declaredModes } from "../../mesh/mutual-tls-policies";
import { placeOf, workloadOf } from "../../mesh/object";
import { type ModeInForce, type ProxyInbound, modeInForce } from "../../mesh/proxy-inbound";
import type { Settings } from "../../settings/schema";
import { CannotTell, notThere } from "../check";
import { isGatewayPod, portName, runningPods, workloadPorts } from "../effect";
import type { ClusterView } from "../view";
import { type ProxyFact, type VerifyCheck, verifyCheck } from "./define";
import { cause } from "./effect-cause";
import { proxyOf, withProxy } from "./injection";
import { itemsOf } from "./reading";

const askFix =
  "verify with rights to port-forward and to make tokens in istiod's namespace, or from inside the cluster with --dial-services";

/** The pods of workloads with a proxy, at least one: the gateway's are no workload. */
function workloadPods(view: Pick<ClusterView, "pods">, settings: Settings): Pod[] {
  const pods = runningPods(withProxy(view, settings)).filter((pod) => !isGatewayPod(pod, settings));
  if (pods.length === 0)
    throw new CannotTell(
      "no pod with a proxy runs in the mesh's namespaces but the gateway's: nothing to look at",
      "install the workload",
    );
  return pods;
}

function declaredFor({ metadata }: Pod, { mutualTls }: Settings): [DeclaredModes, ...DeclaredModes[]] {
  const { namespace = "", labels = {} } = metadata;
  return declaredModes(mutualTls.exceptions, { namespace, labels });
}

/** `namespace/workload`, or where its name says no more than that, `namespace/pod`. */
const workloadText = (pod: Pod) => placeOf({ metadata: { ...pod.metadata, name: workloadOf(pod) } });

const takes: Record<ModeInForce, string> = {
  STRICT: "takes mutual TLS alone",
  PERMISSIVE: "takes plain text as well",
  DISABLE: "takes plain text only",
  TLS: "takes TLS of clients that show no certificate of the mesh",
};

/** Where what is in force is not what is declared, in words. */
function differences(declared: DeclaredModes, found: ProxyInbound): string[] {
  const ports = [...new Set([...Object.keys(declared.ports), ...Object.keys(found.ports)])].map(Number);
  const differs = (port?: number) => {
    const wanted = (port === undefined ? undefined : declared.ports[port]) ?? declared.all;
    const is = modeInForce(found, port);
    if (is === wanted) return undefined;
    const says = is === undefined ? "goes past its proxy" : takes[is];
    return wanted === "STRICT" ? says : `${says}, and ${wanted} is declared`;
  };
  const everywhere = differs();
  return [
    ...(everywhere === undefined ? [] : [`every port ${everywhere}`]),
    ...ports.flatMap((port) => {
      const own = differs(port);
      return own === undefined || own === everywhere ? [] : [`port ${port} ${own}`];
    }),
  ];
}

/** Of several things, those with the same text together. */
function grouped<Item>(items: readonly Item[], textOf: (item: Item) => string): [text: string, items: Item[]][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(textOf(item), [...(groups.get(textOf(item)) ?? []), item]);
  return [...groups];
}

const distinct = (texts: readonly string[]) => [...new Set(texts)];

/** What could not be told, by its reason, naming the pods. */
function cannotTell(silent: readonly { name: string; reason: string }[]): CannotTell {
  const texts = grouped(silent, ({ reason }) => reason).map(
    ([reason, those]) => `${listed(those.map(({ name }) => name))}: ${reason}`,
  );
  const isAsked = silent.every(({ reason }) => !reason.startsWith("istiod could not be asked"));
  return new CannotTell(
    texts.join("; "),
    isAsked ? "look at: kubectl -n <namespace> logs <pod> -c istio-proxy; then verify again" : askFix,
  );
}

const leftOutText = (leftOut: number, what: string) =>
  leftOut === 0 ? "" : `; ${count(leftOut, what)} left out by --sample`;

const inbound = verifyCheck({
  id: "effect/inbound",
  title: "istiod has every workload's proxy ask for a certificate of the mesh, but for declared exceptions",
  needs: ["proxies", "pods", "meshConfigs", "namespaces", "peerAuthentications", "envoyFilters"],
  subject: "the mesh's workloads",
  fix: "run pulumi up --refresh",
  docs: {
    meaning:
      "the listeners that istiod sends to the proxy of each workload's pod: every filter chain, for ports without a Service too, asks for a client's certificate and checks it by the mesh's roots; declared exceptions are in force exactly as declared, neither weaker nor stricter. A pod whose proxy is not connected, or has not taken over what istiod sent last, is could not tell",
    fix: "the finding names what overrides the policy: discovery selectors, another root namespace, a policy, an EnvoyFilter",
  },
  run(view, { settings }, problem) {
    const pods = workloadPods(view, settings);
    const silent: { name: string; reason: string }[] = [];
    const wrong: { pod: Pod; text: string }[] = [];
    const asDeclared: string[] = [];
    let asked = 0;
    for (const pod of pods) {
      const fact = view.proxies.inbound[placeOf(pod)];
      if (fact === undefined) continue; // left out
      asked++;
      if (fact.state === "unknown") {
        silent.push({ name: placeOf(pod), reason: fact.reason });
        continue;
      }
      const candidates = declaredFor(pod, settings);
      const found = candidates.map((declared) => differences(declared, fact.value));
      const fitting = found.findIndex((texts) => texts.length === 0);
      if (fitting < 0) wrong.push({ pod, text: found[0]!.join("; ") });
      else asDeclared.push(...exceptionTexts(workloadText(pod), candidates[fitting]!));
    }
    const groups = grouped(wrong, ({ pod, text }) => `${workloadText(pod)}: ${text}`);
    for (const [text, [first]] of groups) {
      const { fix, why } = cause(view, settings, first!.pod);
      problem(why === undefined ? text : `${text} (${why})`, { subject: `workload ${workloadText(first!.pod)}`, fix });
    }
    if (silent.length > 0) throw cannotTell(silent);
    const workloads = distinct(pods.map(workloadText)).length;
    const declared = distinct(asDeclared);
    return `${count(asked, "proxy")} of ${count(workloads, "workload")} asked about${
      declared.length === 0 ? "" : `; as declared: ${listed(declared)}`
    }${leftOutText(view.proxies.leftOut, "pod")}`;
  },
});

function exceptionTexts(workload: string, { all, ports }: DeclaredModes): string[] {
  return [
    ...(all === "STRICT" ? [] : [`${workload} ${all}`]),
    ...Object.entries(ports).map(([port, mode]) => `${workload} port ${port} ${mode}`),
  ];
}

const captured = verifyCheck({
  id: "effect/captured",
  title: "every port of a workload leads through its proxy",
  needs: ["pods"],
  subject: "the mesh's workloads",
  fix: "take the annotation from the pod template, or where it has none, the value from what injects it (istio.values, defaultConfig in istio.meshConfig, a ProxyConfig), and restart the pods; a port that must take plain text belongs in mutualTls.exceptions",
  docs: {
    meaning:
      "the network rules of each pod with a proxy lead all of its ports there: no `excludeInboundPorts`, `includeInboundPorts`, `excludeInterfaces`, `interceptionMode: NONE`, port of the agent outside of Istio's own, or variable such as `DRY_RUN` in `proxyMetadata`, which istiod's listeners say nothing of. Ports of declared exceptions, and the agent's own (15020, 15021, 15090), may go past it. The gateway's pods are judged by `client-leg`",
    fix: "take the annotation or the value of what injects it away, or declare the port in `mutualTls.exceptions`",
  },
  run(view, { settings }, problem) {
    const pods = workloadPods(view, settings);
    const wrong = pods.flatMap((pod) => {
      const text = uncaughtText(uncaughtPorts(pod), declaredFor(pod, settings)[0]);
      return text === undefined ? [] : [{ pod, text }];
    });
    for (const [text, [first]] of grouped(wrong, ({ pod, text: own }) => `${workloadText(pod)}: ${own}`))
      problem(text, { subject: `workload ${workloadText(first!.pod)}` });
    return `all ports of ${count(pods.length, "pod")}`;
  },
});

/** What goes past a proxy though nothing declares it, in words. */
function uncaughtText({ allBut, ports, interfaces, because }: Uncaught, declared: DeclaredModes): string | undefined {
  if (declared.all !== "STRICT") return undefined;
  const open = ports.filter((port) => declared.ports[port] === undefined);
  const parts = [
    ...(allBut === undefined
      ? []
      : [
          allBut.length === 0
            ? "every port goes past its proxy"
            : `every port but ${allBut.join(", ")} goes past its proxy`,
        ]),
    ...open.map((port) => `port ${port} goes past its proxy`),
    ...interfaces.map((name) => `what comes by interface ${name} goes past its proxy`),
  ];
  return parts.length === 0 ? undefined : `${parts.join("; ")}, by ${because.join(", ")}`;
}

const gatewayOutbound = verifyCheck({
  id: "effect/gateway-outbound",
  title: "the mesh tells the gateway's proxy to speak mutual TLS to the Services of the hosts",
  needs: ["proxies", "pods", "services"],
  subject: "the gateway",
  fix: "look for a DestinationRule (strict/destination-rules) or an EnvoyFilter for the gateway: kubectl get destinationrules,envoyfilters --all-namespaces",
  docs: {
    meaning:
      "the clusters and endpoints that istiod sends to the proxy of each gateway pod: every endpoint of the Services that hosts route to is spoken to by TLS with Istio's certificates. EnRoute's own Envoy is not configured by istiod; what it sends is proven at its other end, by `effect/inbound`",
    fix: "remove the DestinationRule or EnvoyFilter; an endpoint without a proxy is `injection/pods-in-mesh`",
  },
  run(view, { settings }, problem) {
    const gateways = runningPods(withProxy(view, settings)).filter((pod) => isGatewayPod(pod, settings));
    if (gateways.length === 0) throw notThere("no gateway pod with a proxy", "gateway/containers");
    const silent: { name: string; reason: string }[] = [];
    const problems: string[] = [];
    const seen: string[] = [];
    for (const pod of gateways) {
      const fact = view.proxies.outbound[placeOf(pod)] ?? notAsked;
      if (fact.state === "unknown") {
        silent.push({ name: placeOf(pod), reason: fact.reason });
        continue;
      }
      for (const { namespace, service, port } of backendsOf(settings)) {
        const name = `${namespace}/${service}:${port}`;
        const found = fact.value.find(
          (one) => one.namespace === namespace && one.service === service && one.port === port,
        );
        if (found === undefined || found.endpoints.length === 0) {
          silent.push({ name, reason: "it has no endpoint: nothing to look at (see hosts/backends)" });
          continue;
        }
        const isPlainDeclared = isDeclared(view, settings, namespace, service, "DISABLE");
        const wrong = found.endpoints.filter(
          (spoken) => spoken !== "mutual" && !(isPlainDeclared && spoken === "plain"),
        );
        if (wrong.length > 0)
          problems.push(
            `${name} is spoken to ${wrong.includes("plain") ? "in clear text" : "by TLS without Istio's certificates"}`,
          );
        else seen.push(name);
      }
    }
    distinct(problems).forEach((text) => problem(text));
    if (silent.length > 0) throw cannotTell(silent);
    return listed(distinct(seen));
  },
});

const notAsked: ProxyFact<never> = { state: "unknown", reason: "istiod was not asked about it" };

/** The Services of the hosts, each once. */
function backendsOf({ hosts }: Settings): { namespace: string; service: string; port: number }[] {
  const all = hosts.flatMap(({ namespace, routes }) =>
    routes.map(({ service, port }) => ({ namespace, service, port })),
  );
  return [...new Map(all.map((one) => [`${one.namespace}/${one.service}:${one.port}`, one])).values()];
}

/** Whether pods behind a Service have a declared exception of a mode. */
function isDeclared(
  view: Pick<ClusterView, "pods" | "services">,
  settings: Settings,
  namespace: string,
  service: string,
  mode: string,
): boolean {
  const ports = workloadPorts(view, settings).filter(
    ({ service: { metadata } }) => metadata.namespace === namespace && metadata.name === service,
  );
  const modes = ports.flatMap(({ pods }) => pods.flatMap((pod) => declaredFor(pod, settings)));
  return modes.some(({ all, ports: own }) => all === mode || Object.values(own).some((one) => one === mode));
}

const workloadLeg = verifyCheck({
  id: "effect/plain-text",
  title: "workloads refuse a connection in clear text, and take one in the gateway's name",
  needs: ["workloadLeg", "pods", "services"],
  subject: "the mesh's workloads",
  fix: "see effect/inbound, effect/captured and injection/*, which say why",
  docs: {
    meaning:
      "with `--dial-services` alone: each port of the Services of workloads, of pods without a proxy too, is connected to, in clear text, which must be refused, and by mutual TLS with a certificate that istiod signs for the gateway, which must be taken; declared exceptions take what they are declared to take",
    fix: "`effect/inbound`, `effect/captured` and `injection` say why",
  },
  run(view, { settings }, problem) {
    if (view.workloadLeg === undefined)
      throw new CannotTell(
        "Services cannot be dialled from here",
        "verify from inside the cluster, with --dial-services",
      );
    // Undecided where pods or Services could not be read.
    workloadPods(view, settings);
    for (const { name } of settings.namespaces) itemsOf(view.services[name], `Services of namespace ${name}`);
    const ports = workloadPorts(view, settings);
    if (ports.length === 0) throw new CannotTell("no Service leads to a pod of a workload: nothing to connect to");
    const silent: string[] = [];
    let probed = 0;
    for (const one of ports) {
      const probe = view.workloadLeg.ports[portName(one)];
      if (probe === undefined) continue; // left out
      probed++;
      const name = portName(one);
      const modes = portModes(one, settings);
      if (probe.plain.outcome === "taken" && modes.every((mode) => mode === "STRICT"))
        problem(`${name} takes plain text, and answers ${JSON.stringify(probe.plain.text)}`, {
          subject: `Service ${name}`,
        });
      if (probe.plain.outcome === "refused" && modes.every((mode) => mode !== "STRICT"))
        problem(`${name} refuses plain text (${probe.plain.reason}), and ${modes[0]} is declared`, {
          subject: `Service ${name}`,
        });
      // A pod without a proxy speaks no TLS of the mesh: injection/* names it.
      const isInjected = one.pods.every((pod) => proxyOf(pod) !== undefined);
      if (probe.mutual.outcome === "refused" && isInjected && modes.every((mode) => mode !== "DISABLE"))
        problem(`${name} refuses the gateway's certificate: ${probe.mutual.reason}`, { subject: `Service ${name}` });
      for (const { outcome, reason } of [probe.plain, probe.mutual].filter((each) => each.outcome === "silent") as {
        outcome: string;
        reason: string;
      }[])
        if (outcome === "silent") silent.push(`${name}: ${reason}`);
    }
    if (silent.length > 0)
      throw new CannotTell(listed(distinct(silent)), "verify from where the Services' addresses lead somewhere");
    return `${count(probed, "port")} of Services${leftOutText(view.workloadLeg.leftOut, "port")}`;
  },
});

/** The declared modes of the pods behind a port of a Service. */
function portModes(
  { service, port, pods }: ReturnType<typeof workloadPorts>[number],
  settings: Settings,
): [string, ...string[]] {
  const { targetPort = port } = service.spec.ports?.find((each) => each.port === port) ?? {};
  const modes = pods.flatMap((pod) => {
    const named = pod.spec.containers.flatMap((container) => container.ports ?? []);
    const number =
      typeof targetPort === "number"
        ? targetPort
        : (named.find(({ name }) => name === targetPort)?.containerPort ?? port);
    return declaredFor(pod, settings).map((declared) => declared.ports[number] ?? declared.all);
  });
  const [first = "STRICT", ...others] = distinct(modes);
  return [first, ...others];
}

/** What is in force, whatever the objects say. */
export const effectChecks: readonly VerifyCheck[] = [inbound, captured, gatewayOutbound, workloadLeg];
