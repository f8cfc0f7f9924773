import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { extraNamesAnnotation } from "../../base/annotations";
import { endOfValidity } from "../../base/certificate";
import {
  type KeyAlgorithm,
  type TrustedRoots,
  bundle,
  certificateLife,
  generateRoot,
  generateSigned,
  subject,
} from "./certificate-authority";
import { type CertManagerCertificate, certManagerSpec } from "./cert-manager";
import { fixedName } from "../chart";
import { durationHours } from "../../base/duration";

/** A certificate authority and a leaf of our own making: for tests, and where clients can be given the CA. */
export interface GeneratedCertificate {
  issuer: "generated";
  /** Further DNS names beside the hosts; a wildcard such as `*.example.com` is fine. @default none */
  extraNames?: string[];
  /** IP addresses that the certificate covers, for clients without DNS. @default none */
  ipAddresses?: string[];
  /** Of the leaf, and of roots that are made from now on; a root keeps the key that it has. @default "ECDSA-P256" */
  keyAlgorithm?: KeyAlgorithm;
  /** Life of the leaf, a Go duration of whole hours: @pulumi/tls counts hours. @default "2160h", 90 days */
  validity?: string;
  /** How long before its end the next `pulumi up --refresh` issues a new leaf, in whole hours. @default a third of its life */
  renewBefore?: string;
  /** Life of a CA's root, in whole hours; counts for roots that are made from now on. @default "87600h", 10 years */
  caValidity?: string;
  /** Names of the roots that clients are to trust. @default ["ca"] */
  roots?: string[];
  /** Name of the root that signs the leaf. @default the first of the roots */
  signer?: string;
}

/** A certificate that somebody else issued, brought as PEM. */
export interface ProvidedCertificate {
  issuer: "provided";
  /** The leaf first, then each certificate's issuer. */
  certificateChain: pulumi.Input<string>;
  /** Key of the leaf; kept secret whether or not it is given as a secret. */
  privateKey: pulumi.Input<string>;
  /** Certificates of the CAs that clients should trust, for the stack's outputs. @default none */
  caCertificate?: pulumi.Input<string>;
}

/** A `kubernetes.io/tls` Secret that exists already in every namespace with hosts. */
export interface ExistingSecret {
  issuer: "existingSecret";
  secretName: string;
}

export interface ServingCertificateArgs {
  /** DNS names that the certificate must cover. */
  hosts: string[];
  /** Namespaces that need the Secret: a GatewayHost finds it only in its own. */
  namespaces: string[];
  certificate: GeneratedCertificate | ProvidedCertificate | ExistingSecret | CertManagerCertificate;
}

function extraNamesOf({ extraNames = [], ipAddresses = [] }: { extraNames?: string[]; ipAddresses?: string[] }) {
  const names = [...extraNames, ...ipAddresses];
  return names.length === 0 ? {} : { [extraNamesAnnotation]: names.join(",") };
}

/** Name of the Secrets that we make. */
export const servingSecretName = "gateway-serving-certificate";

/** The certificate of the leg client → gateway, as a TLS Secret in each namespace that has hosts. */
export class ServingCertificate extends pulumi.ComponentResource {
  /** Name of the Secret, the same in every namespace. */
  readonly secretName: string;
  /** Certificates of the CAs for clients to trust, as PEM; undefined where we do not know them. */
  readonly caCertificate: pulumi.Output<string | undefined>;
  /** End of the leaf's validity, RFC 3339 in UTC; undefined for a Secret that somebody else fills. */
  readonly endOfValidity: pulumi.Output<string | undefined>;

  constructor(name: string, args: ServingCertificateArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:gateway:ServingCertificate", name, {}, opts);
    const { certificate, hosts, namespaces } = args;
    switch (certificate.issuer) {
      case "existingSecret":
        this.secretName = certificate.secretName;
        this.caCertificate = pulumi.output(undefined);
        this.endOfValidity = pulumi.output(undefined);
        break;
      case "certManager":
        this.secretName = certificate.secretName;
        this.caCertificate = pulumi.output(certificate.caCertificate);
        this.endOfValidity = pulumi.output(undefined);
        for (const namespace of namespaces) this.order(name, namespace, hosts, certificate);
        break;
      case "generated":
      case "provided": {
        const pem = certificate.issuer === "generated" ? this.generate(name, hosts, certificate) : certificate;
        this.secretName = servingSecretName;
        this.caCertificate = pulumi.output(pem.caCertificate);
        this.endOfValidity = pulumi.output(pem.certificateChain).apply(endOfValidity);
        const annotations = certificate.issuer === "generated" ? extraNamesOf(certificate) : {};
        for (const namespace of namespaces) this.store(name, namespace, pem, annotations);
      }
    }
    this.registerOutputs({ endOfValidity: this.endOfValidity });
  }

  /** Has cert-manager issue the certificate, and waits until it has: a host without its Secret is served in clear text. */
  private order(name: string, namespace: string, hosts: string[], certificate: CertManagerCertificate) {
    const metadata = {
      name: certificate.secretName,
      namespace,
      annotations: { "pulumi.com/waitFor": "condition=Ready", ...extraNamesOf(certificate) },
    };
    new k8s.apiextensions.CustomResource(
      `${name}-${namespace}`,
      {
        apiVersion: "cert-manager.io/v1",
        kind: "Certificate",
        metadata,
        spec: certManagerSpec(hosts, certificate),
      },
      { parent: this, ...fixedName },
    );
  }

  private store(
    name: string,
    namespace: string,
    pem: Omit<ProvidedCertificate, "issuer">,
    annotations: Record<string, string>,
  ) {
    new k8s.core.v1.Secret(
      `${name}-${namespace}`,
      {
        metadata: {
          name: servingSecretName,
          namespace,
          ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
        },
        type: "kubernetes.io/tls",
        stringData: {
          "tls.crt": pem.certificateChain,
          "tls.key": pulumi.secret(pem.privateKey),
          // As cert-manager does: what the cluster was told to trust tells the next update which change of CA is safe.
          ...(pem.caCertificate === undefined ? {} : { "ca.crt": pem.caCertificate }),
        },
      },
      { parent: this, ...fixedName },
    );
  }

  private generate(name: string, hosts: string[], args: GeneratedCertificate) {
    const keyAlgorithm = args.keyAlgorithm ?? "ECDSA-P256";
    const trusted = servingRoots(args);
    const roots = trusted.roots.map((root) => {
      const resource = root === defaultServingRoot ? `${name}-ca` : `${name}-ca-${root}`;
      const validityHours = durationHours(args.caValidity ?? defaultCaValidity)!;
      return generateRoot(resource, { commonName: servingRootName(root), keyAlgorithm, validityHours }, this);
    });
    const request = {
      subject: subject("EnRoute gateway"),
      dnsNames: [...new Set([...hosts, ...(args.extraNames ?? [])])],
      ...(args.ipAddresses === undefined ? {} : { ipAddresses: args.ipAddresses }),
    };
    const certificate = {
      ...leafLife(args),
      allowedUses: ["digital_signature", "key_encipherment", "server_auth"],
    };
    const signer = roots[trusted.roots.indexOf(trusted.signer)]!;
    const leaf = generateSigned(`${name}-leaf`, signer, { keyAlgorithm, request, certificate }, this);
    return { ...leaf, caCertificate: bundle(roots.map((root) => root.certificate.certPem)) };
  }
}

export const defaultServingRoot = "ca";
export const defaultValidity = "2160h";
export const defaultCaValidity = "87600h";

/** Roots of a generated certificate with the defaults filled in. */
export function servingRoots({
  roots = [defaultServingRoot],
  signer = roots[0]!,
}: Pick<GeneratedCertificate, "roots" | "signer">): TrustedRoots {
  return { roots, signer };
}

/** Common name of a generated root's certificate. */
export function servingRootName(root: string): string {
  return root === defaultServingRoot ? "EnRoute gateway CA" : `EnRoute gateway CA ${root}`;
}

/** The root that a common name belongs to; undefined if it is none of ours. */
export function servingRootOf(commonName: string): string | undefined {
  const [, root] = /^EnRoute gateway CA(?: (.+))?$/.exec(commonName) ?? [undefined, undefined];
  return commonName === servingRootName(defaultServingRoot) ? defaultServingRoot : root;
}

/** Life of a generated leaf and the part of it in which it is renewed, in hours. */
export function leafLife({ validity = defaultValidity, renewBefore }: GeneratedCertificate) {
  return certificateLife(validity, renewBefore);
}
