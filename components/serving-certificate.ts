import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { endOfValidity } from "./certificate";
import { fixedName } from "./chart";

/** Kind and size of a generated key. */
export type KeyAlgorithm = "ECDSA-P256" | "ECDSA-P384" | "RSA-2048" | "RSA-4096";

/** A certificate authority and a leaf of our own making: for tests, and where clients can be given the CA. */
export interface GeneratedCertificate {
  issuer: "generated";
  /** Further DNS names beside the hosts; a wildcard such as `*.example.com` is fine. @default none */
  extraNames?: string[];
  /** @default "ECDSA-P256" */
  keyAlgorithm?: KeyAlgorithm;
  /** Life of the leaf, in days. @default 90 */
  validityDays?: number;
  /** Days before the end at which the next `pulumi up --refresh` issues a new leaf. @default 30 */
  renewBeforeDays?: number;
  /** Life of the CA, in days. @default 3650 */
  caValidityDays?: number;
}

/** A certificate that somebody else issued, brought as PEM. */
export interface ProvidedCertificate {
  issuer: "provided";
  /** The leaf first, then each certificate's issuer. */
  certificateChain: pulumi.Input<string>;
  /** Key of the leaf; kept secret whether or not it is given as a secret. */
  privateKey: pulumi.Input<string>;
  /** Certificate of the CA that clients should trust, for the stack's outputs. @default none */
  caCertificate?: pulumi.Input<string>;
}

/** A `kubernetes.io/tls` Secret that exists already in every namespace with hosts, for example from cert-manager. */
export interface ExistingSecret {
  issuer: "existingSecret";
  secretName: string;
}

export interface ServingCertificateArgs {
  /** DNS names that the certificate must cover. */
  hosts: string[];
  /** Namespaces that need the Secret: a GatewayHost finds it only in its own. */
  namespaces: string[];
  certificate: GeneratedCertificate | ProvidedCertificate | ExistingSecret;
}

/** Name of the Secrets that we make. */
export const servingSecretName = "gateway-serving-certificate";

/** The certificate of the leg client → gateway, as a TLS Secret in each namespace that has hosts. */
export class ServingCertificate extends pulumi.ComponentResource {
  /** Name of the Secret, the same in every namespace. */
  readonly secretName: string;
  /** Certificate of the CA for clients to trust, as PEM; undefined where we do not know it. */
  readonly caCertificate: pulumi.Output<string | undefined>;
  /** End of the leaf's validity, RFC 3339 in UTC; undefined for an existing Secret. */
  readonly endOfValidity: pulumi.Output<string | undefined>;

  constructor(name: string, args: ServingCertificateArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:gateway:ServingCertificate", name, {}, opts);
    const { certificate } = args;
    if (certificate.issuer === "existingSecret") {
      this.secretName = certificate.secretName;
      this.caCertificate = pulumi.output(undefined);
      this.endOfValidity = pulumi.output(undefined);
    } else {
      const pem = certificate.issuer === "generated" ? this.generate(name, args.hosts, certificate) : certificate;
      this.secretName = servingSecretName;
      this.caCertificate = pulumi.output(pem.caCertificate);
      this.endOfValidity = pulumi.output(pem.certificateChain).apply(endOfValidity);
      for (const namespace of args.namespaces)
        new k8s.core.v1.Secret(
          `${name}-${namespace}`,
          {
            metadata: { name: servingSecretName, namespace },
            type: "kubernetes.io/tls",
            stringData: { "tls.crt": pem.certificateChain, "tls.key": pulumi.secret(pem.privateKey) },
          },
          { parent: this, ...fixedName },
        );
    }
    this.registerOutputs({ endOfValidity: this.endOfValidity });
  }

  private generate(name: string, hosts: string[], args: GeneratedCertificate) {
    const subject = (commonName: string) => ({ commonName, organization: "enroute-istio" });
    const key = keyArguments(args.keyAlgorithm ?? "ECDSA-P256");
    const caKey = new tls.PrivateKey(`${name}-ca`, key, { parent: this });
    const ca = new tls.SelfSignedCert(
      `${name}-ca`,
      {
        privateKeyPem: caKey.privateKeyPem,
        subject: subject("EnRoute gateway CA"),
        isCaCertificate: true,
        setSubjectKeyId: true,
        validityPeriodHours: (args.caValidityDays ?? 3650) * 24,
        allowedUses: ["cert_signing", "crl_signing"],
      },
      { parent: this },
    );
    const leafKey = new tls.PrivateKey(`${name}-leaf`, key, { parent: this });
    const request = new tls.CertRequest(
      `${name}-leaf`,
      {
        privateKeyPem: leafKey.privateKeyPem,
        subject: subject("EnRoute gateway"),
        dnsNames: [...new Set([...hosts, ...(args.extraNames ?? [])])],
      },
      { parent: this },
    );
    const leaf = new tls.LocallySignedCert(
      `${name}-leaf`,
      {
        certRequestPem: request.certRequestPem,
        caCertPem: ca.certPem,
        caPrivateKeyPem: caKey.privateKeyPem,
        validityPeriodHours: (args.validityDays ?? 90) * 24,
        earlyRenewalHours: (args.renewBeforeDays ?? 30) * 24,
        setSubjectKeyId: true,
        allowedUses: ["digital_signature", "key_encipherment", "server_auth"],
      },
      { parent: this },
    );
    return { certificateChain: leaf.certPem, privateKey: leafKey.privateKeyPem, caCertificate: ca.certPem };
  }
}

/** Arguments of `tls.PrivateKey` for a key algorithm. */
export function keyArguments(algorithm: KeyAlgorithm): tls.PrivateKeyArgs {
  const [kind, size] = algorithm.split("-") as ["ECDSA" | "RSA", string];
  return kind === "ECDSA" ? { algorithm: kind, ecdsaCurve: size } : { algorithm: kind, rsaBits: Number(size) };
}
