import type { X509Certificate } from "node:crypto";
import { parse } from "yaml";
import { commonName, iso, tryParse } from "../../base/certificate";
import { durationSeconds } from "../../base/duration";
import type { Finding } from "../../base/finding";
import { type Cluster, ClusterError } from "../../cluster/client";
import type { ConfigMap, Named, Pod, SecretObject } from "../../cluster/kinds";
import { type TrustedRoots, skippedPhase } from "../../mesh/authority";
import { defaultWorkloadCertificateTtl } from "../../mesh/enroute";
import { authoritySecretName, intermediateLife } from "../../mesh/mesh-authority";
import { ownerLabel, ownerValue } from "../../mesh/ownership";
import { meshConfigName } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { rootText, roots, signerOf, wantedRoots } from "../checks/identity";
import { livePods } from "../checks/injection";
import { type MeshAuthority, publicAuthority } from "../view";
import { existing, listed } from "./cluster-state";

/**
 * Whether the mesh's CA that runs may be followed by the one of the stack. Every proxy has to trust a root before it signs,
 * and to have a certificate of another one before a root goes: what the cluster holds tells since when that is so.
 */
export async function meshAuthorityFindings(
  cluster: Cluster,
  settings: Settings,
  now: Date = new Date(),
): Promise<Finding[]> {
  const root = settings.istio.namespace.name;
  const [istiods, secret, published, meshConfig] = await Promise.all([
    listed<Named>(cluster, `/apis/apps/v1/namespaces/${root}/deployments?labelSelector=app%3Distiod`, true),
    existing<SecretObject>(cluster, `/api/v1/namespaces/${root}/secrets/${authoritySecretName}`),
    existing<ConfigMap>(cluster, `/api/v1/namespaces/${root}/configmaps/istio-ca-root-cert`),
    existing<ConfigMap>(cluster, `/api/v1/namespaces/${root}/configmaps/${meshConfigName(settings)}`),
  ]);
  const authority = secret === undefined ? undefined : publicAuthority(secret);
  return [
    ...foreignFindings(settings, secret),
    ...lifeFindings(settings, authority, now),
    // Without istiod no proxy gets a certificate, so there is nothing to break.
    ...(istiods.length === 0
      ? []
      : [
          ...trustDomainFindings(settings, meshConfig),
          ...(await phaseFindings(cluster, settings, { secret, authority, published, now })),
        ]),
  ];
}

const error = (check: string, problem: string, fix: string): Finding => ({ check, severity: "error", problem, fix });

function foreignFindings({ istio: { ca, namespace } }: Settings, secret: SecretObject | undefined): Finding[] {
  if (ca.issuer !== "generated" || secret === undefined || secret.metadata.labels?.[ownerLabel] === ownerValue)
    return [];
  return [
    error(
      "mesh/foreign-ca",
      `Secret ${namespace.name}/cacerts exists, and is not ours: the mesh has a CA that somebody plugged in`,
      "take that CA over with istio.ca.issuer: provided, or delete the Secret after its owner has agreed",
    ),
  ];
}

function trustDomainFindings({ istio }: Settings, meshConfig: ConfigMap | undefined): Finding[] {
  const mesh = (parse(meshConfig?.data?.["mesh"] ?? "") ?? {}) as { trustDomain?: string };
  const before = mesh.trustDomain ?? istio.trustDomain;
  if (before === istio.trustDomain || istio.trustDomainAliases?.includes(before) === true) return [];
  return [
    error(
      "mesh/trust-domain",
      `the mesh's trust domain is ${before}, and would become ${istio.trustDomain}: proxies would refuse each other until the last one has a new certificate`,
      `add ${before} to istio.trustDomainAliases, and take it out when every proxy has a new certificate`,
    ),
  ];
}

interface Present {
  secret: SecretObject | undefined;
  /** Of the Secret. */
  authority: MeshAuthority | undefined;
  /** What istiod has told the mesh to trust. */
  published: ConfigMap | undefined;
  now: Date;
}

async function phaseFindings(cluster: Cluster, settings: Settings, present: Present): Promise<Finding[]> {
  const { secret, authority, published, now } = present;
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
  const after = wantedRoots(settings);
  if (before === undefined) return [];
  const phase = (problem: string, fix: string) => [error("mesh/ca-phase", `istio.ca: ${problem}`, fix)];
  if (after === undefined)
    return authority === undefined
      ? []
      : phase(
          `istiod would sign by a root of its own, which no proxy trusts, instead of ${before.signer}`,
          "keep istio.ca as it is; back to istiod's own CA there is only a new mesh",
        );
  const skipped = skippedPhase(before, after);
  if (skipped !== undefined) return phase(skipped.problem, fixOf(settings, skipped.fix, authority === undefined));
  const dropped = before.roots.filter((name) => !after.roots.includes(name));
  const switches = after.signer !== before.signer;
  if (!switches && dropped.length === 0) return [];
  if (switches && !trusted.includes(after.signer))
    return phase(
      `root ${after.signer} may not sign yet: istiod does not tell the mesh to trust it (ConfigMap istio-ca-root-cert)`,
      "see whether istiod is ready, and its log; then update again",
    );
  let pods: Pod[];
  try {
    pods = livePods(await listed<Pod>(cluster, "/api/v1/pods"));
  } catch (cause) {
    if (!(cause instanceof ClusterError)) throw cause;
    return phase(
      `nobody can tell whether every proxy is ready for it: the pods of the cluster cannot be listed: ${cause.message}`,
      "use credentials that may list pods in every namespace",
    );
  }
  const root = settings.istio.namespace.name;
  const istiods = pods.filter(({ metadata }) => metadata.namespace === root && metadata.labels?.["app"] === "istiod");
  const stale = istiods.filter((pod) => secret !== undefined && startOf(pod, "discovery") < changedAt(secret));
  if (stale.length > 0)
    return phase(
      `the CA may not change yet: ${listOf(stale)} started before Secret ${authoritySecretName} was changed`,
      `kubectl rollout restart deployment -n ${root} -l app=istiod; then update again`,
    );
  // Whatever starts after the last istiod has, gets everything from one that knows.
  const known = new Date(Math.max(...istiods.map((pod) => startOf(pod, "discovery").getTime())));
  const told = switches ? changedAt(published!) : undefined;
  const late = told === undefined ? [] : unsettled(pods, { since: told, known, now });
  if (told !== undefined && late.length > 0)
    return phase(
      `root ${after.signer} may not sign yet: istiod has told of it since ${told.toISOString()}, and ${proxies(late)} may not have heard`,
      remedy(late),
    );
  const since = changedAt(secret ?? published!);
  const waiting = dropped.length === 0 ? [] : unsettled(pods, { since, known, now });
  if (waiting.length > 0)
    return phase(
      `root ${dropped.join(", ")} may not go yet: the CA has been as it is since ${since.toISOString()}, and ${proxies(waiting)} may still present an earlier certificate`,
      remedy(waiting),
    );
  return [];
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

function remedy(waiting: Waiting[]): string {
  const last = new Date(Math.max(...waiting.map(({ until }) => until.getTime())));
  const namespaces = [...new Set(waiting.map(({ pod }) => pod.metadata.namespace ?? ""))];
  const restarts = namespaces.map((namespace) => `kubectl rollout restart deployment -n ${namespace}`);
  return `wait until ${last.toISOString()}, or restart them: ${restarts.join("; ")}; then update again`;
}

/** A CA, or its root, that is about to end although it should have been renewed by now. */
function lifeFindings({ istio: { ca } }: Settings, authority: MeshAuthority | undefined, now: Date): Finding[] {
  if (ca.issuer === "istiod") return [];
  // The settings hold the one that is provided, and it may be a new one.
  const found = ca.issuer === "provided" ? ca : authority;
  const signing = tryParse(found?.certificateChain)?.[0];
  if (found === undefined || signing === undefined) return [];
  const left = ({ validTo }: X509Certificate) => new Date(validTo).getTime() - now.getTime();
  const life = ({ validFrom, validTo }: X509Certificate) => new Date(validTo).getTime() - new Date(validFrom).getTime();
  const notice = durationSeconds(ca.warnBefore)! * 1000;
  const root = signerOf(found);
  const next = ca.issuer === "generated" ? intermediateLife(ca).validityPeriodHours * 3600_000 : notice;
  return [
    ...(left(signing) <= Math.min(notice, life(signing) / 3)
      ? [
          warning(
            "mesh/ca-renewal",
            `the CA that istiod signs by, ${commonName(signing.subject)}, ${left(signing) > 0 ? "ends" : "ended"} on ${iso(signing.validTo)}`,
            ca.issuer === "generated"
              ? "pulumi up --refresh renews it; run that on a schedule"
              : "set a new one in istio.ca.certificateChain and .privateKey, below the same root",
          ),
        ]
      : []),
    ...(root !== undefined && root.fingerprint256 !== signing.fingerprint256 && left(root) <= next
      ? [
          warning(
            "mesh/root-ends",
            `the mesh's root ${rootText(root)} ends on ${iso(root.validTo)}${ca.issuer === "generated" ? ", before an intermediate that it signed now would" : ""}`,
            "start a change of root; docs/certificates.md shows its phases",
          ),
        ]
      : []),
  ];
}

function warning(check: string, problem: string, fix: string): Finding {
  return { check, severity: "warning", problem, fix };
}
