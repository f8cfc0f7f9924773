import { type X509Certificate, createPublicKey } from "node:crypto";
import {
  commonName,
  isPubliclyTrusted,
  isSignedBy,
  iso,
  parseChain,
  tryParse,
  uncoveredHosts,
} from "../../base/certificate";
import { enroute } from "../../mesh/enroute";
import { count, listed } from "../../base/text";
import { isDue, servingRemedies, timeLeft } from "../../mesh/lives";
import { type ServingEnvoy, envoyOf, keyText, leafLife, servingProblems } from "../../mesh/serving-certificate";
import { hostNamespaces, servingSecret } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { CannotTell, notThere } from "../check";
import type { ClusterView, ServingSecret } from "../view";
import { type VerifyCheck, verifyCheck } from "./define";
import { valueOf } from "./reading";

const day = 24 * 3600_000;

const present = verifyCheck({
  id: "certificates/present",
  title: "the serving certificate's Secret is in every namespace with hosts",
  needs: ["servingSecrets"],
  subject: ({ settings }) => `Secret ${servingSecret(settings)}`,
  fix: ({ settings }) => servingRemedies[settings.certificate.issuer].repair,
  docs: {
    meaning: "the TLS Secret is in each namespace with hosts. Without it EnRoute serves clear text on port 80",
    fix: "`pulumi up --refresh`, or its issuer",
  },
  run(view, { settings }, problem) {
    const name = servingSecret(settings);
    const namespaces = hostNamespaces(settings);
    for (const namespace of namespaces) {
      const secret = valueOf(view.servingSecrets[namespace], `Secret ${namespace}/${name}`);
      if (secret === undefined)
        problem(`Secret ${namespace}/${name} is missing: EnRoute serves its hosts in clear text on port 80`, {
          subject: `Secret ${namespace}/${name}`,
        });
      else if (secret.certificateChain === undefined)
        problem(`Secret ${namespace}/${name} has no key tls.crt`, { subject: `Secret ${namespace}/${name}` });
    }
    return listed(namespaces.map((namespace) => `${namespace}/${name}`));
  },
});

interface Found {
  where: string;
  namespace: string;
  secret: ServingSecret;
}

/** Judges the Secrets that are there, one by one. With one missing it cannot tell: `certificates/present` reports that. */
function ofSecrets<Value>(
  view: Pick<ClusterView, "servingSecrets">,
  settings: Settings,
  judge: (found: Found) => Value,
): Value[] {
  const name = servingSecret(settings);
  const missing: string[] = [];
  const values = hostNamespaces(settings).flatMap((namespace) => {
    const where = `Secret ${namespace}/${name}`;
    const secret = valueOf(view.servingSecrets[namespace], where);
    if (secret !== undefined) return [judge({ where, namespace, secret })];
    missing.push(where);
    return [];
  });
  if (missing.length > 0) throw notThere(`no ${listed(missing)}`, "certificates/present");
  return values;
}

/** The same of their certificates. With one that cannot be read it cannot tell: `certificates/chain` reports that. */
function ofChains<Value>(
  view: Pick<ClusterView, "servingSecrets">,
  settings: Settings,
  judge: (found: Found & { chain: X509Certificate[]; leaf: X509Certificate }) => Value,
): Value[] {
  const unreadable: string[] = [];
  const values = ofSecrets(view, settings, (found) => {
    const chain = tryParse(found.secret.certificateChain);
    if (chain !== undefined) return [judge({ ...found, chain, leaf: chain[0]! })];
    unreadable.push(found.where);
    return [];
  });
  if (unreadable.length > 0)
    throw notThere(`no certificate that can be read in ${listed(unreadable)}`, "certificates/chain");
  return values.flat();
}

const type = verifyCheck({
  id: "certificates/type",
  title: "the Secret is of type kubernetes.io/tls",
  needs: ["servingSecrets"],
  subject: ({ settings }) => `Secret ${servingSecret(settings)}`,
  fix: ({ settings }) =>
    `a Secret's type cannot be changed: ${hostNamespaces(settings)
      .map((namespace) => `kubectl -n ${namespace} delete secret ${servingSecret(settings)}`)
      .join("; ")}; then ${servingRemedies[settings.certificate.issuer].repair}`,
  docs: {
    meaning: "the Secret is of type `kubernetes.io/tls`",
    fix: "delete it, then `pulumi up --refresh`, or its issuer",
  },
  run(view, { settings }, problem) {
    const all = ofSecrets(view, settings, ({ where, secret }) => {
      if (secret.type !== "kubernetes.io/tls")
        problem(`${where} is of type ${secret.type || "(none)"}: EnRoute does not take it, and serves clear text`, {
          subject: where,
        });
    });
    return count(all.length, "Secret");
  },
});

const keyMatches = verifyCheck({
  id: "certificates/key",
  title: "the private key belongs to the certificate",
  needs: ["servingSecrets"],
  subject: ({ settings }) => `Secret ${servingSecret(settings)}`,
  fix: ({ settings }) => servingRemedies[settings.certificate.issuer].repair,
  docs: {
    meaning: "the key belongs to the certificate. Only the key's public half is kept for the comparison",
    fix: "`pulumi up --refresh`, or its issuer",
  },
  run(view, { settings }, problem) {
    const all = ofChains(view, settings, ({ where, secret, leaf }) => {
      if (secret.publicKey === undefined)
        problem(`tls.key of ${where} is missing, or not a private key that can be read`, { subject: where });
      else if (!leaf.publicKey.equals(createPublicKey(secret.publicKey)))
        problem(`tls.key of ${where} belongs to another certificate`, { subject: where });
    });
    return count(all.length, "pair");
  },
});

const coversHosts = verifyCheck({
  id: "certificates/hosts",
  title: "the certificate covers the hosts of its namespace",
  needs: ["servingSecrets"],
  subject: ({ settings }) => `Secret ${servingSecret(settings)}`,
  fix: ({ settings }) => servingRemedies[settings.certificate.issuer].repair,
  docs: { meaning: "the certificate covers the hosts of the namespace", fix: "`pulumi up --refresh`, or its issuer" },
  run(view, { settings }, problem) {
    const covered = ofChains(view, settings, ({ where, namespace, leaf }) => {
      const hosts = settings.hosts.filter((host) => host.namespace === namespace).map(({ host }) => host);
      const uncovered = uncoveredHosts(leaf, hosts);
      if (uncovered !== undefined) problem(`${where} ${uncovered}`, { subject: where });
      return hosts;
    });
    return listed(covered.flat());
  },
});

const taken = verifyCheck({
  id: "certificates/taken",
  title: "the gateway's Envoy loads the certificate, and clients take it",
  needs: ["servingSecrets", "deployments"],
  subject: ({ settings }) => `Secret ${servingSecret(settings)}`,
  fix: ({ settings }) => servingRemedies[settings.certificate.issuer].replace,
  docs: {
    meaning:
      "key type and size are such that the Envoy which runs loads them (it resets the host's handshakes otherwise), and the chain is for servers, signed by no broken hash and by no short key",
    fix: "have it issued with another key: ECDSA P-256, or RSA of 2048 bits",
  },
  run(view, { settings }, problem) {
    const envoy = runningEnvoy(view, settings);
    const kinds = ofChains(view, settings, ({ where, chain: certificates }) => {
      for (const what of servingProblems(certificates, envoy)) problem(`${where} ${what}`, { subject: where });
      return keyText(certificates[0]!);
    });
    return `${listed([...new Set(kinds)])}, for ${envoy.name}`;
  },
});

/** The Envoy of the gateway's Deployment. */
function runningEnvoy({ deployments }: Pick<ClusterView, "deployments">, settings: Settings): ServingEnvoy {
  const { name: namespace } = settings.gateway.namespace;
  const found = valueOf(deployments[namespace], `Deployments of namespace ${namespace}`)?.find(
    ({ metadata }) => metadata.name === enroute.deployment,
  );
  const image = found?.spec.template?.spec?.containers?.find(({ name }) => name === "envoy")?.image;
  if (image === undefined) throw notThere("no Envoy in the gateway's Deployment", "gateway/replicas");
  return envoyOf(/:([\w][\w.-]*)(?:@|$)/.exec(image)?.[1] ?? "of a tag that does not tell");
}

const valid = verifyCheck({
  id: "certificates/valid",
  title: "the certificate is valid now",
  needs: ["servingSecrets"],
  subject: ({ settings }) => `Secret ${servingSecret(settings)}`,
  fix: ({ settings }) => servingRemedies[settings.certificate.issuer].repair,
  docs: { meaning: "every certificate of the chain is valid now", fix: "`pulumi up --refresh`, or its issuer" },
  run(view, { settings, now }, problem) {
    const ends = ofChains(view, settings, ({ where, chain: certificates, leaf }) => {
      certificates.forEach(({ validFrom, validTo }, index) => {
        const which = index === 0 ? "the certificate" : `certificate ${index + 1}`;
        if (new Date(validTo) <= now) problem(`${which} of ${where} expired on ${iso(validTo)}`, { subject: where });
        if (new Date(validFrom) > now)
          problem(`${which} of ${where} is not valid before ${iso(validFrom)}`, { subject: where });
      });
      return `until ${iso(leaf.validTo)}`;
    });
    return ends.join(", ");
  },
});

const endsSoon = verifyCheck({
  id: "certificates/renewal",
  title: "the certificate does not end within the days that are asked for",
  severity: "warning",
  needs: ["servingSecrets"],
  subject: ({ settings }) => `Secret ${servingSecret(settings)}`,
  fix: ({ settings }) =>
    settings.certificate.issuer === "generated"
      ? `run pulumi up --refresh, which renews it from ${leafLife(settings.certificate).earlyRenewalHours}h before its end`
      : servingRemedies[settings.certificate.issuer].repair,
  docs: {
    meaning: "the leaf lasts for `--days` days (of a short-lived one: a third of its life)",
    fix: "`pulumi up --refresh` renews a generated one",
  },
  run(view, { settings, now, days }, problem) {
    const lives = ofChains(view, settings, ({ where, leaf }) => {
      const left = timeLeft(leaf, now);
      if (isDue(leaf, now, days * day))
        problem(`${where} ${left > 0 ? "ends" : "ended"} on ${iso(leaf.validTo)}`, { subject: where });
      return `${count(Math.floor(left / day), "day")} left`;
    });
    return lives.join(", ");
  },
});

const chain = verifyCheck({
  id: "certificates/chain",
  title: "the chain of certificates is complete and in order",
  needs: ["servingSecrets"],
  subject: ({ settings }) => `Secret ${servingSecret(settings)}`,
  fix: ({ settings }) =>
    `tls.crt must hold the leaf first, then each issuer but the root; ${servingRemedies[settings.certificate.issuer].repair}`,
  docs: {
    meaning:
      "each certificate was signed by the next, and the last by a public root, by `ca.crt` of the Secret, or by the CA that the stack names. Where no CA is known, it could not tell",
    fix: "put the leaf first, then its issuers",
  },
  run(view, { settings, caCertificate }, problem) {
    const ends = new Set<string>();
    let undecided: CannotTell | undefined;
    ofSecrets(view, settings, ({ where, secret }) => {
      if (secret.certificateChain === undefined) {
        undecided = notThere(`no tls.crt in ${where}`, "certificates/present");
        return;
      }
      let certificates: X509Certificate[];
      try {
        certificates = parseChain(secret.certificateChain);
      } catch (error) {
        problem(`tls.crt of ${where} ${(error as Error).message}`, { subject: where });
        return;
      }
      const broken = certificates.findIndex(
        (certificate, index) => index + 1 < certificates.length && !isSignedBy(certificate, certificates[index + 1]!),
      );
      if (broken >= 0) {
        problem(`in ${where}, certificate ${broken + 2} did not sign certificate ${broken + 1}`, { subject: where });
        return;
      }
      const last = certificates.at(-1)!;
      const known = [...(tryParse(caCertificate) ?? []), ...(tryParse(secret.ca) ?? [])];
      if (
        known.some((ca) => ca.fingerprint256 === last.fingerprint256 || isSignedBy(last, ca)) ||
        isPubliclyTrusted(last)
      )
        ends.add(commonName(last.issuer));
      else if (caCertificate !== undefined)
        problem(`${where} was issued by ${commonName(last.issuer)}, not by the CA that clients of this stack trust`, {
          subject: where,
        });
      else if (isSignedBy(last, last)) ends.add(`${commonName(last.subject)} (self-signed)`);
      else
        undecided = new CannotTell(
          `${where} ends at ${commonName(last.issuer)}, which is not a public root: whether clients know it, or an intermediate is missing, only its owner can say`,
          "add the issuer's certificate as ca.crt to the Secret to have this decided",
        );
    });
    if (undecided !== undefined) throw undecided;
    return `ends at ${[...ends].join(", ")}`;
  },
});

/** Whether the serving certificate is there, whole, right for the hosts, and valid. */
export const certificatesChecks: readonly VerifyCheck[] = [
  present,
  type,
  keyMatches,
  coversHosts,
  taken,
  valid,
  endsSoon,
  chain,
];
