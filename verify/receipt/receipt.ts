import { type X509Certificate, createHash } from "node:crypto";
import { commonName, iso, tryParse } from "../../base/certificate";
import type { Report, Result, Status } from "../../base/report";
import { packageVersion } from "../../base/version";
import { authoritySecretName } from "../../mesh/mesh-authority";
import { meshMembers, servingSecret } from "../../settings/expected";
import { gatewayAddress } from "../checks/client-leg";
import type { VerifyContext, VerifyFacts } from "../checks/define";
import { ifRead } from "../facts";
import type { PortAttempt } from "../probes/workload-leg";
import { type Workload, workloadsOf } from "./workloads";

/* The receipt of a verification: what was proven, of what, and by what, as one piece of data. */

/** The two legs that are proven: client → gateway, and gateway → workload. */
export type Leg = "client" | "mesh";

/** The leg that a group of checks is about; what is in neither (`ownership`, `releases`, `stack`) is about the rollout as a whole. */
export const legOfGroup: Readonly<Record<string, Leg>> = {
  hosts: "client",
  certificates: "client",
  "client-leg": "client",
  "clear-text": "client",
  "control-plane": "mesh",
  injection: "mesh",
  gateway: "mesh",
  strict: "mesh",
  authorization: "mesh",
  "global-config": "mesh",
  identity: "mesh",
  effect: "mesh",
};

/** What the checks of a leg came to. */
export interface LegProof {
  status: Status;
  passed: number;
  failed: string[];
  warnings: string[];
  unknown: string[];
}

/** What a client saw of a host. */
export interface HostProof {
  host: string;
  namespace: string;
  /** TLS version of the handshake, or why there was none. */
  tls: string;
  /** What came of a request without TLS. */
  plain: string;
}

/** What connections to a port of a workload came to. */
export interface PortProof {
  /** `namespace/Service:port`. */
  port: string;
  /** In clear text. */
  plain: string;
  /** With mutual TLS, in the gateway's name. */
  mutual: string;
}

/** A certificate and its life. */
export interface CertificateLife {
  role: "serving certificate" | "issuer of the serving certificate" | "CA of the mesh" | "root of the mesh";
  /** Common name of its subject, or all of the subject. */
  name: string;
  issuer: string;
  /** Objects that hold it. */
  where: string[];
  /** RFC 3339, UTC. */
  validFrom: string;
  validTo: string;
  fingerprint256: string;
}

export interface Receipt {
  /** Version of this shape. */
  schema: 1;
  /** Version of this package. */
  product: string;
  stack: string;
  cluster: { context: string; kubernetes: string };
  /** Address of the gateway; missing where it has none. */
  gatewayAddress?: string;
  /** RFC 3339, UTC. */
  takenAt: string;
  report: Report;
  legs: Record<Leg, LegProof>;
  hosts: HostProof[];
  workloads: Workload[];
  /** Ports that were connected to; empty without `dialServices`. */
  ports: PortProof[];
  certificates: CertificateLife[];
  /** Images of the control plane and the gateway, as they run. */
  images: string[];
  /** SHA-256 of everything else in this object, as JSON with sorted keys and without white space; hexadecimal. */
  evidenceHash: string;
}

/** Everything that a verification saw. With checks left out (`only`), facts are missing. */
export interface Inspection {
  report: Report;
  facts: Partial<VerifyFacts>;
  context: VerifyContext;
  /** Version of the API server. */
  kubernetes: string;
}

/** The receipt of a verification. Pure. */
export function receiptOf(inspection: Inspection, { stack }: { stack: string }): Receipt {
  const { report, facts, context, kubernetes } = inspection;
  const address = facts.services && gatewayAddress({ services: facts.services }, context.settings);
  const receipt: Omit<Receipt, "evidenceHash"> = {
    schema: 1,
    product: `enroute-istio ${packageVersion()}`,
    stack,
    cluster: { context: context.settings.context, kubernetes },
    ...(address === undefined ? {} : { gatewayAddress: address }),
    takenAt: context.now.toISOString(),
    report,
    legs: { client: legProof(report, "client"), mesh: legProof(report, "mesh") },
    hosts: hostProofs(inspection),
    workloads: workloadsOf(
      facts,
      meshMembers(context.settings).map(({ name }) => name),
    ),
    ports: Object.entries(facts.workloadLeg?.ports ?? {}).map(([port, { plain, mutual }]) => ({
      port,
      plain: attemptText(plain),
      mutual: attemptText(mutual),
    })),
    certificates: certificateLives(inspection),
    images: imagesOf(facts),
  };
  return { ...receipt, evidenceHash: evidenceHash(receipt) };
}

/** The hash that a receipt must have: anybody can compute it from the JSON file. */
export function evidenceHash(receipt: Omit<Receipt, "evidenceHash">): string {
  const evidence = canonicalJson({ ...receipt, evidenceHash: undefined });
  return createHash("sha256").update(evidence).digest("hex");
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

function legProof({ results }: Report, leg: Leg): LegProof {
  const own = results.filter(({ id }) => legOfGroup[id.split("/")[0]!] === leg);
  const ids = (holds: (result: Result) => boolean) => own.filter(holds).map(({ id }) => id);
  const failed = ids(({ status, severity }) => status === "failed" && severity === "error");
  const unknown = ids(({ status }) => status === "unknown");
  const passed = ids(({ status }) => status === "passed").length;
  return {
    // A leg of which nothing was checked is not proven.
    status: failed.length > 0 ? "failed" : unknown.length > 0 || passed === 0 ? "unknown" : "passed",
    passed,
    failed,
    warnings: ids(({ status, severity }) => status === "failed" && severity === "warning"),
    unknown,
  };
}

function hostProofs({ facts: { clientLeg }, context: { settings } }: Inspection): HostProof[] {
  return settings.hosts.map(({ host, namespace }) => {
    const probe = clientLeg?.[host];
    if (probe === undefined) return { host, namespace, tls: "not connected to", plain: "not connected to" };
    const { handshake, plain } = probe;
    return {
      host,
      namespace,
      tls: handshake.outcome === "connected" ? handshake.version : `${handshake.outcome}: ${handshake.reason}`,
      plain:
        plain.outcome === "answered"
          ? `${plain.status}${plain.location === undefined ? "" : ` to ${plain.location}`}`
          : `${plain.outcome}: ${plain.reason}`,
    };
  });
}

const attemptText = (attempt: PortAttempt) =>
  attempt.outcome === "taken" ? `taken: ${attempt.text}` : `${attempt.outcome}: ${attempt.reason}`;

function certificateLives({ facts, context: { settings } }: Inspection): CertificateLife[] {
  const lives = new Map<string, CertificateLife>();
  const add = (role: CertificateLife["role"], where: string, certificates: readonly X509Certificate[]) => {
    for (const { subject, issuer, validFrom, validTo, fingerprint256 } of certificates) {
      const known = lives.get(`${role} ${fingerprint256}`);
      if (known === undefined)
        lives.set(`${role} ${fingerprint256}`, {
          role,
          name: commonName(subject),
          issuer: commonName(issuer),
          where: [where],
          validFrom: iso(validFrom),
          validTo: iso(validTo),
          fingerprint256,
        });
      else if (!known.where.includes(where)) known.where.push(where);
    }
  };
  for (const [namespace, read] of Object.entries(facts.servingSecrets ?? {})) {
    const where = `Secret ${namespace}/${servingSecret(settings)}`;
    const secret = ifRead(read);
    const [leaf, ...chain] = tryParse(secret?.certificateChain) ?? [];
    add("serving certificate", where, leaf === undefined ? [] : [leaf]);
    add("issuer of the serving certificate", where, [...chain, ...(tryParse(secret?.ca) ?? [])]);
  }
  const root = settings.istio.namespace.name;
  const [signer] = tryParse(ifRead(facts.meshAuthority)?.certificateChain) ?? [];
  add("CA of the mesh", `Secret ${root}/${authoritySecretName}`, signer === undefined ? [] : [signer]);
  const published = ifRead(facts.rootCertificates?.[root])?.data?.["root-cert.pem"];
  add("root of the mesh", `ConfigMap ${root}/istio-ca-root-cert`, tryParse(published) ?? []);
  return [...lives.values()];
}

function imagesOf({ deployments = {} }: Partial<VerifyFacts>): string[] {
  const containers = Object.values(deployments)
    .flatMap((read) => ifRead(read) ?? [])
    .flatMap(({ spec }) => spec.template?.spec?.containers ?? []);
  return [...new Set(containers.flatMap(({ image }) => image ?? []))].sort();
}
