import type { X509Certificate } from "node:crypto";
import { chainProblems, commonName, isSignedBy, iso, tryParse } from "../../base/certificate";
import { listed } from "../../base/text";
import type { TrustedRoots } from "../../mesh/authority";
import { enroute } from "../../mesh/enroute";
import { isDue, meshRenewal, timeLeft } from "../../mesh/lives";
import {
  authoritySecretName,
  intermediateLife,
  meshRootOf,
  meshRoots as generatedRoots,
} from "../../mesh/mesh-authority";
import { gatewayIdentity, istiodName, meshMembers } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { CannotTell, notThere } from "../check";
import { ifRead } from "../facts";
import type { ClusterView, MeshAuthority } from "../view";
import { type VerifyCheck, verifyCheck } from "./define";
import { restoring } from "./fixes";
import { certificateTexts, valueOf } from "./reading";

/** A root, as the texts call it: by its name where it is one of ours, else by what its certificate says. */
export function rootText(root: X509Certificate): string {
  return meshRootOf(commonName(root.subject)) ?? `${commonName(root.subject)} (${root.fingerprint256.slice(0, 23)})`;
}

/** The roots of a PEM bundle, as the texts call them. */
export function roots(pem: string | undefined): string[] {
  return (tryParse(pem) ?? []).map(rootText);
}

/** The root that a CA leads to. */
export function signerOf({ certificateChain, rootCertificates }: MeshAuthority): X509Certificate | undefined {
  const last = tryParse(certificateChain)?.at(-1);
  return tryParse(rootCertificates)?.find(
    (root) => last !== undefined && (root.fingerprint256 === last.fingerprint256 || isSignedBy(last, root)),
  );
}

/** The roots that the stack asks for; undefined for a CA of istiod's own. */
export function wantedRoots({ istio: { ca } }: Settings): TrustedRoots | undefined {
  if (ca.issuer === "istiod") return undefined;
  const theirs = roots(ca.rootCertificates);
  if (ca.issuer === "generated") {
    const ours = generatedRoots(ca);
    return { roots: [...ours.roots, ...theirs], signer: ours.signer };
  }
  const signer = signerOf(ca);
  return { roots: [...(ca.roots ?? []), ...theirs], signer: signer === undefined ? "" : rootText(signer) };
}

const key = "root-cert.pem";

/** The mesh's root certificates, from the root namespace; none where there are none. */
function publishedRoots(view: Pick<ClusterView, "rootCertificates">, { istio: { namespace } }: Settings) {
  const map = valueOf(
    view.rootCertificates[namespace.name],
    `ConfigMap istio-ca-root-cert of namespace ${namespace.name}`,
  );
  return tryParse(map?.data?.[key]) ?? [];
}

/** PEM text of the mesh's root certificates, from the root namespace. */
export function meshRoots(view: Pick<ClusterView, "rootCertificates">, settings: Settings): string | undefined {
  return ifRead(view.rootCertificates[settings.istio.namespace.name])?.data?.[key];
}

const rootEverywhere = verifyCheck({
  id: "identity/mesh-root",
  title: "the mesh's namespaces have the root certificate that istiod signs by",
  needs: ["rootCertificates"],
  subject: "ConfigMap istio-ca-root-cert",
  fix: "istiod keeps ConfigMap istio-ca-root-cert up to date by itself: look at control-plane/istiod-ready, and at its log",
  docs: {
    meaning: "ConfigMap `istio-ca-root-cert` is in each namespace of the mesh, and is the same",
    fix: "istiod's log",
  },
  run(view, { settings }, problem) {
    const root = settings.istio.namespace.name;
    const read = (namespace: string) =>
      valueOf(view.rootCertificates[namespace], `ConfigMap istio-ca-root-cert of namespace ${namespace}`)?.data?.[key];
    const wanted = certificateTexts(read(root)).sort().join();
    if (wanted === "") {
      problem(`namespace ${root} has no ConfigMap istio-ca-root-cert`);
      return "";
    }
    const members = meshMembers(settings).map(({ name }) => name);
    for (const name of members) {
      const found = certificateTexts(read(name)).sort().join();
      if (found === "")
        problem(`namespace ${name} has none: its proxies cannot start`, { subject: `Namespace ${name}` });
      else if (found !== wanted)
        problem(`namespace ${name} has another: its proxies trust nobody else's`, { subject: `Namespace ${name}` });
    }
    return listed([root, ...members]);
  },
});

const rootLasts = verifyCheck({
  id: "identity/root-valid",
  title: "the mesh's root certificate is valid, now and for a while",
  needs: ["rootCertificates", "meshAuthority"],
  subject: "the mesh's root certificate",
  fix: "change the mesh's root before its end; docs/certificates.md shows the phases",
  docs: {
    meaning: "the mesh's root certificate that signs is valid, and will be for `--days` days",
    fix: "change the root by its phases: [certificates](certificates.md)",
  },
  run(view, { settings, now, days }, problem) {
    const all = publishedRoots(view, settings);
    if (all.length === 0) throw notThere("no root certificate of the mesh", "identity/mesh-root");
    // Of several, the one counts that signs; where istiod signs by a CA of its own, the last to end.
    const authority = all.length === 1 ? undefined : valueOf(view.meshAuthority, `Secret ${authoritySecretName}`);
    const plugged = authority === undefined ? undefined : signerOf(authority);
    const ends = (plugged === undefined ? all : [plugged]).map(({ validTo }) => new Date(validTo));
    const end = new Date(Math.max(...ends.map((date) => date.getTime())));
    const left = Math.floor((end.getTime() - now.getTime()) / (24 * 3600_000));
    if (end <= now) problem(`it expired on ${end.toISOString()}: every connection in the mesh fails`);
    else if (left <= days) problem(`it ends on ${end.toISOString()}, in ${left} days`);
    return `until ${end.toISOString()}`;
  },
});

const authority = verifyCheck({
  id: "identity/authority",
  title: "istiod signs by the CA of the stack, below a root that the mesh trusts",
  needs: ["meshAuthority", "rootCertificates"],
  subject: ({ settings }) => `Secret ${settings.istio.namespace.name}/${authoritySecretName}`,
  fix: "run pulumi up --refresh",
  docs: {
    meaning:
      "Secret `cacerts` holds the CA of the stack: valid, in order, below the root that `istio.ca` names, which istiod tells the mesh to trust. With `issuer: istiod`, whatever CA there is",
    fix: "`pulumi up --refresh`",
  },
  run(view, { settings, now }, problem) {
    const where = `Secret ${settings.istio.namespace.name}/${authoritySecretName}`;
    const wanted = wantedRoots(settings);
    const found = valueOf(view.meshAuthority, where);
    const published = publishedRoots(view, settings).map(rootText);
    const notPublished = () => notThere("no root certificate of the mesh", "identity/mesh-root");
    if (wanted === undefined) {
      if (published.length === 0) throw notPublished();
      return `${found === undefined ? "istiod's own CA" : `the CA of ${where}`}, root ${listed(published)}`;
    }
    if (found === undefined) {
      problem(`${where} is missing: istiod makes a CA of its own when it restarts`);
      return "";
    }
    const chain = tryParse(found.certificateChain) ?? [];
    for (const what of chainProblems(chain, now, "put the CA that signs first")) problem(`${where}: ${what}`);
    const root = signerOf(found);
    if (root === undefined) {
      problem(`the CA of ${where} leads to none of its roots`);
      return "";
    }
    const name = rootText(root);
    if (name !== wanted.signer) problem(`${where} signs below root ${name} instead of ${wanted.signer}`);
    const missing = wanted.roots.filter((one) => !roots(found.rootCertificates).includes(one));
    if (missing.length > 0) problem(`${where} lacks root ${listed(missing)}`);
    if (published.length === 0) throw notPublished();
    if (!published.includes(name))
      problem(`root ${name} is not in ConfigMap istio-ca-root-cert: istiod runs with another CA`, {
        fix: `have istiod load it: kubectl -n ${settings.istio.namespace.name} rollout restart deployment ${istiodName(settings)}`,
      });
    return `${commonName(chain[0]?.subject ?? "")} below root ${name}`;
  },
});

const authorityLasts = verifyCheck({
  id: "identity/authority-renewal",
  title: "the CA that is plugged into istiod does not end within the days that are asked for",
  severity: "warning",
  needs: ["meshAuthority"],
  subject: ({ settings }) => `Secret ${settings.istio.namespace.name}/${authoritySecretName}`,
  fix: ({ settings }) =>
    settings.istio.ca.issuer === "generated"
      ? `run pulumi up --refresh, which renews it from ${intermediateLife(settings.istio.ca).earlyRenewalHours}h before its end`
      : meshRenewal[settings.istio.ca.issuer],
  docs: {
    meaning: "that CA lasts for `--days` days (of a short-lived one: a third of its life)",
    fix: "`pulumi up --refresh` renews a generated one",
  },
  run(view, { settings, now, days }, problem) {
    const found = valueOf(view.meshAuthority, `Secret ${authoritySecretName}`);
    const [signing] = tryParse(found?.certificateChain) ?? [];
    if (found === undefined && wantedRoots(settings) === undefined)
      return "none is plugged in, as the stack asks: istiod renews its own";
    if (signing === undefined) throw notThere("no CA that can be read", "identity/authority");
    if (isDue(signing, now, days * 24 * 3600_000))
      problem(`it ${timeLeft(signing, now) > 0 ? "ends" : "ended"} on ${iso(signing.validTo)}`);
    return `until ${iso(signing.validTo)}`;
  },
});

const signing = verifyCheck({
  id: "identity/gateway-certificate",
  title: "istiod signs a certificate for the gateway, in its name",
  needs: ["signing", "releases"],
  subject: ({ settings }) => gatewayIdentity(settings),
  fix: ({ settings }) =>
    `look at istiod's log: kubectl -n ${settings.istio.namespace.name} logs deployment/${istiodName(settings)}`,
  docs: {
    meaning:
      "istiod, asked as the gateway's sidecar asks it (a token of the service account `enroute`, a fresh key, TLS by the mesh's root), signs a certificate that names `spiffe://<trust domain>/ns/<namespace>/sa/enroute` and leads to the root. istiod is reached through the API server's port-forward, or by its cluster IP with `--dial-services`",
    fix: "istiod's log; where it cannot be reached, could not tell",
  },
  run({ signing: attempt, releases }, { settings }, problem) {
    const identity = gatewayIdentity(settings);
    if (attempt.outcome === "silent")
      throw new CannotTell(
        `istiod's certificate authority could not be asked: ${attempt.reason}`,
        "verify with rights to port-forward and to make tokens, or from inside the cluster with --dial-services",
      );
    if (attempt.outcome === "denied") {
      problem(
        `istiod signs nothing for it: ${attempt.reason}`,
        attempt.noAccount === true
          ? { fix: restoring({ releases }, settings.gateway.namespace.name, enroute.release) }
          : {},
      );
      return "";
    }
    const names = attempt.names.split(", ");
    if (!names.includes(`URI:${identity}`))
      problem(`the certificate is for ${attempt.names || "nobody"} instead of ${identity}`);
    if (!attempt.trusted) problem("the certificate does not lead to the mesh's root certificate");
    return `${identity}`;
  },
});

/** Whether the mesh's certificate authority vouches for the gateway, and everybody trusts it. */
export const identityChecks: readonly VerifyCheck[] = [rootEverywhere, rootLasts, authority, authorityLasts, signing];
