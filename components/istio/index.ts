/** Istio: its control plane, the namespaces of the mesh, and mutual TLS. */
export * from "./istio-control-plane";
export * from "./mesh-mutual-tls";
export * from "./mesh-namespace";
export type { DeclaredRevision } from "../../mesh/control-planes";
export type { MeshObject, ObjectMetadata } from "../../mesh/object";
export type { PeerAuthenticationObject } from "../../mesh/peer-authentication";
export type { ExceptionMode, MutualTlsException } from "../../mesh/mutual-tls-policies";
