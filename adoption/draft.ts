import { defined } from "../base/defined";
import type { Issue } from "../base/issue";
import { type Tree, asText, at, isTree, treeAt } from "../base/tree";
import type { Deployment } from "../cluster/kinds";
import { defaultGatewayNamespace, enroute } from "../mesh/enroute";
import { injectorOf, neverInjected } from "../mesh/injection";
import { defaultHub, defaultIstioNamespace, defaultTrustDomain } from "../mesh/istio";
import { floating } from "../mesh/pod-template";
import { type Claimant, ownerLabel, ownerOf, ownerValue } from "../mesh/ownership";
import { draftGateway } from "./gateway";
import { draftHosts } from "./hosts";
import { draftIngresses } from "./ingresses";
import { draftExceptions } from "./policies";
import type { InstalledRelease, Survey } from "./survey";
import { chartDefaults, overDefaults, secretsIn, without } from "./values";

/* A stack file that reproduces what runs. Pure. */

export interface DraftOptions {
  /** Where every chart comes from, such as a mirror. @default the published repositories */
  chartRepository?: string;
  /** The stack that is to have it, and the one that is gone. */
  claimant: Claimant;
  now: Date;
}

export interface Draft {
  /** Settings, without those that say which cluster it is; undefined where there is too little to write any. */
  settings: Tree | undefined;
  /** What cannot be taken over (errors), and what is left or would change (warnings). */
  issues: Issue[];
}

/** The settings by which a stack rolls out what runs already. */
export function draft(found: Survey, options: DraftOptions): Draft {
  const { claimant, now, chartRepository } = options;
  const [istiod] = found.istiods;
  const [gateway] = found.gateways;
  const issues = [...missing(found), ...claimIssues(found, claimant), ...renamed(found)];
  const release = releaseOf(found, enroute.release, gateway?.metadata.namespace, "enroute");
  if (istiod === undefined || gateway === undefined || release === undefined) return { settings: undefined, issues };
  const [root, edge] = [istiod.metadata.namespace!, gateway.metadata.namespace!];
  const istio = draftIstio(found, istiod);
  const edges = draftGateway(release, found);
  const { hosts, secretName, issues: ofHosts } = draftHosts(found);
  const members = memberNames(found, { root, edge, hosts });
  const { exceptions, issues: ofPolicies } = draftExceptions(found, { root, members: [...members, edge], now });
  const rights = draftIngresses(found, edge);
  issues.push(...edges.issues, ...rights.issues, ...ofHosts, ...ofPolicies);
  if (hosts.length === 0)
    issues.push({
      id: "adoption/host",
      severity: "error",
      subject: "hosts",
      problem: "there is no GatewayHost that a stack can have, and a stack has at least one host",
      fix: "see the hosts that are left to their owners, or write hosts and certificate into a stack file; then adopt again",
    });
  const source = defined({ chartRepository });
  const home = (name: string, usual: string) => ({
    namespace: { ...(name === usual ? {} : { name }), create: createOf(found, name, claimant) },
  });
  const optional = extras(found, root);
  issues.push(...istio.issues, ...optional.issues, ...secretIssues(found));
  return {
    settings: {
      istio: { ...source, ...home(root, defaultIstioNamespace), ...istio.settings },
      namespaces: members.map((name) => ({
        name,
        create: createOf(found, name, claimant),
        ...injectionOf(found, name, istio.revision),
      })),
      gateway: {
        ...source,
        ...home(edge, defaultGatewayNamespace),
        ...edges.gateway,
        ...defined({ ingresses: rights.ingresses }),
      },
      hosts,
      certificate: { issuer: "existingSecret", secretName: secretName ?? "" },
      ...(exceptions.length === 0 ? {} : { mutualTls: { exceptions } }),
      ...Object.fromEntries(Object.entries(optional.settings).map(([key, part]) => [key, { ...source, ...part }])),
      ...(claimant.takeOverFrom === undefined ? {} : { takeOverFrom: claimant.takeOverFrom }),
    },
    issues,
  };
}

function releaseOf({ releases }: Survey, name: string, namespace: string | undefined, chart: string) {
  return releases.find((one) => one.name === name && one.namespace === namespace && one.chart === chart);
}

/** Parts without which there is nothing to write. */
function missing(found: Survey): Issue[] {
  const [istiod, gateway] = [found.istiods[0], found.gateways[0]];
  const part = (subject: string, problem: string, fix: string): Issue => ({
    ...{ id: "adoption/missing", severity: "error", subject, problem, fix },
  });
  const byHand =
    "write a stack file with the settings of all parts (docs/environments.md); what is there is taken over";
  const issues: Issue[] = [];
  if (istiod === undefined)
    issues.push(part("istiod", "no istiod runs in this cluster (a Deployment with the label app=istiod)", byHand));
  else if (releaseOf(found, "istiod", istiod.metadata.namespace, "istiod") === undefined)
    issues.push(
      part(
        `Deployment ${istiod.metadata.namespace}/${istiod.metadata.name}`,
        `istiod in namespace ${istiod.metadata.namespace} is of no Helm release istiod, as after istioctl install: a stack installs it by Helm`,
        "move it to Helm first, by the commands of the findings on its objects (kubectl annotate and label), or take it away: istioctl uninstall --purge",
      ),
    );
  if (gateway === undefined)
    issues.push(part("EnRoute", "no EnRoute gateway runs in this cluster (a Deployment named enroute)", byHand));
  else if (releaseOf(found, enroute.release, gateway.metadata.namespace, "enroute") === undefined)
    issues.push(
      part(
        `Deployment ${gateway.metadata.namespace}/${gateway.metadata.name}`,
        `the gateway in namespace ${gateway.metadata.namespace} is of no Helm release ${enroute.release}`,
        `install it as release ${enroute.release}, or hand its objects to that release (kubectl annotate and label, as Helm's own error says)`,
      ),
    );
  return issues;
}

/** A mesh that another stack claims. */
function claimIssues({ claim }: Survey, { owner, takeOverFrom }: Claimant): Issue[] {
  if (claim === undefined || claim.owner === owner || claim.owner === takeOverFrom) return [];
  return [
    {
      id: "adoption/claim",
      severity: "error",
      subject: "the mesh",
      problem: `stack ${claim.owner} claims the mesh: two stacks never hold one`,
      fix: `use that stack, or destroy it first; if it is gone without having been destroyed: --take-over-from ${claim.owner}`,
    },
  ];
}

/** Our charts under other names than a stack's: Helm cannot rename a release. */
function renamed({ releases }: Survey): Issue[] {
  const names: Record<string, string> = { base: "istio-base", istiod: "istiod", enroute: enroute.release };
  return releases.flatMap(({ chart, name, namespace }): Issue[] => {
    const wanted = names[chart];
    if (wanted === undefined || wanted === name) return [];
    const taken = releases.some((one) => one.name === wanted && one.namespace === namespace);
    return [
      {
        id: "adoption/release-name",
        severity: taken ? "warning" : "error",
        subject: `Helm release ${namespace}/${name}`,
        problem: `Helm release ${namespace}/${name} has the chart ${chart}, which a stack installs as ${wanted}: Helm cannot rename a release`,
        fix: `annotate its objects with meta.helm.sh/release-name=${wanted}, have Helm forget it (kubectl delete secret -n ${namespace} -l owner=helm,name=${name}, which deletes no object), and install it again: helm install ${wanted}; then adopt again`,
      },
    ];
  });
}

/** Values of the releases that a stack cannot be without, where they look like secrets. */
function secretIssues({ releases }: Survey): Issue[] {
  const needed = releases.filter(({ name }) => ["istio-base", "istiod", enroute.release].includes(name));
  return needed.flatMap(({ namespace, name, values }): Issue[] => {
    const paths = secretsIn(values);
    if (paths.length === 0) return [];
    return [
      {
        id: "adoption/secret",
        severity: "error",
        subject: `Helm release ${namespace}/${name}`,
        problem: `value ${paths.join(", ")} of Helm release ${namespace}/${name} looks like a secret: it is not written into a stack file in plain text`,
        fix: "write the stack file yourself, and set that value with pulumi config set --secret --path; then adopt again",
      },
    ];
  });
}

function draftIstio(
  found: Survey,
  istiod: Deployment,
): { settings: Tree; revision: string | undefined; issues: Issue[] } {
  const root = istiod.metadata.namespace!;
  const release = releaseOf(found, "istiod", root, "istiod");
  const image = istiod.spec.template?.spec?.containers?.find(({ name }) => name === "discovery")?.image ?? "";
  const [, imageHub, imageTag] = /^(.+)\/[^/]+:([^:]+)$/.exec(image) ?? [];
  const values = release?.values ?? {};
  const runs = overDefaults(chartDefaults(release?.defaults ?? {}), values);
  const version = release?.version ?? asText(/^\d+\.\d+\.\d+/.exec(imageTag ?? "")?.[0]) ?? "";
  const hub = asText(at(runs, "global", "hub")) ?? imageHub;
  const tag = asText(at(runs, "global", "tag")) ?? imageTag;
  const isFloating = tag !== undefined && floating(`:${tag}`) !== undefined;
  const revision = asText(at(runs, "revision"));
  const trustDomain = asText(at(runs, "meshConfig", "trustDomain"));
  const aliases = at(runs, "meshConfig", "trustDomainAliases");
  const meshConfig = without(treeAt(values, "meshConfig"), ["trustDomain"], ["trustDomainAliases"], ["rootNamespace"]);
  const rest = without(
    values,
    ["global", "hub"],
    ["global", "tag"],
    ["global", "istioNamespace"],
    ["revision"],
    ["defaultRevision"],
    ["meshConfig"],
  );
  // The chart `base` reads the same values.
  const base = without(releaseOf(found, "istio-base", root, "base")?.values ?? {}, ["global", "istioNamespace"]);
  const all = overDefaults(base, rest);
  return {
    settings: {
      version,
      ...defined({
        hub: hub === defaultHub ? undefined : hub,
        tag: tag === version || isFloating ? undefined : tag,
        revision,
        trustDomain: trustDomain === defaultTrustDomain ? undefined : trustDomain,
        trustDomainAliases: Array.isArray(aliases) && aliases.length > 0 ? aliases : undefined,
        meshConfig: Object.keys(meshConfig).length === 0 ? undefined : meshConfig,
        values: Object.keys(all).length === 0 ? undefined : all,
      }),
    },
    revision,
    issues: [
      ...(isFloating ? [floatingIssue(tag, version)] : []),
      ...(found.hasAuthority ? [authorityIssue(root)] : []),
    ],
  };
}

function floatingIssue(tag: string, version: string): Issue {
  return {
    id: "adoption/istio-tag",
    severity: "warning",
    subject: "istio.tag",
    problem: `Istio's images have the tag ${tag}, other bits at every restart; the stack takes ${version}, and the first update restarts istiod, one pod after the other`,
    fix: "set istio.tag to the tag that you want; sidecars get it when their pods start again",
  };
}

function authorityIssue(root: string): Issue {
  return {
    id: "adoption/authority",
    severity: "warning",
    subject: `Secret ${root}/cacerts`,
    problem: `a CA is plugged into istiod (Secret ${root}/cacerts): the stack file leaves it to its owner`,
    fix: "to have the stack keep it, set istio.ca (issuer: provided) to the same certificates and key",
  };
}
/** A namespace that a stack made is the stack's again; anybody else's stays theirs. */
function createOf({ namespaces }: Survey, name: string, claimant: Claimant): false | "adopt" {
  const metadata = namespaces.find((one) => one.metadata.name === name)?.metadata;
  if (metadata?.labels?.[ownerLabel] !== ownerValue) return false;
  return ownerOf(metadata, claimant).by === "ours" ? "adopt" : false;
}

function injectionOf({ namespaces }: Survey, name: string, revision: string | undefined): object {
  const namespace = namespaces.find(({ metadata }) => metadata.name === name);
  const injector = namespace === undefined ? undefined : injectorOf(namespace);
  if (injector === undefined || injector === (revision ?? "default")) return {};
  return { injection: injector === "default" ? "enabled" : { revision: injector } };
}

/** Namespaces in the mesh, and those of hosts. */
function memberNames(
  { namespaces }: Survey,
  { root, edge, hosts }: { root: string; edge: string; hosts: object[] },
): string[] {
  const injected = namespaces.flatMap((one) => (injectorOf(one) === undefined ? [] : one.metadata.name));
  const ofHosts = hosts.flatMap((host) => asText(at(host, "namespace")) ?? []);
  return [...new Set([...ofHosts, ...injected])]
    .filter((name) => name !== root && name !== edge && !neverInjected.includes(name))
    .sort();
}

/** Prometheus and Kiali, where Helm installed them under a stack's names. What kubectl made stays beside the stack. */
function extras(found: Survey, root: string): { settings: Record<string, Tree>; issues: Issue[] } {
  const parts = { prometheus: ["prometheus", "prometheus"], kiali: ["kiali-server", "kiali-server"] } as const;
  const settings: Record<string, Tree> = {};
  const issues: Issue[] = [];
  for (const [key, [name, chart]] of Object.entries(parts)) {
    const release = releaseOf(found, name, root, chart);
    if (release === undefined) continue;
    const obstacle = obstacleOf(release, key, settings);
    if (obstacle === undefined) settings[key] = { version: release.version, ...valuesOf(release) };
    else
      issues.push({
        id: "adoption/optional",
        severity: "warning",
        subject: `Helm release ${root}/${name}`,
        problem: `Helm release ${root}/${name} is left to its owner: ${obstacle}`,
        fix: `leave it, or write ${key} into the stack file; then adopt again`,
      });
  }
  return { settings, issues };
}

function obstacleOf({ values }: InstalledRelease, key: string, settings: object): string | undefined {
  const secrets = secretsIn(values);
  if (secrets.length > 0)
    return `its value ${secrets.join(", ")} looks like a secret, and a stack file is no place for one in plain text`;
  return key === "kiali" && !("prometheus" in settings) ? "a stack has Kiali only together with Prometheus" : undefined;
}

const valuesOf = ({ values }: InstalledRelease) => (isTree(values) && Object.keys(values).length > 0 ? { values } : {});
