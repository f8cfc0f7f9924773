import type { X509Certificate } from "node:crypto";
import { chainProblems, commonName, isSignedBy, iso, tryParse } from "../../base/certificate";
import type { Result } from "../../base/report";
import { count, listed } from "../../base/text";
import type { TrustedRoots } from "../../mesh/authority";
import {
  authoritySecretName,
  intermediateLife,
  meshRootOf,
  meshRoots as generatedRoots,
} from "../../mesh/mesh-authority";
import { gatewayIdentity, meshMembers } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import type { SigningAttempt } from "../probes/identity";
import { CannotTell, judge } from "../result";
import type { ClusterView, MeshAuthority } from "../view";
import { pemBlocks, valueOf } from "./reading";

/** Whether the mesh's certificate authority vouches for the gateway, and everybody trusts it. */
export function checkIdentity(
  view: ClusterView,
  settings: Settings,
  attempt: SigningAttempt,
  options: { now: Date; days: number },
): Result[] {
  return [
    rootEverywhere(view, settings),
    rootLasts(view, settings, options),
    authority(view, settings, options),
    authorityLasts(view, settings, options),
    signing(settings, attempt),
  ];
}

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

/** PEM text of the mesh's root certificates, from the root namespace. */
export function meshRoots(view: ClusterView, settings: Settings): string | undefined {
  const map = view.rootCertificates[settings.istio.namespace.name];
  return map?.state === "read" ? map.value.data?.[key] : undefined;
}

function rootEverywhere(view: ClusterView, settings: Settings): Result {
  const root = settings.istio.namespace.name;
  return judge(
    {
      check: "identity/mesh-root",
      title: "the mesh's namespaces have the root certificate that istiod signs by",
      fix: "istiod keeps ConfigMap istio-ca-root-cert up to date by itself: look at control-plane/istiod-ready, and at its log",
    },
    (problem) => {
      const read = (namespace: string) =>
        valueOf(view.rootCertificates[namespace], `ConfigMap istio-ca-root-cert of namespace ${namespace}`)?.data?.[
          key
        ];
      const wanted = pemBlocks(read(root)).sort().join();
      if (wanted === "") {
        problem(`namespace ${root} has no ConfigMap istio-ca-root-cert`);
        return "";
      }
      const members = meshMembers(settings).map(({ name }) => name);
      for (const name of members) {
        const found = pemBlocks(read(name)).sort().join();
        if (found === "") problem(`namespace ${name} has none: its proxies cannot start`);
        else if (found !== wanted) problem(`namespace ${name} has another: its proxies trust nobody else's`);
      }
      return listed([root, ...members]);
    },
  );
}

function rootLasts(view: ClusterView, settings: Settings, { now, days }: { now: Date; days: number }): Result {
  return judge(
    {
      check: "identity/root-valid",
      title: "the mesh's root certificate is valid, now and for a while",
      fix: "change the mesh's root before its end; docs/certificates.md shows the phases",
    },
    (problem) => {
      const text = meshRoots(view, settings);
      const all = tryParse(text) ?? [];
      if (all.length === 0) throw new CannotTell("there is no root certificate to look at", "see identity/mesh-root");
      const plugged = view.meshAuthority.state === "read" ? signerOf(view.meshAuthority.value) : undefined;
      // Of several, the one counts that signs; where nobody can tell which that is, the last to end.
      const ends = (plugged === undefined ? all : [plugged]).map(({ validTo }) => new Date(validTo));
      const end = new Date(Math.max(...ends.map((date) => date.getTime())));
      const left = Math.floor((end.getTime() - now.getTime()) / (24 * 3600_000));
      if (end <= now) problem(`it expired on ${end.toISOString()}: every connection in the mesh fails`);
      else if (left <= days) problem(`it ends on ${end.toISOString()}, in ${left} days`);
      return `until ${end.toISOString()}`;
    },
  );
}

function authority(view: ClusterView, settings: Settings, { now }: { now: Date }): Result {
  const where = `Secret ${settings.istio.namespace.name}/${authoritySecretName}`;
  return judge(
    {
      check: "identity/authority",
      title: "istiod signs by the CA of the stack, below a root that the mesh trusts",
      fix: "run pulumi up --refresh",
    },
    (problem) => {
      const wanted = wantedRoots(settings);
      const found = valueOf(view.meshAuthority, where);
      if (wanted === undefined) return found === undefined ? "istiod's own CA" : `the CA of ${where}`;
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
      const published = roots(meshRoots(view, settings));
      if (published.length > 0 && !published.includes(name))
        problem(`root ${name} is not in ConfigMap istio-ca-root-cert: istiod runs with another CA`, "restart istiod");
      return `${commonName(chain[0]?.subject ?? "")} below root ${name}`;
    },
  );
}

function authorityLasts(view: ClusterView, settings: Settings, { now, days }: { now: Date; days: number }): Result {
  return judge(
    {
      check: "identity/authority-renewal",
      title: `the CA that is plugged into istiod lasts for the next ${count(days, "day")}`,
      severity: "warning",
      fix:
        settings.istio.ca.issuer === "generated"
          ? `run pulumi up --refresh, which renews it from ${intermediateLife(settings.istio.ca).earlyRenewalHours}h before its end`
          : "set a new one in istio.ca.certificateChain and .privateKey, below the same root",
    },
    (problem) => {
      const found = valueOf(view.meshAuthority, `Secret ${authoritySecretName}`);
      const [signing] = tryParse(found?.certificateChain) ?? [];
      if (signing === undefined) return "none is: istiod renews its own by itself";
      const end = new Date(signing.validTo).getTime();
      const life = end - new Date(signing.validFrom).getTime();
      if (end - now.getTime() <= Math.min(days * 24 * 3600_000, life / 3))
        problem(`it ends on ${iso(signing.validTo)}`);
      return `until ${iso(signing.validTo)}`;
    },
  );
}

function signing(settings: Settings, attempt: SigningAttempt): Result {
  const identity = gatewayIdentity(settings);
  return judge(
    {
      check: "identity/gateway-certificate",
      title: "istiod signs a certificate for the gateway, in its name",
      fix: `look at istiod's log: kubectl -n ${settings.istio.namespace.name} logs deployment/istiod`,
    },
    (problem) => {
      if (attempt.outcome === "silent")
        throw new CannotTell(
          `istiod's certificate authority could not be asked: ${attempt.reason}`,
          "verify with rights to port-forward and to make tokens, or from inside the cluster with --dial-services",
        );
      if (attempt.outcome === "denied") {
        problem(`istiod signs nothing for it: ${attempt.reason}`);
        return "";
      }
      const names = attempt.names.split(", ");
      if (!names.includes(`URI:${identity}`))
        problem(`the certificate is for ${attempt.names || "nobody"} instead of ${identity}`);
      if (!attempt.trusted) problem("the certificate does not lead to the mesh's root certificate");
      return `${identity}`;
    },
  );
}
