import { type X509Certificate, createPublicKey } from "node:crypto";
import { commonName, isPubliclyTrusted, isSignedBy, iso, parseChain, tryParse } from "../../base/certificate";
import type { Result } from "../../base/report";
import { count, listed } from "../../base/text";
import { leafLife } from "../../mesh/serving-certificate";
import { hostNamespaces, servingSecret } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { CannotTell, judge } from "../result";
import type { ClusterView, ServingSecret } from "../view";
import { valueOf } from "./reading";

const day = 24 * 3600_000;

export interface CertificateOptions {
  /** The moment to judge validity by. */
  now: Date;
  /** A certificate that ends within so many days is pointed out. */
  days: number;
  /** Certificate of the CA that clients of this stack trust, as PEM, where it is known. */
  caCertificate?: string | undefined;
}

/** Whether the serving certificate is there, whole, right for the hosts, and valid. */
export function checkCertificates(view: ClusterView, settings: Settings, options: CertificateOptions): Result[] {
  return [
    present(view, settings),
    type(view, settings),
    keyMatches(view, settings),
    coversHosts(view, settings),
    valid(view, settings, options),
    endsSoon(view, settings, options),
    chain(view, settings, options),
  ];
}

const fixes: Record<Settings["certificate"]["issuer"], string> = {
  generated: "run pulumi up --refresh",
  provided:
    "set a certificate and key that belong together in certificate.certificateChain and .privateKey, then pulumi up",
  existingSecret: "have its issuer make it anew",
  certManager: "see what holds cert-manager back: kubectl describe certificate, in the namespace of the hosts",
};

function present(view: ClusterView, settings: Settings): Result {
  const name = servingSecret(settings);
  return judge(
    {
      check: "certificates/present",
      title: "the serving certificate's Secret is in every namespace with hosts",
      fix: fixes[settings.certificate.issuer],
    },
    (problem) => {
      const namespaces = hostNamespaces(settings);
      for (const namespace of namespaces) {
        const secret = valueOf(view.servingSecrets[namespace], `Secret ${namespace}/${name}`);
        if (secret === undefined)
          problem(`Secret ${namespace}/${name} is missing: EnRoute serves its hosts in clear text on port 80`);
        else if (secret.certificateChain === undefined) problem(`Secret ${namespace}/${name} has no key tls.crt`);
      }
      return listed(namespaces.map((namespace) => `${namespace}/${name}`));
    },
  );
}

/** The Secrets that are there, each with its name. What is missing, `certificates/present` reports. */
function secrets(view: ClusterView, settings: Settings): { where: string; namespace: string; secret: ServingSecret }[] {
  const name = servingSecret(settings);
  const found = hostNamespaces(settings).flatMap((namespace) => {
    const secret = valueOf(view.servingSecrets[namespace], `Secret ${namespace}/${name}`);
    return secret === undefined ? [] : [{ where: `Secret ${namespace}/${name}`, namespace, secret }];
  });
  if (found.length === 0) throw new CannotTell("there is no Secret to look at", "see certificates/present");
  return found;
}

/** The same with their certificates. Those that cannot be read, `certificates/chain` reports. */
function chains(view: ClusterView, settings: Settings) {
  const readable = secrets(view, settings).flatMap((entry) => {
    const parsed = tryParse(entry.secret.certificateChain);
    return parsed === undefined ? [] : [{ ...entry, chain: parsed, leaf: parsed[0]! }];
  });
  if (readable.length === 0) throw new CannotTell("there is no certificate to look at", "see certificates/chain");
  return readable;
}

function type(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "certificates/type",
      title: "the Secret is of type kubernetes.io/tls",
      fix: `a Secret's type cannot be changed: delete it, then ${fixes[settings.certificate.issuer]}`,
    },
    (problem) => {
      const all = secrets(view, settings);
      for (const { where, secret } of all)
        if (secret.type !== "kubernetes.io/tls")
          problem(`${where} is of type ${secret.type || "(none)"}: EnRoute does not take it, and serves clear text`);
      return count(all.length, "Secret");
    },
  );
}

function keyMatches(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "certificates/key",
      title: "the private key belongs to the certificate",
      fix: fixes[settings.certificate.issuer],
    },
    (problem) => {
      const all = chains(view, settings);
      for (const { where, secret, leaf } of all)
        if (secret.publicKey === undefined)
          problem(`tls.key of ${where} is missing, or no private key that can be read`);
        else if (!leaf.publicKey.equals(createPublicKey(secret.publicKey)))
          problem(`tls.key of ${where} belongs to another certificate`);
      return count(all.length, "pair");
    },
  );
}

function coversHosts(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "certificates/hosts",
      title: "the certificate covers the hosts of its namespace",
      fix: fixes[settings.certificate.issuer],
    },
    (problem) => {
      for (const { where, namespace, leaf } of chains(view, settings)) {
        const uncovered = settings.hosts
          .filter((host) => host.namespace === namespace && leaf.checkHost(host.host) === undefined)
          .map(({ host }) => host);
        if (uncovered.length > 0)
          problem(`${where} does not cover ${listed(uncovered)}; it is for ${leaf.subjectAltName ?? "no name at all"}`);
      }
      return listed(settings.hosts.map(({ host }) => host));
    },
  );
}

function valid(view: ClusterView, settings: Settings, { now }: CertificateOptions): Result {
  return judge(
    {
      check: "certificates/valid",
      title: "the certificate is valid now",
      fix: fixes[settings.certificate.issuer],
    },
    (problem) => {
      const all = chains(view, settings);
      for (const { where, chain: certificates } of all)
        certificates.forEach(({ validFrom, validTo }, index) => {
          const which = index === 0 ? "the certificate" : `certificate ${index + 1}`;
          if (new Date(validTo) <= now) problem(`${which} of ${where} expired on ${iso(validTo)}`);
          if (new Date(validFrom) > now) problem(`${which} of ${where} is not valid before ${iso(validFrom)}`);
        });
      return all.map(({ leaf }) => `until ${iso(leaf.validTo)}`).join(", ");
    },
  );
}

function endsSoon(view: ClusterView, settings: Settings, { now, days }: CertificateOptions): Result {
  return judge(
    {
      check: "certificates/renewal",
      title: `the certificate lasts for the next ${count(days, "day")}`,
      severity: "warning",
      fix:
        settings.certificate.issuer === "generated"
          ? `run pulumi up --refresh, which renews it from ${leafLife(settings.certificate).earlyRenewalHours}h before its end`
          : fixes[settings.certificate.issuer],
    },
    (problem) => {
      const left = ({ validTo }: X509Certificate) => new Date(validTo).getTime() - now.getTime();
      const all = chains(view, settings);
      for (const { where, leaf } of all) {
        // A certificate made for a short life is renewed in its last third; until then its end is no news.
        const life = new Date(leaf.validTo).getTime() - new Date(leaf.validFrom).getTime();
        const enough = Math.min(days * day, life / 3);
        // One that has expired is another check's matter.
        if (left(leaf) > 0 && left(leaf) <= enough) problem(`${where} ends on ${iso(leaf.validTo)}`);
      }
      return all.map(({ leaf }) => `${Math.floor(left(leaf) / day)} days left`).join(", ");
    },
  );
}

function chain(view: ClusterView, settings: Settings, { caCertificate }: CertificateOptions): Result {
  return judge(
    {
      check: "certificates/chain",
      title: "the chain of certificates is complete and in order",
      fix: `tls.crt must hold the leaf first, then each issuer but the root; ${fixes[settings.certificate.issuer]}`,
    },
    (problem) => {
      const all = secrets(view, settings).filter(({ secret }) => secret.certificateChain !== undefined);
      if (all.length === 0) throw new CannotTell("there is no certificate to look at", "see certificates/present");
      const ends: string[] = [];
      let undecided: CannotTell | undefined;
      for (const { where, secret } of all) {
        let certificates: X509Certificate[];
        try {
          certificates = parseChain(secret.certificateChain!);
        } catch (error) {
          problem(`tls.crt of ${where} ${(error as Error).message}`);
          continue;
        }
        const broken = certificates.findIndex(
          (certificate, index) => index + 1 < certificates.length && !isSignedBy(certificate, certificates[index + 1]!),
        );
        if (broken >= 0) {
          problem(`in ${where}, certificate ${broken + 2} did not sign certificate ${broken + 1}`);
          continue;
        }
        const last = certificates.at(-1)!;
        const known = [...(tryParse(caCertificate) ?? []), ...(tryParse(secret.ca) ?? [])];
        if (
          known.some((ca) => ca.fingerprint256 === last.fingerprint256 || isSignedBy(last, ca)) ||
          isPubliclyTrusted(last)
        )
          ends.push(commonName(last.issuer));
        else if (caCertificate !== undefined)
          problem(`${where} was issued by ${commonName(last.issuer)}, not by the CA that clients of this stack trust`);
        else if (isSignedBy(last, last)) ends.push(`${commonName(last.subject)} (self-signed)`);
        else
          undecided = new CannotTell(
            `${where} ends at ${commonName(last.issuer)}, which is no public root: whether clients know it, or an intermediate is missing, only its owner can say`,
            "add the issuer's certificate as ca.crt to the Secret to have this decided",
          );
      }
      if (undecided !== undefined) throw undecided;
      return `ends at ${[...new Set(ends)].join(", ")}`;
    },
  );
}
