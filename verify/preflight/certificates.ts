import type { X509Certificate } from "node:crypto";
import { commonName, isPubliclyTrusted, isSignedBy, iso, tryParse } from "../../base/certificate";
import { durationSeconds } from "../../base/duration";
import type { Cluster } from "../../cluster/client";
import { type TrustedRoots, skippedPhase } from "../../mesh/authority";
import { type CertManagerCertificate, certManagerGroup } from "../../mesh/cert-manager";
import { isDue, servingRemedies, timeLeft } from "../../mesh/lives";
import { leafLife, servedProblems, servingRootOf, servingRoots } from "../../mesh/serving-certificate";
import { hostNamespaces, servingEnvoy, servingSecret } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { CannotTell, notThere } from "../check";
import { valueOf } from "../checks/reading";
import type { ServingSecret } from "../view";
import { existing } from "./lookup";
import { type PreflightCheck, type PreflightContext, type PreflightFacts, preflightCheck } from "./define";

type Certificate = Settings["certificate"];

/** What would issue the serving certificate in a namespace, as far as it is there. */
export interface IssuerState {
  /** Whether cert-manager is installed. */
  certManager: boolean;
  /** The kind of the issuer, where the cluster knows it. */
  resource?: { namespaced: boolean };
  issuer?: IssuerObject;
}

interface IssuerObject {
  status?: { conditions?: { type: string; status: string; message?: string }[] };
}

/** Looks for cert-manager and the issuer in a namespace. */
export async function readIssuer(
  cluster: Cluster,
  namespace: string,
  { issuerRef: { name, kind = "Issuer", group = certManagerGroup } }: CertManagerCertificate,
): Promise<IssuerState> {
  if ((await existing(cluster, `/apis/${certManagerGroup}/v1`)) === undefined) return { certManager: false };
  const served = await existing<{ preferredVersion: { groupVersion: string } }>(cluster, `/apis/${group}`);
  const version = group === certManagerGroup ? `${group}/v1` : served?.preferredVersion.groupVersion;
  const resources = version === undefined ? undefined : await kindsOf(cluster, version);
  const resource = resources?.find((known) => known.kind === kind && !known.name.includes("/"));
  if (version === undefined || resource === undefined) return { certManager: true };
  const scope = resource.namespaced ? `/namespaces/${namespace}` : "";
  const issuer = await existing<IssuerObject>(cluster, `/apis/${version}${scope}/${resource.name}/${name}`);
  return { certManager: true, resource, ...(issuer === undefined ? {} : { issuer }) };
}

async function kindsOf(cluster: Cluster, version: string) {
  type Known = { resources: { kind: string; name: string; namespaced: boolean }[] };
  return (await existing<Known>(cluster, `/apis/${version}`))?.resources;
}

const withIssuer = (...issuers: Certificate["issuer"][]) => ({
  text: `certificate.issuer: ${issuers.join(" or ")}`,
  holds: ({ certificate }: Settings) => issuers.includes(certificate.issuer),
});
const subject = ({ settings }: PreflightContext) => `Secret ${servingSecret(settings)}`;

/** The serving certificate's Secret of each namespace with hosts; undefined where it is not there. */
function secretsOf({ servingSecrets }: Pick<PreflightFacts, "servingSecrets">, settings: Settings) {
  return hostNamespaces(settings).map((namespace) => {
    const where = `Secret ${namespace}/${servingSecret(settings)}`;
    return { namespace, where, secret: valueOf(servingSecrets[namespace], where) };
  });
}

const notYet = "there is none yet";

const existingSecret = preflightCheck({
  id: "certificates/existing-secret",
  title: "the existing Secret holds what can be served",
  needs: ["servingSecrets"],
  when: withIssuer("existingSecret"),
  subject,
  fix: servingRemedies.existingSecret.repair,
  docs: {
    meaning:
      "the existing Secret is missing, or does not hold what can be served: its type, key, hosts, dates, order of the chain and issuers were looked at. EnRoute would serve its hosts in clear text, or nobody could connect",
    fix: "have its issuer make it",
  },
  run(facts, { settings, now }, problem) {
    const seen = secretsOf(facts, settings).map(({ namespace, where, secret }) => {
      if (secret === undefined) {
        problem(`${where} does not exist: EnRoute would serve its hosts in clear text`, {
          subject: where,
          fix: "have it made first, in a namespace that exists (create: false), or choose another certificate.issuer",
        });
        return "";
      }
      for (const what of contentProblems(secret, settings, namespace, now))
        problem(`${where}: ${what}`, { subject: where });
      const doubt = chainDoubt(secret);
      if (doubt !== undefined)
        problem(`${where}: ${doubt}`, {
          subject: where,
          severity: "warning",
          fix: "put missing issuers into tls.crt, after the certificate; nothing to do where clients know that issuer",
        });
      return where;
    });
    return seen.join(", ");
  },
});

function contentProblems(
  { type, certificateChain = "", publicKey = "" }: ServingSecret,
  settings: Settings,
  namespace: string,
  now: Date,
) {
  const parts = { certificateChain: "tls.crt", privateKey: "tls.key", caCertificate: "ca.crt" };
  const hosts = settings.hosts.filter((host) => host.namespace === namespace).map(({ host }) => host);
  // Without its ca.crt: that may be empty, or of the CA of somebody's clients.
  const problems = servedProblems({ certificateChain, publicKey }, { hosts, envoy: servingEnvoy(settings), now });
  return [
    ...(type === "kubernetes.io/tls" ? [] : [`is of type ${type || "(none)"} instead of kubernetes.io/tls`]),
    ...problems.map(
      ({ part, problem }) =>
        `${parts[part]} ${problem.replace("certificateChain", "tls.crt").replace("caCertificate", "ca.crt")}`,
    ),
  ];
}

/** What cannot be told of the end of a chain: its issuer is neither public, nor in ca.crt, which has another CA. */
function chainDoubt({ certificateChain, ca }: ServingSecret): string | undefined {
  const last = tryParse(certificateChain)?.at(-1);
  const known = tryParse(ca) ?? [];
  if (last === undefined || known.length === 0 || isSignedBy(last, last) || isPubliclyTrusted(last)) return undefined;
  if (known.some((one) => one.fingerprint256 === last.fingerprint256 || isSignedBy(last, one))) return undefined;
  return `tls.crt ends at ${commonName(last.subject)}, issued by ${commonName(last.issuer)}, which ca.crt does not hold: an intermediate is missing, or ca.crt is of other certificates`;
}

const certManager = preflightCheck({
  id: "certificates/cert-manager",
  title: "cert-manager is installed",
  needs: ["issuers"],
  when: withIssuer("certManager"),
  subject: "cert-manager",
  fix: "install it (https://cert-manager.io/docs/installation/), or choose another certificate.issuer",
  docs: {
    meaning: "cert-manager is not installed: nobody would issue the certificate",
    fix: "install it, or choose another `certificate.issuer`",
  },
  run({ issuers }, _, problem) {
    const states = Object.values(issuers).map((state) => valueOf(state, "the issuer"));
    if (states.some((state) => state?.certManager !== true))
      problem(
        `cert-manager is not installed: the cluster does not know the kind Certificate of ${certManagerGroup}/v1`,
      );
    return `the cluster knows ${certManagerGroup}/v1`;
  },
});

const issuer = preflightCheck({
  id: "certificates/issuer",
  title: "the issuer of the serving certificate is ready",
  needs: ["issuers"],
  when: withIssuer("certManager"),
  subject: "certificate.issuerRef",
  fix: "correct certificate.issuerRef.kind and .group, or install that issuer",
  docs: {
    meaning: "the issuer is not there, or not ready: nobody would issue the certificate",
    fix: "create it, or correct `certificate.issuerRef`",
  },
  run({ issuers }, { settings: { certificate } }, problem) {
    if (certificate.issuer !== "certManager") return "";
    const { name, kind = "Issuer", group = certManagerGroup } = certificate.issuerRef;
    const seen = Object.entries(issuers).map(([namespace, read]) => {
      const { certManager: isThere, resource, issuer: found } = valueOf(read, `issuer of namespace ${namespace}`)!;
      if (!isThere) throw notThere("no cert-manager", "certificates/cert-manager");
      if (resource === undefined) {
        problem(`the cluster does not know the kind ${kind} of ${group} that certificate.issuerRef names`);
        return "";
      }
      const place = resource.namespaced ? ` in namespace ${namespace}` : "";
      const ready = found?.status?.conditions?.find(({ type }) => type === "Ready");
      if (found === undefined)
        problem(`${kind} ${name} does not exist${place}: nobody would issue the certificate`, {
          subject: `${kind} ${name}`,
          fix: `create it${resource.namespaced ? " there (the namespace must exist: create: false), or use a ClusterIssuer" : ""}, or correct certificate.issuerRef`,
        });
      else if (ready?.status !== "True")
        problem(`${kind} ${name}${place} is not ready${ready?.message === undefined ? "" : `: ${ready.message}`}`, {
          subject: `${kind} ${name}`,
          fix: `kubectl describe ${kind.toLowerCase()} ${name}${resource.namespaced ? ` -n ${namespace}` : ""}`,
        });
      return `${kind} ${name}${place} is ready`;
    });
    return [...new Set(seen)].join(", ");
  },
});

const renewals = preflightCheck({
  id: "certificates/renewal",
  title: "the certificate in use does not end soon",
  severity: "warning",
  needs: ["servingSecrets"],
  // The settings hold the one that is provided, and it may be a new one.
  when: withIssuer("generated", "existingSecret", "certManager"),
  subject,
  fix: ({ settings }) => servingRemedies[settings.certificate.issuer].renew,
  docs: {
    meaning: "the certificate in use ends within `certificate.warnBefore` (of a short-lived one: a third of its life)",
    fix: "renew it; `pulumi up --refresh` renews a generated one",
  },
  run(facts, { settings: { certificate }, settings, now }, problem) {
    const seen = secretsOf(facts, settings).flatMap(({ where, secret }) => {
      if (secret === undefined) return [];
      const leaf = tryParse(secret.certificateChain)?.[0];
      if (leaf === undefined) throw new CannotTell(`${where} holds no certificate that can be read`);
      if (isDue(leaf, now, durationSeconds(certificate.warnBefore)! * 1000))
        problem(`the certificate in ${where} ${timeLeft(leaf, now) > 0 ? "ends" : "ended"} on ${iso(leaf.validTo)}`, {
          subject: where,
        });
      return [`until ${iso(leaf.validTo)}`];
    });
    return seen.length === 0 ? notYet : [...new Set(seen)].join(", ");
  },
});

type Generated = Extract<Certificate, { issuer: "generated" }>;

const phases = preflightCheck({
  id: "certificates/roots",
  title: "a change of the CA skips no phase",
  needs: ["servingSecrets"],
  when: withIssuer("generated"),
  subject: "certificate.roots",
  fix: "change the CA by its phases; docs/certificates.md shows them",
  docs: {
    meaning: "a phase of a change of CA was skipped: clients could not connect ([certificates](certificates.md))",
    fix: "change `certificate.roots` by its phases",
  },
  run(facts, { settings }, problem) {
    const after = servingRoots(settings.certificate as Generated);
    const known = secretsOf(facts, settings).flatMap(({ secret }) => trustedRoots(secret) ?? []);
    const skipped = known.flatMap((before) => skippedPhase(before, after) ?? []);
    // Every namespace has the same certificate: what is wrong with the roots is wrong once.
    for (const [what, fix] of new Map(skipped.map((one) => [one.problem, one.fix])))
      problem(`certificate.roots: ${what}`, { fix });
    return known.length === 0 ? notYet : `signed by ${[...new Set(known.map(({ signer }) => signer))].join(", ")}`;
  },
});

const rootEnds = preflightCheck({
  id: "certificates/root-ends",
  title: "the root that signs outlasts what it signs",
  severity: "warning",
  needs: ["servingSecrets"],
  when: withIssuer("generated"),
  subject: "certificate.roots",
  fix: "add a new name to certificate.roots and give clients the new bundle (stack output caCertificate); docs/certificates.md says how to go on",
  docs: {
    meaning: "the root that signs ends before a certificate that it signed now would",
    fix: "add a root ([certificates](certificates.md))",
  },
  run(facts, { settings, now }, problem) {
    const certificate = settings.certificate as Generated;
    const after = servingRoots(certificate);
    const life = leafLife(certificate).validityPeriodHours * 3600_000;
    const ends = secretsOf(facts, settings).flatMap(({ where, secret }) => {
      const before = trustedRoots(secret);
      // A phase that is skipped is the other check's matter.
      if (before === undefined || skippedPhase(before, after) !== undefined) return [];
      const signer = tryParse(secret?.ca)?.find((root) => servingRootOf(commonName(root.subject)) === after.signer);
      if (signer === undefined) return [];
      if (timeLeft(signer, now) <= life)
        problem(
          `root ${after.signer} in ${where} ends on ${iso(signer.validTo)}, before a certificate that it signed now would`,
          { subject: where },
        );
      return [`until ${iso(signer.validTo)}`];
    });
    return ends.length === 0 ? notYet : [...new Set(ends)].join(", ");
  },
});

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

/** Whether the serving certificate can be served, lasts, and may be followed by the one of the stack. */
export const certificatesChecks: readonly PreflightCheck[] = [
  existingSecret,
  certManager,
  issuer,
  renewals,
  phases,
  rootEnds,
];
