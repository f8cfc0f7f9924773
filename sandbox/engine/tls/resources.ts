import { createHash } from "node:crypto";
import type { Properties } from "../wire";
import type { CertificateTerms, Issued } from "./certificates";
import { algorithms, ecdsaCurves, generatePrivateKey, keyId, keyOutputs, type Algorithm } from "./keys";
import { allowedUses } from "./usages";

/** What an input property may hold. */
export interface Input {
  kind: "text" | "number" | "flag" | "texts" | "subject";
  required?: true;
  /** stands in the outputs where the input is not given */
  default?: number | string | boolean;
  secret?: true;
  /** a change of a PEM text replaces only where the old text was PEM */
  pem?: true;
  /** a change does not replace the resource */
  inPlace?: true;
  /** of a number */
  minimum?: number;
  /** of a text, or of the members of a list */
  allowed?: readonly string[];
}

/** A kind of resource: what it takes, what it gives, and how it is made. */
export interface ResourceKind {
  inputs: Record<string, Input>;
  /** outputs that are known only once it is made */
  computed: readonly string[];
  secretOutputs: readonly string[];
  /** makes it from inputs that passed the checks and have their defaults */
  create(inputs: Inputs, warn: (message: string) => void): Promise<Made>;
}

/** A resource that was made: its id and its computed outputs. */
export interface Made {
  id: string;
  outputs: Properties;
}

/** The kinds by the last part of their type's name. */
export const resourceKinds: Record<string, ResourceKind> = {
  "tls:index/privateKey:PrivateKey": {
    inputs: {
      algorithm: { kind: "text", required: true, allowed: algorithms },
      rsaBits: { kind: "number", default: 2048 },
      ecdsaCurve: { kind: "text", default: "P224", allowed: ecdsaCurves },
    },
    computed: ["privateKeyPem", "privateKeyPemPkcs8", "publicKeyPem"],
    secretOutputs: ["privateKeyPem", "privateKeyPemPkcs8"],
    async create({ algorithm, rsaBits, ecdsaCurve }) {
      const key = await generatePrivateKey(
        algorithm as Algorithm,
        rsaBits as number,
        ecdsaCurve as (typeof ecdsaCurves)[number],
      );
      return { id: keyId(key), outputs: keyOutputs(key) };
    },
  },

  "tls:index/certRequest:CertRequest": {
    inputs: identityInputs(),
    computed: ["certRequestPem", "keyAlgorithm"],
    secretOutputs: ["privateKeyPem"],
    async create(inputs) {
      const { requestCertificate } = await certificates();
      const { pem, der, algorithm } = await requestCertificate(inputs["privateKeyPem"] as string, inputs);
      const id = createHash("sha1").update(withoutTrailingSpace(der)).digest("hex");
      return { id, outputs: { certRequestPem: pem, keyAlgorithm: algorithm } };
    },
  },

  "tls:index/selfSignedCert:SelfSignedCert": {
    inputs: { ...identityInputs(), ...termsInputs(), setAuthorityKeyId: { kind: "flag", default: false } },
    computed: ["certPem", "validityStartTime", "validityEndTime", "readyForRenewal", "keyAlgorithm"],
    secretOutputs: ["privateKeyPem"],
    async create(inputs) {
      const { selfSign } = await certificates();
      const issued = await selfSign(
        inputs["privateKeyPem"] as string,
        inputs,
        termsOf(inputs),
        inputs["setAuthorityKeyId"] as boolean,
        new Date(),
      );
      return certificateMade(issued, inputs, { keyAlgorithm: issued.algorithm });
    },
  },

  "tls:index/locallySignedCert:LocallySignedCert": {
    inputs: {
      certRequestPem: { kind: "text", required: true, pem: true },
      caCertPem: { kind: "text", required: true, pem: true },
      caPrivateKeyPem: { kind: "text", required: true, pem: true, secret: true },
      ...termsInputs(),
    },
    computed: ["certPem", "validityStartTime", "validityEndTime", "readyForRenewal", "caKeyAlgorithm"],
    secretOutputs: ["caPrivateKeyPem"],
    async create(inputs, warn) {
      const { locallySign } = await certificates();
      const issued = await locallySign(
        inputs["certRequestPem"] as string,
        inputs["caCertPem"] as string,
        inputs["caPrivateKeyPem"] as string,
        termsOf(inputs),
        new Date(),
        warn,
      );
      return certificateMade(issued, inputs, { caKeyAlgorithm: issued.algorithm });
    },
  },
};

/** Whether a certificate is to be renewed: its end is no further away than `earlyRenewalHours`. False for what is none. */
export function isReadyForRenewal(state: Inputs, now: Date): boolean {
  const end = state["validityEndTime"];
  if (typeof end !== "string") return false;
  const early = typeof state["earlyRenewalHours"] === "number" ? state["earlyRenewalHours"] : 0;
  return now.getTime() >= new Date(end).getTime() - early * 3_600_000;
}

type Inputs = Record<string, unknown>;

// Loaded when first needed: the certificate library would double the time that the plugin takes to start.
const certificates = () => import("./certificates.js");

function identityInputs(): Record<string, Input> {
  return {
    privateKeyPem: { kind: "text", required: true, pem: true, secret: true },
    subject: { kind: "subject" },
    dnsNames: { kind: "texts" },
    ipAddresses: { kind: "texts" },
    uris: { kind: "texts" },
  };
}

function termsInputs(): Record<string, Input> {
  return {
    validityPeriodHours: { kind: "number", required: true, minimum: 0 },
    allowedUses: { kind: "texts", required: true, allowed: allowedUses },
    earlyRenewalHours: { kind: "number", default: 0, minimum: 0, inPlace: true },
    isCaCertificate: { kind: "flag", default: false },
    maxPathLength: { kind: "number", minimum: -1 },
    setSubjectKeyId: { kind: "flag", default: false },
  };
}

function termsOf(inputs: Inputs): CertificateTerms {
  const { validityPeriodHours, allowedUses: uses, isCaCertificate, maxPathLength, setSubjectKeyId } = inputs;
  return {
    validityPeriodHours: validityPeriodHours as number,
    allowedUses: uses as string[],
    isCaCertificate: isCaCertificate as boolean,
    setSubjectKeyId: setSubjectKeyId as boolean,
    ...(maxPathLength === undefined ? {} : { maxPathLength: maxPathLength as number }),
  };
}

function certificateMade(issued: Issued, inputs: Inputs, more: Properties): Made {
  const validity = { validityStartTime: issued.start.toISOString(), validityEndTime: issued.end.toISOString() };
  const readyForRenewal = isReadyForRenewal({ ...inputs, ...validity }, issued.start);
  return { id: issued.serialNumber, outputs: { certPem: issued.certPem, ...validity, readyForRenewal, ...more } };
}

// The official plugin trims the DER before it hashes it, as if it were text.
function withoutTrailingSpace(der: Buffer): Buffer {
  const space = new Set([0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20]);
  let end = der.length;
  while (space.has(der[end - 1] ?? -1)) end--;
  return der.subarray(0, end);
}
