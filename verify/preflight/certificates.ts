import type { X509Certificate } from "node:crypto";
import { certificateProblems, commonName, isSignedBy, iso, tryParse } from "../../base/certificate";
import { durationSeconds } from "../../base/duration";
import type { Finding } from "../../base/finding";
import type { Cluster } from "../../cluster/client";
import type { SecretObject } from "../../cluster/kinds";
import { type TrustedRoots, skippedPhase } from "../../mesh/authority";
import { type CertManagerCertificate, certManagerGroup } from "../../mesh/cert-manager";
import { leafLife, servingRootOf, servingRoots } from "../../mesh/serving-certificate";
import { hostNamespaces, servingSecret } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { type ServingSecret, withoutKey } from "../view";
import { existing } from "./cluster-state";

type Certificate = Settings["certificate"];

/** Whether the serving certificate that is in the cluster can be served, lasts, and may be followed by the one of the stack. */
export async function servingCertificateFindings(
  cluster: Cluster,
  settings: Settings,
  now: Date = new Date(),
): Promise<Finding[]> {
  const name = servingSecret(settings);
  const { certificate } = settings;
  const findings = await Promise.all(
    hostNamespaces(settings).map(async (namespace) => {
      const object = await existing<SecretObject>(cluster, `/api/v1/namespaces/${namespace}/secrets/${name}`);
      const secret = object === undefined ? undefined : withoutKey(object);
      const hosts = settings.hosts.filter((host) => host.namespace === namespace).map(({ host }) => host);
      const where = `Secret ${namespace}/${name}`;
      return [
        ...(certificate.issuer === "existingSecret" ? contentFindings(secret, where, hosts, now) : []),
        ...(certificate.issuer === "certManager" ? await issuerFindings(cluster, namespace, certificate) : []),
        ...lifeFindings(secret, where, certificate, now),
        ...(certificate.issuer === "generated" ? rootFindings(secret, where, certificate, now) : []),
      ];
    }),
  );
  // Every namespace has the same certificate: what is wrong with the roots is wrong once.
  const all = findings.flat();
  return all.filter(({ problem }, index) => all.findIndex((other) => other.problem === problem) === index);
}

/** An existing Secret must hold what can be served: EnRoute serves its hosts in clear text otherwise, or nobody connects. */
function contentFindings(secret: ServingSecret | undefined, where: string, hosts: string[], now: Date): Finding[] {
  const finding = (problem: string, fix: string): Finding => ({
    check: "certificates/existing-secret",
    severity: "error",
    problem,
    fix,
  });
  if (secret === undefined)
    return [
      finding(
        `${where} does not exist: EnRoute would serve its hosts in clear text`,
        "have it made first, in a namespace that exists (create: false), or choose another certificate.issuer",
      ),
    ];
  const { type, certificateChain = "", publicKey = "", ca } = secret;
  const parts = { certificateChain: "tls.crt", privateKey: "tls.key", caCertificate: "ca.crt" };
  return [
    ...(type === "kubernetes.io/tls" ? [] : [`is of type ${type || "(none)"} instead of kubernetes.io/tls`]),
    ...certificateProblems({ certificateChain, publicKey, caCertificate: ca }, hosts, now).map(
      ({ part, problem }) =>
        `${parts[part]} ${problem.replace("certificateChain", "tls.crt").replace("caCertificate", "ca.crt")}`,
    ),
  ].map((problem) => finding(`${where}: ${problem}`, "have its issuer make it anew"));
}

interface IssuerObject {
  status?: { conditions?: { type: string; status: string; message?: string }[] };
}

/** cert-manager and the issuer must be there: without them the update would wait for a certificate that never comes. */
async function issuerFindings(
  cluster: Cluster,
  namespace: string,
  { issuerRef: { name, kind = "Issuer", group = certManagerGroup } }: CertManagerCertificate,
): Promise<Finding[]> {
  const finding = (check: string, problem: string, fix: string): Finding[] => [
    { check, severity: "error", problem, fix },
  ];
  if ((await existing(cluster, `/apis/${certManagerGroup}/v1`)) === undefined)
    return finding(
      "certificates/cert-manager",
      `cert-manager is not installed: the cluster does not know the kind Certificate of ${certManagerGroup}/v1`,
      "install it (https://cert-manager.io/docs/installation/), or choose another certificate.issuer",
    );
  const served = await existing<{ preferredVersion: { groupVersion: string } }>(cluster, `/apis/${group}`);
  const version = group === certManagerGroup ? `${group}/v1` : served?.preferredVersion.groupVersion;
  const resources = version === undefined ? undefined : await kindsOf(cluster, version);
  const resource = resources?.find((known) => known.kind === kind && !known.name.includes("/"));
  if (version === undefined || resource === undefined)
    return finding(
      "certificates/issuer",
      `the cluster does not know the kind ${kind} of ${group} that certificate.issuerRef names`,
      "correct certificate.issuerRef.kind and .group, or install that issuer",
    );
  const scope = resource.namespaced ? `/namespaces/${namespace}` : "";
  const issuer = await existing<IssuerObject>(cluster, `/apis/${version}${scope}/${resource.name}/${name}`);
  const place = resource.namespaced ? ` in namespace ${namespace}` : "";
  if (issuer === undefined)
    return finding(
      "certificates/issuer",
      `${kind} ${name} does not exist${place}: nobody would issue the certificate`,
      `create it${resource.namespaced ? " there (the namespace must exist: create: false), or use a ClusterIssuer" : ""}, or correct certificate.issuerRef`,
    );
  const ready = issuer.status?.conditions?.find(({ type }) => type === "Ready");
  if (ready?.status !== "True")
    return finding(
      "certificates/issuer",
      `${kind} ${name}${place} is not ready${ready?.message === undefined ? "" : `: ${ready.message}`}`,
      `kubectl describe ${kind.toLowerCase()} ${name}${resource.namespaced ? ` -n ${namespace}` : ""}`,
    );
  return [];
}

async function kindsOf(cluster: Cluster, version: string) {
  type Known = { resources: { kind: string; name: string; namespaced: boolean }[] };
  return (await existing<Known>(cluster, `/apis/${version}`))?.resources;
}

const renewal: Record<Certificate["issuer"], string> = {
  generated: "pulumi up --refresh renews it; run that on a schedule",
  provided: "set the renewed one in certificate.certificateChain and .privateKey",
  existingSecret: "have its issuer renew it",
  certManager: "see what holds cert-manager back: kubectl describe certificate",
};

/** A certificate that is about to end although it should have been renewed by now. */
function lifeFindings(secret: ServingSecret | undefined, where: string, given: Certificate, now: Date): Finding[] {
  const leaf = tryParse(secret?.certificateChain)?.[0];
  // The settings hold the one that is provided, and it may be a new one.
  if (leaf === undefined || given.issuer === "provided") return [];
  const [start, end] = [new Date(leaf.validFrom).getTime(), new Date(leaf.validTo).getTime()];
  // One that was made for a short life is renewed in its last third; until then its end is no news.
  const notice = Math.min(durationSeconds(given.warnBefore)! * 1000, (end - start) / 3);
  if (end - now.getTime() > notice) return [];
  return [
    {
      check: "certificates/renewal",
      severity: "warning",
      problem: `the certificate in ${where} ${end <= now.getTime() ? "ended" : "ends"} on ${iso(leaf.validTo)}`,
      fix: renewal[given.issuer],
    },
  ];
}

/** A change of the CA must keep clients able to connect: the phases that the cluster shows to have been done count. */
function rootFindings(
  secret: ServingSecret | undefined,
  where: string,
  given: Extract<Certificate, { issuer: "generated" }>,
  now: Date,
): Finding[] {
  const before = trustedRoots(secret);
  if (before === undefined) return [];
  const after = servingRoots(given);
  const skipped = skippedPhase(before, after);
  if (skipped !== undefined)
    return [
      {
        check: "certificates/roots",
        severity: "error",
        problem: `certificate.roots: ${skipped.problem}`,
        fix: skipped.fix,
      },
    ];
  const life = leafLife(given).validityPeriodHours * 3600_000;
  const signer = tryParse(secret?.ca)?.find((root) => servingRootOf(commonName(root.subject)) === after.signer);
  if (signer === undefined || new Date(signer.validTo).getTime() - now.getTime() > life) return [];
  return [
    {
      check: "certificates/root-ends",
      severity: "warning",
      problem: `root ${after.signer} in ${where} ends on ${iso(signer.validTo)}, before a certificate that it signed now would`,
      fix: "add a new name to certificate.roots and give clients the new bundle (stack output caCertificate); docs/certificates.md says how to go on",
    },
  ];
}

/** Roots that clients were told to trust, and the one that signed the certificate in use; undefined where they are not ours. */
function trustedRoots(secret: ServingSecret | undefined): TrustedRoots | undefined {
  const leaf: X509Certificate | undefined = tryParse(secret?.certificateChain)?.[0];
  const signer = leaf === undefined ? undefined : servingRootOf(commonName(leaf.issuer));
  if (leaf === undefined || signer === undefined) return undefined;
  const bundle = tryParse(secret?.ca) ?? [];
  const roots = bundle.flatMap((root) => servingRootOf(commonName(root.subject)) ?? []);
  // Secrets of earlier versions have no bundle; there was one root then.
  return bundle.some((root) => isSignedBy(leaf, root)) ? { roots, signer } : { roots: [signer], signer };
}
