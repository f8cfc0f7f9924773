import { isRegistry, loginOf, registryHost } from "../mesh/charts";
import { type DeclaredControlPlanes, declarationProblems } from "../mesh/control-planes";
import { defaultPrefix, repeatedPrefixes } from "../mesh/gateway-host";
import { neverInjected } from "../mesh/injection";
import { nearest } from "./builders";
import { meshAuthorityProblems, servingCertificateProblems } from "./certificate-rules";
import {
  discoveryProblems,
  mutualTlsProblems,
  overrideProblems,
  revisionProblems,
  workloadTtlProblems,
} from "./contradictions";
import { type Problem, found, problem } from "./error";
import { pullingNamespaces } from "./expected";
import type { Settings } from "./schema";

/** Problems that take more than one key to see. */
export function crossProblems(settings: Settings, now: Date): Problem[] {
  return [...clusterProblems(settings), ...ingressProblems(settings, now)];
}

/** The same without those of the way to the cluster. */
export function ingressProblems(settings: Settings, now: Date): Problem[] {
  const { certificate, istio, gateway } = settings;
  const sections = (["istio", "gateway", "prometheus", "kiali"] as const).map((key) => ({ key, of: settings[key] }));
  const hosts = settings.hosts.map(({ host }) => host);
  return [
    ...controlPlaneProblems(istio, "istio."),
    ...revisionProblems(settings),
    ...namespaceProblems(settings),
    ...hostProblems(settings),
    ...servingCertificateProblems({ certificate, hosts, envoyTag: gateway.images.envoy?.tag }, now),
    ...workloadTtlProblems(settings),
    ...meshAuthorityProblems(istio.ca, now),
    ...autoscalingProblems(gateway, "gateway."),
    ...gatewayServiceProblems(gateway, "gateway."),
    ...sections.flatMap(({ key, of }) => repositoryProblems(of, `${key}.`)),
    ...registryLoginProblems(settings),
    ...pullSecretProblems(settings),
    ...found(
      settings.kiali !== undefined &&
        settings.prometheus === undefined &&
        problem("kiali", "no prometheus", "kiali together with prometheus: without it Kiali is up but empty"),
    ),
    ...mutualTlsProblems(settings),
    ...overrideProblems(settings),
    ...discoveryProblems(settings),
  ];
}

/** @param at what the keys of the problems begin with */
export function controlPlaneProblems(declared: DeclaredControlPlanes, at = ""): Problem[] {
  return declarationProblems(declared).map(({ key, found: value, allowed }) => problem(`${at}${key}`, value, allowed));
}

/** @param at what the keys of the problems begin with */
export function autoscalingProblems(
  { autoscaling, replicas }: Pick<Settings["gateway"], "autoscaling" | "replicas">,
  at = "",
): Problem[] {
  if (autoscaling === undefined || autoscaling.maxReplicas >= replicas) return [];
  return [problem(`${at}autoscaling.maxReplicas`, autoscaling.maxReplicas, `at least ${at}replicas`)];
}

/** @param at what the keys of the problems begin with */
export function gatewayServiceProblems({ service }: Pick<Settings["gateway"], "service">, at = ""): Problem[] {
  const { type, nodePorts } = service ?? {};
  if (nodePorts === undefined) return [];
  return found(
    type === "ClusterIP" &&
      problem(`${at}service.nodePorts`, nodePorts, "none with type ClusterIP, which opens no port of a node"),
    nodePorts.http !== undefined &&
      nodePorts.http === nodePorts.https &&
      problem(`${at}service.nodePorts.https`, nodePorts.https, "another port than nodePorts.http"),
  );
}

/** @param within what the keys of the problems begin with */
export function repositoryProblems(
  of: Pick<Settings["istio"], "chartRepository" | "chartRepositoryAuth"> | undefined,
  within = "",
): Problem[] {
  const { chartRepository = "", chartRepositoryAuth: auth } = of ?? {};
  if (auth === undefined) return [];
  const at = `${within}chartRepositoryAuth`;
  const { username, password, token, caFile } = auth;
  return found(
    password !== undefined && token !== undefined && problem(`${at}.token`, undefined, "either password or token"),
    password !== undefined &&
      username === undefined &&
      problem(`${at}.username`, undefined, "missing; the user of password"),
    username !== undefined &&
      password === undefined &&
      token === undefined &&
      problem(`${at}.password`, undefined, `missing; the password of ${at}.username`),
    Object.values(auth).every((value) => value === undefined) &&
      problem(at, auth, "username and password, or token, or caFile"),
    caFile !== undefined &&
      isRegistry(chartRepository) &&
      problem(
        `${at}.caFile`,
        caFile,
        "none for oci://, where Pulumi's provider takes none: let the machine trust the CA (SSL_CERT_FILE)",
      ),
  );
}

/** Helm keeps one login for each host of a registry. */
function registryLoginProblems(settings: Settings): Problem[] {
  const logins = (["istio", "gateway", "prometheus", "kiali"] as const).flatMap((key) => {
    const { chartRepository = "", chartRepositoryAuth: auth } = settings[key] ?? {};
    const login = loginOf(auth);
    return login === undefined || !isRegistry(chartRepository)
      ? []
      : [{ key, host: registryHost(chartRepository), login: JSON.stringify(login) }];
  });
  return logins.flatMap(({ key, host, login }) => {
    const first = logins.find((one) => one.host === host)!;
    if (first.login === login) return [];
    const same = `the login of ${first.key}.chartRepositoryAuth: Helm has one for each registry, and both are of ${host}`;
    return [problem(`${key}.chartRepositoryAuth`, undefined, same)];
  });
}

function pullSecretProblems(settings: Settings): Problem[] {
  const { imagePullSecrets } = settings;
  const problems = imagePullSecrets.flatMap(({ name, registry, username, password }, index) => {
    const at = `imagePullSecrets[${index}]`;
    const isMade = password !== undefined;
    return found(
      imagePullSecrets.findIndex((earlier) => earlier.name === name) < index &&
        problem(`${at}.name`, name, "each name once"),
      isMade &&
        registry === undefined &&
        problem(`${at}.registry`, undefined, "missing; the host that the password is for"),
      isMade && username === undefined && problem(`${at}.username`, undefined, "missing; the user of the password"),
      !isMade &&
        (registry ?? username) !== undefined &&
        problem(`${at}.password`, undefined, "missing; without one the Secret is not made, and needs a name alone"),
    );
  });
  return [...problems, ...joinedNameProblems(settings)];
}

/** Two Secrets that would be one resource: its name is that of the Secret and that of its namespace, with a dash between them. */
function joinedNameProblems(settings: Settings): Problem[] {
  const homes = pullingNamespaces(settings);
  const seen = new Map<string, { name: string; home: string }>();
  return settings.imagePullSecrets.flatMap(({ name, password }, index) => {
    if (password === undefined) return [];
    const made = homes.map((home) => ({ name, home, joined: `${name}-${home}` }));
    const clash = made.find(({ joined }) => seen.has(joined) && seen.get(joined)!.name !== name);
    const other = clash && seen.get(clash.joined)!;
    for (const { joined, ...one } of made) seen.set(joined, one);
    if (clash === undefined || other === undefined) return [];
    const allowed = `another name: in namespace ${clash.home} its resource would be ${clash.joined}, which is that of ${other.name} in ${other.home}`;
    return [problem(`imagePullSecrets[${index}].name`, name, allowed)];
  });
}

function clusterProblems({ kubeconfig, context, clusterIdentifier }: Settings): Problem[] {
  if (kubeconfig === "" && context === "")
    return [
      problem(
        "kubeconfig",
        undefined,
        "the path of a kubeconfig file here, or the name of a context in context: a stack names its cluster, it never takes the one that the shell happens to point at",
      ),
    ];
  if (context === "" && clusterIdentifier === "")
    return [
      problem(
        "clusterIdentifier",
        undefined,
        "a name of the cluster that never changes, as no context is named: without it a new kubeconfig would replace every resource",
      ),
    ];
  return [];
}

function namespaceProblems(settings: Settings): Problem[] {
  const problems: Problem[] = [];
  const seen = new Map([
    [settings.istio.namespace.name, "istio.namespace"],
    [settings.gateway.namespace.name, "gateway.namespace"],
  ]);
  if (seen.size < 2)
    problems.push(
      problem("gateway.namespace.name", settings.gateway.namespace.name, "another namespace than istio.namespace"),
    );
  settings.namespaces.forEach(({ name }, index) => {
    const earlier = seen.get(name);
    if (earlier !== undefined)
      problems.push(problem(`namespaces[${index}].name`, name, `each namespace once; ${earlier} is it already`));
    seen.set(name, `namespaces[${index}]`);
  });
  const unfit = (key: string, name: string) => {
    if (neverInjected.includes(name))
      problems.push(
        problem(key, name, `a namespace that may be in the mesh: Istio never injects ${neverInjected.join(", ")}`),
      );
  };
  unfit("gateway.namespace.name", settings.gateway.namespace.name);
  settings.namespaces.forEach(({ name }, index) => unfit(`namespaces[${index}].name`, name));
  const members = settings.namespaces.map(({ name }) => name);
  const known = (key: string, name: string) => {
    if (members.includes(name)) return;
    const guess = nearest(name, members);
    const hint = guess === undefined ? "" : `; did you mean ${guess}?`;
    problems.push(
      problem(
        key,
        name,
        `one of namespaces (${members.join(", ") || "none yet"})${hint} Pods elsewhere have no sidecar and cannot speak mutual TLS`,
      ),
    );
  };
  settings.hosts.forEach((entry, index) => known(`hosts[${index}].namespace`, entry.namespace));
  if (settings.bookinfo !== undefined) known("bookinfo.namespace", settings.bookinfo.namespace);
  return problems;
}

function hostProblems({ hosts }: Settings): Problem[] {
  return hosts.flatMap(({ host: name, routes }, index) => {
    const first = hosts.findIndex((earlier) => earlier.host === name);
    return [
      ...found(
        first < index &&
          problem(
            `hosts[${index}].host`,
            name,
            `each host once; hosts[${first}] is it already, and EnRoute would serve neither`,
          ),
      ),
      ...routeProblems(routes, `hosts[${index}].`),
    ];
  });
}

/** @param at what the keys of the problems begin with */
export function routeProblems(routes: Settings["hosts"][number]["routes"], at = ""): Problem[] {
  return repeatedPrefixes(routes).map((repeated) =>
    problem(
      `${at}routes[${repeated.index}].prefix`,
      routes[repeated.index]!.prefix,
      `each prefix once in a host (without one it is ${defaultPrefix}); routes[${repeated.first}] has it already, and EnRoute would drop one of them`,
    ),
  );
}
