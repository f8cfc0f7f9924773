import { createHash } from "node:crypto";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import {
  type KeyAlgorithm,
  type Root,
  type TrustedRoots,
  bundle,
  certificateLife,
  generateRoot,
  generateSigned,
  subject,
} from "./certificate-authority";
import { fixedName } from "../chart";
import { durationHours } from "../../base/duration";
import { ownerLabel, ownerValue } from "../istio/mesh-namespace";

/** Roots of our own making, and an intermediate CA below one of them, by which istiod signs. */
export interface GeneratedAuthority {
  issuer: "generated";
  /** Names of the roots that the mesh trusts. @default ["root"] */
  roots?: string[];
  /** Name of the root that the intermediate is below. @default the first of the roots */
  signer?: string;
  /** Roots of somebody else that the mesh trusts as well, PEM. @default none */
  rootCertificates?: pulumi.Input<string>;
  /** Of the intermediate, and of roots that are made from now on; a root keeps the key that it has. @default "ECDSA-P256" */
  keyAlgorithm?: KeyAlgorithm;
  /** Life of the intermediate, a Go duration of whole hours: @pulumi/tls counts hours. @default "8760h", a year */
  validity?: string;
  /** How long before its end the next `pulumi up --refresh` makes a new intermediate. @default a third of its life */
  renewBefore?: string;
  /** Life of a root, in whole hours; counts for roots that are made from now on. @default "87600h", 10 years */
  caValidity?: string;
}

/** A CA that somebody else made, brought as PEM. */
export interface ProvidedAuthority {
  issuer: "provided";
  /** The roots that the mesh trusts, PEM. */
  rootCertificates: pulumi.Input<string>;
  /** Names of roots of our own making that the mesh trusts as well, before one of them signs. @default none */
  roots?: string[];
  /** The CA that signs first, then each certificate's issuer; the root may be left out. */
  certificateChain: pulumi.Input<string>;
  /** Key of the CA that signs; kept secret whether or not it is given as a secret. */
  privateKey: pulumi.Input<string>;
}

export interface MeshCertificateAuthorityArgs {
  /** The mesh's root namespace, which must exist. */
  namespace: string;
  authority: GeneratedAuthority | ProvidedAuthority;
}

/** Name of the Secret from which istiod takes its CA (Istio's "plug in CA certificates"). */
export const authoritySecretName = "cacerts";

/**
 * The CA of the mesh, plugged into istiod: Secret `cacerts`, which must be there before istiod starts, or istiod makes a CA of
 * its own.
 */
export class MeshCertificateAuthority extends pulumi.ComponentResource {
  /** Every root that the mesh trusts, as PEM. */
  readonly rootCertificates: pulumi.Output<string>;
  /** Another value where istiod has to sign or trust by other certificates. Made of public parts alone. */
  readonly fingerprint: pulumi.Output<string>;

  constructor(name: string, args: MeshCertificateAuthorityArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:istio:MeshCertificateAuthority", name, {}, opts);
    const { namespace, authority } = args;
    const roots = this.generateRoots(name, authority);
    const pem = authority.issuer === "generated" ? this.intermediate(name, authority, roots) : authority;
    const ours = [...roots.values()].map(({ certificate }) => certificate.certPem);
    const theirs = authority.rootCertificates === undefined ? [] : [authority.rootCertificates];
    this.rootCertificates = bundle([...ours, ...theirs]);
    const chain = pulumi.output(pem.certificateChain);
    this.fingerprint = pulumi
      .all([this.rootCertificates, chain])
      .apply((parts) => createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 32));
    new k8s.core.v1.Secret(
      name,
      {
        metadata: { name: authoritySecretName, namespace, labels: { [ownerLabel]: ownerValue } },
        // The names that istiod knows (istio.io/istio, security/pkg/pki/ca); a part that is missing keeps it from starting.
        stringData: {
          "root-cert.pem": this.rootCertificates,
          "cert-chain.pem": chain,
          "ca-cert.pem": chain.apply(firstCertificate),
          "ca-key.pem": pulumi.secret(pem.privateKey),
        },
      },
      { parent: this, ...fixedName },
    );
    this.registerOutputs({ fingerprint: this.fingerprint });
  }

  private generateRoots(name: string, authority: GeneratedAuthority | ProvidedAuthority): Map<string, Root> {
    const names = authority.issuer === "generated" ? meshRoots(authority).roots : (authority.roots ?? []);
    const { keyAlgorithm = defaultKeyAlgorithm, caValidity = defaultRootValidity } =
      authority.issuer === "generated" ? authority : {};
    const validityHours = durationHours(caValidity)!;
    return new Map(
      names.map((root) => [
        root,
        generateRoot(`${name}-root-${root}`, { commonName: meshRootName(root), keyAlgorithm, validityHours }, this),
      ]),
    );
  }

  private intermediate(name: string, args: GeneratedAuthority, roots: Map<string, Root>) {
    const request = { subject: subject("Istio mesh intermediate CA") };
    const certificate = {
      ...intermediateLife(args),
      isCaCertificate: true,
      allowedUses: ["cert_signing", "crl_signing"],
    };
    const { keyAlgorithm = defaultKeyAlgorithm } = args;
    const signer = roots.get(meshRoots(args).signer)!;
    return generateSigned(`${name}-intermediate`, signer, { keyAlgorithm, request, certificate }, this);
  }
}

function firstCertificate(chain: string): string {
  return `${/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(chain)![0]}\n`;
}

const defaultKeyAlgorithm: KeyAlgorithm = "ECDSA-P256";
export const defaultRootValidity = "87600h";
export const defaultIntermediateValidity = "8760h";

/** Roots of a generated CA with the defaults filled in. */
export function meshRoots({
  roots = ["root"],
  signer = roots[0]!,
}: Pick<GeneratedAuthority, "roots" | "signer">): TrustedRoots {
  return { roots, signer };
}

/** Common name of a generated root's certificate. */
export function meshRootName(root: string): string {
  return `Istio mesh root ${root}`;
}

/** The root that a common name belongs to; undefined if it is none of ours. */
export function meshRootOf(commonName: string): string | undefined {
  return /^Istio mesh root (.+)$/.exec(commonName)?.[1];
}

/** Life of the intermediate and the part of it in which it is renewed, in hours. */
export function intermediateLife({ validity = defaultIntermediateValidity, renewBefore }: GeneratedAuthority) {
  return certificateLife(validity, renewBefore);
}
