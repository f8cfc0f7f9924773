import { join } from "node:path";
import { componentProviderHost } from "@pulumi/pulumi/provider/experimental";
import {
  Bookinfo,
  EnRouteGateway,
  EncryptedIngress,
  GatewayHost,
  ImagePullSecret,
  IstioControlPlane,
  Kiali,
  MeshCertificateAuthority,
  MeshGlobalConfig,
  MeshMutualTls,
  MeshNamespace,
  OnlyFromGateway,
  Prometheus,
  ServingCertificate,
} from "../components";

/** The components that programs in every language of Pulumi can use. */
export const hosted = [
  ...[EncryptedIngress, IstioControlPlane, MeshNamespace, MeshMutualTls, EnRouteGateway, GatewayHost, MeshGlobalConfig],
  ...[ServingCertificate, MeshCertificateAuthority, Prometheus, Kiali, Bookinfo, ImagePullSecret, OnlyFromGateway],
];

/** Serves them to the engine. The SDK reads their schema from `declarations.ts` in a folder; ours are without unions, and small. */
export function serve(folder = join(__dirname)): Promise<void> {
  return componentProviderHost({ name: "enroute-istio", dirname: folder, components: hosted });
}
