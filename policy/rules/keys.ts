import type { KeyObject, X509Certificate } from "node:crypto";
import { extraNamesAnnotation } from "../../base/annotations";
import { holdsPrivateKey, parseChain } from "../../base/certificate";
import { durationSeconds } from "../../base/duration";
import { asList, asText, at, texts, textsAt, treeAt } from "../../base/tree";
import { defaultValidity } from "../../mesh/cert-manager";
import { type ServingEnvoy, envoyOf, keyKindOf, keyProblem, servingProblems } from "../../mesh/serving-certificate";
import { type Finding, type PolicyObject, type Rule, isRelease, unknownValue } from "../rule";

/** What clients accept as the life of a server's certificate, in days (CA/Browser Forum ballot SC-31, and Apple). */
const longestLifeDays = 398;

/** Rules about private keys and certificates. */
export const keyRules: Rule[] = [
  {
    name: "private-keys",
    description: "Private keys are in Secrets only, and encrypted in the state.",
    level: "mandatory",
    scope: "object",
    find: (objects) =>
      objects.flatMap((object): Finding[] => {
        const plain = asList(object[plainKeyPaths]).map(String);
        if (plain.length > 0)
          return [
            {
              object,
              message: `${plain.join(", ")} holds a private key that is not a Pulumi secret: it would be in the state in plain text.`,
              fix: "wrap it in pulumi.secret, or set it with pulumi config set --secret; and replace the key, which has been seen",
            },
          ];
        // The keys of these resources are the engine's business: what counts is that they are secrets, see above.
        if (object.kind === "Secret" || isTls(object)) return [];
        const found = [...texts(object)].filter(({ text }) => holdsPrivateKey(text)).map(({ path }) => path);
        return found.length === 0
          ? []
          : [
              {
                object,
                message: `${found.join(", ")} holds a private key, outside of a Secret: everyone who may read the object has it.`,
                fix: "put it into a Secret, and refer to that; and replace the key, which has been seen",
              },
            ];
      }),
  },
  {
    name: "key-strength",
    description: "Keys are RSA of 2048 bits or more, ECDSA on P-256 or a larger curve, or Ed25519.",
    level: "mandatory",
    scope: "object",
    find: (objects) =>
      objects.flatMap((object) =>
        weakKeys(object).map((weak) => ({
          object,
          message: `${weak}: too weak to keep traffic secret for the life of a certificate.`,
          fix: "use ECDSA-P256, the default of certificate.keyAlgorithm, or RSA-2048 or more",
        })),
      ),
  },
  {
    name: "certificate-life",
    description: `Serving certificates live for ${longestLifeDays} days at most.`,
    level: "mandatory",
    scope: "object",
    find: (objects) =>
      objects.flatMap((object): Finding[] => {
        const days = lifeInDays(object);
        return days === undefined || days <= longestLifeDays
          ? []
          : [
              {
                object,
                message: `its certificate lives for ${Math.ceil(days)} days: clients refuse more than ${longestLifeDays}, and a stolen key works as long.`,
                fix: "set certificate.validity to 9552h or less, or have it issued for a shorter time",
              },
            ];
      }),
  },
  {
    name: "certificate-taken",
    description: "The Envoy of the stack loads its serving certificates, and clients take them.",
    level: "mandatory",
    scope: "stack",
    find: (objects) => {
      const gateway = objects.find((object) => isRelease(object, "enroute"));
      if (gateway === undefined) return [];
      const envoy = envoyOf(asText(at(gateway, "values", "images", "envoy", "tag")));
      const hosts = objects.filter(({ kind }) => kind === "GatewayHost");
      return objects
        .filter((object) => isServing(object) && hosts.some((host) => isFor(object, host)))
        .filter((object) => weakKeys(object).length === 0) // key-strength tells
        .flatMap((object) =>
          notTaken(object, envoy).map((what): Finding => ({
            object,
            message: `its certificate ${what}.`,
            fix: "have it issued for servers, with an ECDSA key on P-256 or RSA of 2048 bits (certificate.keyAlgorithm)",
          })),
        );
    },
  },
  {
    name: "certificate-names",
    description: "A serving certificate is for the hosts of the stack, and for no other name that is not declared.",
    level: "mandatory",
    scope: "stack",
    find: (objects) => {
      const hosts = objects.filter(({ kind }) => kind === "GatewayHost");
      const names = [...new Set(hosts.flatMap((host) => asText(at(host, "spec", "virtualhost", "fqdn")) ?? []))];
      const declared = objects.flatMap((object) => declaredNames(object));
      return objects.flatMap((object): Finding[] => {
        const subject = namesOf(object);
        if (subject === undefined) return [];
        const served = hosts.filter(
          (host) =>
            // Before there is a Secret, its request is for all hosts.
            !isServing(object) || isFor(object, host),
        );
        if (served.length === 0) return []; // of something else, such as a webhook
        const missing = served
          .map((host) => asText(at(host, "spec", "virtualhost", "fqdn")) ?? "")
          .filter((host) => !subject.some((name) => covers(name, host)));
        const foreign = subject.filter((name) => !names.includes(name) && !declared.includes(name));
        return [
          ...(missing.length > 0
            ? [
                {
                  object,
                  message: `its certificate is not for ${missing.join(", ")}: clients of the host would refuse it.`,
                  fix: "have it issued for every host of the stack",
                },
              ]
            : []),
          ...(foreign.length > 0
            ? [
                {
                  object,
                  message: `its certificate is for ${foreign.join(", ")} too, which is not a host of the stack: the holder of the key could pose as it.`,
                  fix: "have it issued for the hosts alone; or declare the names in certificate.extraNames (ipAddresses) of the stack",
                },
              ]
            : []),
        ];
      });
    },
  },
];

/**
 * Where a resource of the program holds private keys that the engine does not know to be secret: paths, put here by the pack,
 * which alone knows.
 */
export const plainKeyPaths = "plainKeyPaths";

/** A resource of @pulumi/tls. */
function isTls({ apiVersion }: PolicyObject): boolean {
  return apiVersion === "tls";
}

/** The certificate chain of a TLS Secret; undefined for everything else, and while it is not known. */
function chainOf(object: PolicyObject): X509Certificate[] | undefined {
  if (object.kind !== "Secret" || object["type"] !== "kubernetes.io/tls") return undefined;
  const plain = asText(at(object, "stringData", "tls.crt"));
  const encoded = asText(at(object, "data", "tls.crt"));
  const pem = plain ?? (encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString("utf8"));
  try {
    return pem === undefined ? undefined : parseChain(pem);
  } catch {
    return undefined; // masked, or not known before the update; what cannot be served is found by preflight and verify
  }
}

function weakKeys(object: PolicyObject): string[] {
  const weak = (() => {
    if (isTls(object) && object.kind === "PrivateKey")
      return weakAlgorithm(object["algorithm"], object["rsaBits"] ?? 2048, object["ecdsaCurve"] ?? "P224");
    if (isCertManager(object)) {
      // The defaults of cert-manager.
      const { algorithm = "RSA", size } = treeAt(object, "spec", "privateKey") as Record<string, number | undefined>;
      return weakAlgorithm(algorithm, size ?? 2048, `P${size ?? 256}`);
    }
    return undefined;
  })();
  return [
    ...(weak === undefined ? [] : [weak]),
    ...(chainOf(object) ?? []).flatMap(({ publicKey }) => weakPublicKey(publicKey) ?? []),
  ];
}

function weakAlgorithm(algorithm: unknown, bits: unknown, curve: unknown): string | undefined {
  switch (String(algorithm).toUpperCase()) {
    case "RSA":
      return Number(bits) < 2048 ? `RSA of ${String(bits)} bits` : undefined;
    case "ECDSA":
      return Number(String(curve).replace("P", "")) < 256 ? `ECDSA on ${String(curve)}` : undefined;
    case "ED25519":
      return undefined;
    default:
      return algorithm === unknownValue ? undefined : `a key of kind ${String(algorithm)}`;
  }
}

function weakPublicKey(key: KeyObject): string | undefined {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case "rsa":
    case "rsa-pss":
      return modulusLength! < 2048 ? `RSA of ${modulusLength} bits` : undefined;
    case "ec":
      return ["prime256v1", "secp384r1", "secp521r1"].includes(namedCurve!) ? undefined : `ECDSA on ${namedCurve}`;
    case "ed25519":
    case "ed448":
      return undefined;
    default:
      return `a key of kind ${key.asymmetricKeyType}`;
  }
}

function isCertManager({ apiVersion, kind }: PolicyObject): boolean {
  return kind === "Certificate" && apiVersion.startsWith("cert-manager.io/");
}

function lifeInDays(object: PolicyObject): number | undefined {
  if (isTls(object) && ["LocallySignedCert", "SelfSignedCert"].includes(object.kind)) {
    const hours = Number(object["validityPeriodHours"]);
    return object["isCaCertificate"] === true || Number.isNaN(hours) ? undefined : hours / 24;
  }
  if (isCertManager(object)) {
    const seconds = durationSeconds(asText(at(object, "spec", "duration")) ?? defaultValidity);
    return at(object, "spec", "isCA") === true || seconds === undefined ? undefined : seconds / 86_400;
  }
  const leaf = chainOf(object)?.[0];
  return leaf === undefined || leaf.ca
    ? undefined
    : (new Date(leaf.validTo).getTime() - new Date(leaf.validFrom).getTime()) / 86_400_000;
}

/** The names that a certificate is for, or is asked for; undefined for everything else. */
function namesOf(object: PolicyObject): string[] | undefined {
  if (isTls(object) && object.kind === "CertRequest") {
    const names = listed(object["dnsNames"], object["ipAddresses"]);
    return names?.length === 0 ? undefined : names; // no server's: of the mesh's CA
  }
  if (isCertManager(object)) return listed(at(object, "spec", "dnsNames"), at(object, "spec", "ipAddresses"));
  const leaf = chainOf(object)?.[0];
  return leaf === undefined
    ? undefined
    : (leaf.subjectAltName ?? "").split(", ").flatMap((name) => /^(?:DNS|IP Address):(.+)$/.exec(name)?.[1] ?? []);
}

function listed(...lists: unknown[]): string[] | undefined {
  const names = lists.flatMap((list) => asList(list)).map(String);
  return lists.includes(unknownValue) || names.includes(unknownValue) ? undefined : names;
}

/** Whether a host serves what is in an object, or will be. */
function isFor(object: PolicyObject, host: PolicyObject): boolean {
  return (
    host.metadata.namespace === object.metadata.namespace &&
    at(host, "spec", "virtualhost", "tls", "secretName") === secretOf(object)
  );
}

/** Why a certificate, or one that is asked for, is not taken. */
function notTaken(object: PolicyObject, envoy: ServingEnvoy): string[] {
  if (!isCertManager(object)) return servingProblems(chainOf(object) ?? [], envoy);
  // The defaults of cert-manager.
  const { algorithm = "RSA", size } = treeAt(object, "spec", "privateKey") as { algorithm?: string; size?: number };
  const usages = textsAt(object, "spec", "usages");
  const key = keyProblem(keyKindOf(algorithm, size ?? (algorithm === "RSA" ? 2048 : 256)), envoy);
  return [
    ...(key === undefined ? [] : [key]),
    ...(usages.length > 0 && !usages.includes("server auth")
      ? ["is not for servers: spec.usages lacks server auth, and clients refuse it"]
      : []),
  ];
}

/** Whether an object is what hosts refer to, and not a request for it. */
function isServing(object: PolicyObject): boolean {
  return object.kind === "Secret" || isCertManager(object);
}

function secretOf(object: PolicyObject): unknown {
  return object.kind === "Secret" ? object.metadata.name : at(object, "spec", "secretName");
}

function declaredNames({ metadata }: PolicyObject): string[] {
  return (metadata.annotations?.[extraNamesAnnotation] ?? "").split(",").filter((name) => name !== "");
}

function covers(name: string, host: string): boolean {
  return name === host || (name.startsWith("*.") && host.slice(host.indexOf(".")) === name.slice(1));
}
