import { asText, at, treesAt } from "../base/tree";

/* Istio's certificates in an Envoy TLS context: ApplyToCommonTLSContext in istio/istio, pilot/pkg/security/model/authentication.go. */

/** Names of the secrets by which the agent hands Envoy the workload's certificate and the mesh's roots. */
const workloadCertificate = "default";
const meshRoots = "ROOTCA";

/** By what the other side's certificate is checked: the name of a secret, or `inline`; undefined where any certificate will do. */
export function trustedCa(context: unknown): string | undefined {
  const common = at(context, "commonTlsContext");
  const combined = at(common, "combinedValidationContext");
  const inline = at(common, "validationContext") ?? at(combined, "defaultValidationContext");
  // Envoy then takes certificates that no CA of its own has signed.
  if (at(inline, "trustChainVerification") === "ACCEPT_UNTRUSTED") return undefined;
  const secret =
    asText(at(combined, "validationContextSdsSecretConfig", "name")) ??
    asText(at(common, "validationContextSdsSecretConfig", "name"));
  return secret ?? (at(inline, "trustedCa") === undefined ? undefined : "inline");
}

/** Whether a context shows the workload's certificate, and checks the other side's by the mesh's roots. */
export function isOfMesh(context: unknown): boolean {
  const shown = treesAt(context, "commonTlsContext", "tlsCertificateSdsSecretConfigs").map(({ name }) => name);
  return shown.includes(workloadCertificate) && trustedCa(context) === meshRoots;
}
