/** Certificates: of the leg client → gateway, and the CA of the mesh. */
export { MeshCertificateAuthority, type MeshCertificateAuthorityArgs } from "./mesh-certificate-authority";
export { ServingCertificate, type ServingCertificateArgs } from "./serving-certificate";
export type * from "./sources";
export type { CertManagerCertificate, IssuerReference } from "../../mesh/cert-manager";
export type { KeyAlgorithm, Lifetime, RootNames } from "../../mesh/authority";
