import type * as pulumi from "@pulumi/pulumi";
import type { KeyAlgorithm } from "../../mesh/authority";

/* Where a certificate, or the CA of the mesh, comes from. */

/** A CA and a leaf that the stack generates: for tests, and where clients can be given the CA. */
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

/** A certificate that another CA issued, as PEM. */
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

/** Roots that the stack generates, and an intermediate CA below one of them, by which istiod signs. */
export interface GeneratedAuthority {
  issuer: "generated";
  /** Names of the roots that the mesh trusts. @default ["root"] */
  roots?: string[];
  /** Name of the root that the intermediate is below. @default the first of the roots */
  signer?: string;
  /** Roots of others that the mesh also trusts, PEM. @default none */
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

/** A CA that was made elsewhere, as PEM. */
export interface ProvidedAuthority {
  issuer: "provided";
  /** The roots that the mesh trusts, PEM. */
  rootCertificates: pulumi.Input<string>;
  /** Names of generated roots that the mesh also trusts, before one of them signs. @default none */
  roots?: string[];
  /** The CA that signs first, then each certificate's issuer; the root may be left out. */
  certificateChain: pulumi.Input<string>;
  /** Key of the CA that signs; kept secret whether or not it is given as a secret. */
  privateKey: pulumi.Input<string>;
}
