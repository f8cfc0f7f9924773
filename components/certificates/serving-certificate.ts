import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { extraNamesAnnotation } from "../../base/annotations";
import { endOfValidity } from "../../base/certificate";
import { type CertManagerCertificate, certManagerSpec } from "../../mesh/cert-manager";
import { servingSecretName } from "../../mesh/serving-certificate";
import { checkedArguments } from "../arguments";
import { fixedName } from "../chart";
import { generateServing } from "./generated-serving";
import type { ExistingSecret, GeneratedCertificate, ProvidedCertificate } from "./sources";

export { defaultRootValidity as defaultCaValidity } from "../../mesh/authority";
export * from "../../mesh/serving-certificate";
export type { ExistingSecret, GeneratedCertificate, ProvidedCertificate } from "./sources";

export interface ServingCertificateArgs {
  /** DNS names that the certificate must cover. */
  hosts: string[];
  /** Which of them each namespace has: cert-manager is asked there for those alone. @default all of them in each namespace */
  hostsOf?: Record<string, string[]>;
  /** Namespaces that need the Secret: a GatewayHost finds it only in its own. */
  namespaces: string[];
  /** Where the certificate is from, by `issuer`: `generated`, `provided`, `existingSecret` or `certManager`. */
  certificate: GeneratedCertificate | ProvidedCertificate | ExistingSecret | CertManagerCertificate;
  /** Tag of the gateway's Envoy, which must load the certificate. @default the chart's */
  envoyTag?: string;
}

function extraNamesOf({ extraNames = [], ipAddresses = [] }: { extraNames?: string[]; ipAddresses?: string[] }) {
  const names = [...extraNames, ...ipAddresses];
  return names.length === 0 ? {} : { [extraNamesAnnotation]: names.join(",") };
}

/**
 * The certificate of the leg client → gateway, as a TLS Secret in each namespace that has hosts.
 *
 * @example
 * const certificate = { issuer: "certManager", issuerRef: { name: "letsencrypt" }, secretName: "shop-tls" } as const;
 * new ServingCertificate(
 *   "serving-certificate",
 *   { hosts: ["shop.example.com"], namespaces: ["shop"], certificate },
 *   { provider: cluster },
 * );
 */
export class ServingCertificate extends pulumi.ComponentResource {
  /** Name of the Secret, the same in every namespace. */
  readonly secretName: string;
  /** By namespace, what a host there has to wait for; empty for a Secret that exists. */
  readonly secrets = new Map<string, pulumi.Resource>();
  /** Certificates of the CAs for clients to trust, as PEM; undefined where we do not know them. */
  readonly caCertificate: pulumi.Output<string | undefined>;
  /** End of the leaf's validity, RFC 3339 in UTC; undefined for a Secret that others fill. */
  readonly endOfValidity: pulumi.Output<string | undefined>;

  constructor(name: string, args: ServingCertificateArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:gateway:ServingCertificate", name, {}, opts);
    args = checkedArguments(this, { type: "ServingCertificate", name }, args);
    const { certificate, hosts, hostsOf = {}, namespaces } = args;
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
        for (const namespace of namespaces)
          this.secrets.set(namespace, this.order(name, namespace, hostsOf[namespace] ?? hosts, certificate));
        break;
      case "generated":
      case "provided": {
        const pem = certificate.issuer === "generated" ? generateServing(name, hosts, certificate, this) : certificate;
        this.secretName = servingSecretName;
        this.caCertificate = pulumi.output(pem.caCertificate);
        this.endOfValidity = pulumi.output(pem.certificateChain).apply(endOfValidity);
        const annotations = certificate.issuer === "generated" ? extraNamesOf(certificate) : {};
        for (const namespace of namespaces) this.secrets.set(namespace, this.store(name, namespace, pem, annotations));
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
    return new k8s.apiextensions.CustomResource(
      `${name}-${namespace}`,
      { apiVersion: "cert-manager.io/v1", kind: "Certificate", metadata, spec: certManagerSpec(hosts, certificate) },
      { parent: this, ...fixedName },
    );
  }

  private store(
    name: string,
    namespace: string,
    pem: Omit<ProvidedCertificate, "issuer">,
    annotations: Record<string, string>,
  ) {
    return new k8s.core.v1.Secret(
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
          // As cert-manager does: by what clients trust so far, the next update knows which change of CA is safe.
          ...(pem.caCertificate === undefined ? {} : { "ca.crt": pem.caCertificate }),
        },
      },
      { parent: this, ...fixedName },
    );
  }
}
