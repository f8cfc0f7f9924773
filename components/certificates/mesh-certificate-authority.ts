import { createHash } from "node:crypto";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { pemBlocks } from "../../base/certificate";
import { durationHours } from "../../base/duration";
import { defaultKeyAlgorithm, defaultRootValidity } from "../../mesh/authority";
import { authoritySecretName, intermediateLife, meshRootName, meshRoots } from "../../mesh/mesh-authority";
import { ownerLabel, ownerValue } from "../../mesh/ownership";
import { checkedArguments } from "../arguments";
import { fixedName } from "../chart";
import { type Root, bundle, generateRoot, generateSigned, subject } from "./certificate-authority";
import type { GeneratedAuthority, ProvidedAuthority } from "./sources";

export { defaultRootValidity } from "../../mesh/authority";
export * from "../../mesh/mesh-authority";
export type { GeneratedAuthority, ProvidedAuthority } from "./sources";

export interface MeshCertificateAuthorityArgs {
  /** The mesh's root namespace, which must exist. */
  namespace: string;
  /** The certificate authority, by `issuer`: `generated` or `provided`. */
  authority: GeneratedAuthority | ProvidedAuthority;
}

/**
 * The CA of the mesh, plugged into istiod: Secret `cacerts`, which must be there before istiod starts, or istiod makes a CA of
 * its own.
 *
 * @example
 * new MeshCertificateAuthority(
 *   "mesh-ca",
 *   { namespace: "istio-system", authority: { issuer: "generated", roots: ["2026"] } },
 *   { provider: cluster },
 * );
 */
export class MeshCertificateAuthority extends pulumi.ComponentResource {
  /** Every root that the mesh trusts, as PEM. */
  readonly rootCertificates: pulumi.Output<string>;
  /** Another value where istiod has to sign or trust by other certificates. Made of public parts alone. */
  readonly fingerprint: pulumi.Output<string>;

  constructor(name: string, args: MeshCertificateAuthorityArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:istio:MeshCertificateAuthority", name, {}, opts);
    args = checkedArguments(this, { type: "MeshCertificateAuthority", name }, args);
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
  return `${pemBlocks(chain)[0]!}\n`;
}
