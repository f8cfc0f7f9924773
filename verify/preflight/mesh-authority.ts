import { parse } from "yaml";
import { commonName, iso, tryParse } from "../../base/certificate";
import { durationSeconds } from "../../base/duration";
import type { Cluster } from "../../cluster/client";
import type { ConfigMap, Named, Pod, SecretObject } from "../../cluster/kinds";
import { type TrustedRoots, skippedPhase } from "../../mesh/authority";
import { defaultWorkloadCertificateTtl } from "../../mesh/enroute";
import { isDue, meshRenewal, timeLeft } from "../../mesh/lives";
import { authoritySecretName, intermediateLife } from "../../mesh/mesh-authority";
import { ownerLabel, ownerValue } from "../../mesh/ownership";
import { meshConfigName } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { CannotTell } from "../check";
import { rootText, roots, signerOf, wantedRoots } from "../checks/identity";
import { livePods } from "../checks/injection";
import { valueOf } from "../checks/reading";
import { type Read, read } from "../facts";
import { type MeshAuthority, ofPod, publicAuthority } from "../view";
import { existing, listed } from "./lookup";
import { type PreflightCheck, type PreflightFacts, preflightCheck } from "./define";

/** What the cluster holds of the mesh's CA. */
export interface AuthorityState {
  istiods: Named[];
  /** Secret `cacerts`: when and by whom it was written, and its public parts. */
  secret: Named | undefined;
  authority: MeshAuthority | undefined;
  /** What istiod has told the mesh to trust. */
  published: ConfigMap | undefined;
  meshConfig: ConfigMap | undefined;
}

export async function readAuthority(cluster: Cluster, settings: Settings): Promise<AuthorityState> {
  const root = settings.istio.namespace.name;
  const [istiods, object, published, meshConfig] = await Promise.all([
    listed<Named>(cluster, `/apis/apps/v1/namespaces/${root}/deployments?labelSelector=app%3Distiod`, true),
    existing<SecretObject>(cluster, `/api/v1/namespaces/${root}/secrets/${authoritySecretName}`),
    existing<ConfigMap>(cluster, `/api/v1/namespaces/${root}/configmaps/istio-ca-root-cert`),
    existing<ConfigMap>(cluster, `/api/v1/namespaces/${root}/configmaps/${meshConfigName(settings)}`),
  ]);
  const authority = object === undefined ? undefined : publicAuthority(object);
  const secret = object === undefined ? undefined : { metadata: object.metadata };
  return { istiods, secret, authority, published, meshConfig };
}

const subject = "istio.ca";
const notYet = "there is none yet";
const stateOf = ({ authority }: Pick<PreflightFacts, "authority">) => valueOf(authority, "the mesh's CA")!;

const foreign = preflightCheck({
  id: "mesh/foreign-ca",
  title: "no CA of somebody else is plugged into istiod",
  needs: ["authority"],
  when: { text: "istio.ca.issuer: generated", holds: ({ istio }) => istio.ca.issuer === "generated" },
  subject: ({ settings }) => `Secret ${settings.istio.namespace.name}/${authoritySecretName}`,
  fix: "take that CA over with istio.ca.issuer: provided, or delete the Secret after its owner has agreed",
  docs: {
    meaning: "Secret `cacerts` is somebody else's, and the stack would put a generated CA in its place",
    fix: "take it over with `istio.ca.issuer: provided`, or delete it after its owner has agreed",
  },
  run(facts, { settings }, problem) {
    const { secret } = stateOf(facts);
    if (secret !== undefined && secret.metadata.labels?.[ownerLabel] !== ownerValue)
      problem(
        `Secret ${settings.istio.namespace.name}/cacerts exists, and is not ours: the mesh has a CA that somebody plugged in`,
      );
    return secret === undefined ? notYet : "Secret cacerts is ours";
  },
});

const trustDomain = preflightCheck({
  id: "mesh/trust-domain",
  title: "the mesh keeps its trust domain, or knows the one before as an alias",
  needs: ["authority"],
  subject: "istio.trustDomain",
  fix: "add the one before to istio.trustDomainAliases",
  docs: {
    meaning: "the mesh has another trust domain, which `istio.trustDomainAliases` does not name",
    fix: "add it there until every proxy has a new certificate",
  },
  run(facts, { settings: { istio } }, problem) {
    const { istiods, meshConfig } = stateOf(facts);
    // Without istiod no proxy gets a certificate, so there is nothing to break.
    if (istiods.length === 0) return "no istiod yet";
    const mesh = (parse(meshConfig?.data?.["mesh"] ?? "") ?? {}) as { trustDomain?: string };
    const before = mesh.trustDomain;
    if (before === undefined) return "the mesh names none";
    if (before !== istio.trustDomain && istio.trustDomainAliases?.includes(before) !== true)
      problem(
        `the mesh's trust domain is ${before}, and would become ${istio.trustDomain}: proxies would refuse each other until the last one has a new certificate`,
        { fix: `add ${before} to istio.trustDomainAliases, and take it out when every proxy has a new certificate` },
      );
    return before;
  },
});

/** What an update does to the roots of a mesh that runs; undefined where it has none yet, or none that are known. */
function changeOf({ istiods, authority, published }: AuthorityState, settings: Settings) {
  // Without istiod no proxy gets a certificate, so there is nothing to break.
  if (istiods.length === 0) return undefined;
  const trusted = roots(published?.data?.["root-cert.pem"]);
  const signer = authority === undefined ? undefined : signerOf(authority);
  // Without a Secret, istiod signs by a root of its own: the first that it tells of.
  const before: TrustedRoots | undefined =
    authority === undefined
      ? trusted[0] === undefined
        ? undefined
        : { roots: trusted, signer: trusted[0] }
      : signer === undefined
        ? undefined
        : { roots: roots(authority.rootCertificates), signer: rootText(signer) };
  if (before === undefined) return undefined;
  const after = wantedRoots(settings);
  // A CA whose root istiod does not tell of, it does not sign by: somebody changed the Secret, and what the stack asks for is still
  // in force. Putting it back is no change of roots.
  if (after !== undefined && !trusted.includes(before.signer) && after.roots.every((name) => trusted.includes(name)))
    return { trusted, before: after, after, dropped: [], switches: false };
  const dropped = after === undefined ? [] : before.roots.filter((name) => !after.roots.includes(name));
  return { trusted, before, after, dropped, switches: after !== undefined && after.signer !== before.signer };
}

/** Every pod of the cluster, where the CA that signs changes, or a root goes: then their proxies count. */
export async function readProxies(
  cluster: Cluster,
  settings: Settings,
  state: Read<AuthorityState>,
): Promise<Read<Pod[]> | undefined> {
  const change = state.state === "read" ? changeOf(state.value, settings) : undefined;
  if (change?.after === undefined || (!change.switches && change.dropped.length === 0)) return undefined;
  const running = encodeURIComponent("status.phase!=Succeeded,status.phase!=Failed");
  return read(() => listed<Pod>(cluster, `/api/v1/pods?fieldSelector=${running}`, false, ofPod));
}

/**
 * Every proxy has to trust a root before it signs, and to have a certificate of another one before a root goes: what the
 * cluster holds tells since when that is so.
 */
const phase = preflightCheck({
  id: "mesh/ca-phase",
  title: "a change of the mesh's root skips no phase, and hurries none",
  needs: ["authority", "proxies"],
  subject,
  fix: "change the root by its phases; docs/certificates.md shows them",
  docs: {
    meaning:
      "a phase of a change of the mesh's root was skipped or hurried: which proxies stand in the way, and until when ([certificates](certificates.md))",
    fix: "wait, or restart them; change the root by its phases",
  },
  run(facts, { settings, now }, problem) {
    const state = stateOf(facts);
    const { istiods, secret, authority, published } = state;
    const change = changeOf(state, settings);
    if (change === undefined) {
      if (istiods.length === 0) return "no istiod yet";
      if (authority === undefined) throw new CannotTell("istiod has published no root yet", "see whether it is ready");
      throw new CannotTell("the CA in Secret cacerts leads to none of its roots", "put that Secret right");
    }
    const { trusted, before, after, dropped, switches } = change;
    const report = (what: string, fix: string) => {
      problem(`istio.ca: ${what}`, { fix });
      return "";
    };
    if (after === undefined)
      return authority === undefined
        ? `istiod's own CA stays, root ${before.signer}`
        : report(
            `istiod would sign by a root of its own, which no proxy trusts, instead of ${before.signer}`,
            "keep istio.ca as it is; back to istiod's own CA there is only a new mesh",
          );
    const skipped = skippedPhase(before, after);
    if (skipped !== undefined) return report(skipped.problem, fixOf(settings, skipped.fix, authority === undefined));
    if (!switches && dropped.length === 0) return `root ${before.signer} goes on to sign`;
    if (switches && !trusted.includes(after.signer))
      return report(
        `root ${after.signer} may not sign yet: istiod does not tell the mesh to trust it (ConfigMap istio-ca-root-cert)`,
        "see whether istiod is ready, and its log; then update again",
      );
    const { proxies: pods } = facts;
    if (pods?.state !== "read")
      return report(
        `nobody can tell whether every proxy is ready for it: the pods of the cluster cannot be listed: ${pods?.state === "unreadable" ? pods.reason : "there is no such list"}`,
        "use credentials that may list pods in every namespace",
      );
    const obstacle = obstacleOf(livePods(pods.value), { settings, secret, published, now, after, dropped, switches });
    if (obstacle !== undefined) return report(obstacle.problem, obstacle.fix);
    return [
      ...(switches ? [`root ${after.signer} may sign`] : []),
      ...(dropped.length === 0 ? [] : [`root ${dropped.join(", ")} may go`]),
    ].join("; ");
  },
});

interface Change {
  settings: Settings;
  secret: Named | undefined;
  published: ConfigMap | undefined;
  now: Date;
  after: TrustedRoots;
  dropped: string[];
  switches: boolean;
}

/** The pods that stand in the way of a change of the CA. */
function obstacleOf(pods: Pod[], { settings, secret, published, now, after, dropped, switches }: Change) {
  const root = settings.istio.namespace.name;
  const istiods = pods.filter(({ metadata }) => metadata.namespace === root && metadata.labels?.["app"] === "istiod");
  const stale = istiods.filter((pod) => secret !== undefined && startOf(pod, "discovery") < changedAt(secret));
  if (stale.length > 0)
    return {
      problem: `the CA may not change yet: ${listOf(stale)} started before Secret ${authoritySecretName} was changed`,
      fix: `kubectl rollout restart deployment -n ${root} -l app=istiod; then update again`,
    };
  // Whatever starts after the last istiod has, gets everything from one that knows.
  const known = new Date(Math.max(...istiods.map((pod) => startOf(pod, "discovery").getTime())));
  const told = switches ? changedAt(published!) : undefined;
  const late = told === undefined ? [] : unsettled(pods, { since: told, known, now });
  if (told !== undefined && late.length > 0)
    return {
      problem: `root ${after.signer} may not sign yet: istiod has told of it since ${told.toISOString()}, and ${proxies(late)} may not have heard`,
      fix: waitOrRestart(late),
    };
  const since = changedAt(secret ?? published!);
  const waiting = dropped.length === 0 ? [] : unsettled(pods, { since, known, now });
  if (waiting.length > 0)
    return {
      problem: `root ${dropped.join(", ")} may not go yet: the CA has been as it is since ${since.toISOString()}, and ${proxies(waiting)} may still present an earlier certificate`,
      fix: waitOrRestart(waiting),
    };
  return undefined;
}

function fixOf({ istio: { ca } }: Settings, fix: string, isOwn: boolean): string {
  if (isOwn)
    return "take over istiod's own CA first, and let the mesh trust the new root beside it: istio.ca.issuer: provided with the certificate and key of Secret istio-ca-secret, and the new name in istio.ca.roots; docs/certificates.md shows each step";
  return ca.issuer === "generated"
    ? fix
    : "an update each: add the new root to istio.ca.rootCertificates; set certificateChain and privateKey below it; drop the old root";
}

/** When an object of the cluster was written last: the API server keeps that for each writer. */
function changedAt({ metadata: { managedFields = [], creationTimestamp } }: Named): Date {
  const times = [creationTimestamp, ...managedFields.map(({ time }) => time)].flatMap((time) =>
    time === undefined ? [] : Date.parse(time),
  );
  return new Date(Math.max(...times));
}

/** When a container of a pod started; where that is not told, its pod. */
function startOf({ metadata, status }: Pod, container: string): Date {
  const all = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  const startedAt = all.find(({ name }) => name === container)?.state?.running?.startedAt;
  return new Date(startedAt ?? metadata.creationTimestamp ?? "");
}

interface Waiting {
  pod: Pod;
  /** When its certificate of before has ended. */
  until: Date;
}

/**
 * Proxies that may still have the certificate, and the roots, of before a moment: they started before every istiod knew, and
 * their life has not passed since. Agents renew at half of a certificate's life, and take the roots along; so within one life
 * each has renewed after the last istiod changed, even one whose kubelet is slow.
 */
function unsettled(pods: Pod[], { since, known, now }: { since: Date; known: Date; now: Date }): Waiting[] {
  return pods.flatMap((pod) => {
    const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
    const proxy = containers.find(({ name }) => name === "istio-proxy");
    if (proxy === undefined) return [];
    const life = proxy.env?.find(({ name }) => name === "SECRET_TTL")?.value ?? defaultWorkloadCertificateTtl;
    const seconds = durationSeconds(life) ?? durationSeconds(defaultWorkloadCertificateTtl)!;
    const until = new Date(since.getTime() + seconds * 1000);
    return now >= until || startOf(pod, "istio-proxy") > known ? [] : [{ pod, until }];
  });
}

function listOf(pods: Pod[]): string {
  const names = pods.slice(0, 3).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  return `${names.join(", ")}${pods.length > 3 ? ` and ${pods.length - 3} more` : ""}`;
}

function proxies(waiting: Waiting[]): string {
  return `${waiting.length} ${waiting.length === 1 ? "proxy" : "proxies"} (${listOf(waiting.map(({ pod }) => pod))})`;
}

function waitOrRestart(waiting: Waiting[]): string {
  const last = new Date(Math.max(...waiting.map(({ until }) => until.getTime())));
  const namespaces = [...new Set(waiting.map(({ pod }) => pod.metadata.namespace ?? ""))];
  const restarts = namespaces.map((namespace) => `kubectl rollout restart deployment -n ${namespace}`);
  return `wait until ${last.toISOString()}, or restart them: ${restarts.join("; ")}; then update again`;
}

const pluggedIn = {
  text: "istio.ca.issuer: generated or provided",
  holds: ({ istio }: Settings) => istio.ca.issuer !== "istiod",
};

/** The CA that istiod signs by, of the settings or of the cluster; undefined where there is none yet. */
function signingOf(facts: Pick<PreflightFacts, "authority">, { istio: { ca } }: Settings) {
  // The settings hold the one that is provided, and it may be a new one.
  const found = ca.issuer === "provided" ? ca : stateOf(facts).authority;
  if (found === undefined) return undefined;
  const signing = tryParse(found.certificateChain)?.[0];
  if (signing === undefined) throw new CannotTell("Secret cacerts holds no certificate that can be read");
  return { signing, root: signerOf(found) };
}

const warnBefore = ({ istio: { ca } }: Settings) =>
  ca.issuer === "istiod" ? 0 : durationSeconds(ca.warnBefore)! * 1000;

const renewal = preflightCheck({
  id: "mesh/ca-renewal",
  title: "the CA that istiod signs by does not end soon",
  severity: "warning",
  needs: ["authority"],
  when: pluggedIn,
  subject,
  fix: ({ settings }) => meshRenewal[settings.istio.ca.issuer],
  docs: {
    meaning:
      "the CA that istiod signs by ends within `istio.ca.warnBefore` (of a short-lived one: a third of its life)",
    fix: "`pulumi up --refresh` renews a generated one",
  },
  run(facts, { settings, now }, problem) {
    const signing = signingOf(facts, settings)?.signing;
    if (signing === undefined) return notYet;
    if (isDue(signing, now, warnBefore(settings)))
      problem(
        `the CA that istiod signs by, ${commonName(signing.subject)}, ${timeLeft(signing, now) > 0 ? "ends" : "ended"} on ${iso(signing.validTo)}`,
      );
    return `until ${iso(signing.validTo)}`;
  },
});

const rootEnds = preflightCheck({
  id: "mesh/root-ends",
  title: "the mesh's root outlasts what it signs",
  severity: "warning",
  needs: ["authority"],
  when: pluggedIn,
  subject,
  fix: "start a change of root; docs/certificates.md shows its phases",
  docs: {
    meaning: "the root of the mesh is about to end",
    fix: "change the root by its phases ([certificates](certificates.md))",
  },
  run(facts, { settings, now }, problem) {
    const { ca } = settings.istio;
    const found = signingOf(facts, settings);
    if (found === undefined) return notYet;
    const { signing, root } = found;
    if (root === undefined) throw new CannotTell("the CA leads to none of its roots");
    const needed =
      ca.issuer === "generated" ? intermediateLife(ca).validityPeriodHours * 3600_000 : warnBefore(settings);
    // A root that signs by itself is the CA, and the other check's matter.
    if (root.fingerprint256 !== signing.fingerprint256 && timeLeft(root, now) <= needed)
      problem(
        `the mesh's root ${rootText(root)} ends on ${iso(root.validTo)}${ca.issuer === "generated" ? ", before an intermediate that it signed now would" : ""}`,
      );
    return `until ${iso(root.validTo)}`;
  },
});

/** Whether the mesh's CA that runs may be followed by the one of the stack. */
export const meshAuthorityChecks: readonly PreflightCheck[] = [foreign, trustDomain, phase, renewal, rootEnds];
