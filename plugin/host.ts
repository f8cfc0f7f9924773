import { join } from "node:path";
import { provider } from "@pulumi/pulumi";
import { ComponentProvider } from "@pulumi/pulumi/provider/experimental";
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

/** Properties that are secret wherever they stand; a test compares them with the settings. */
export const secretProperties = ["password", "privateKey", "token"];

/** The components as a provider. The SDK reads their schema from `declarations.ts` in a folder; ours are without unions, and small. */
export class EncryptedIngressPackage extends ComponentProvider {
  constructor(folder = join(__dirname)) {
    super({ name: "enroute-istio", dirname: folder, components: hosted });
  }

  /** The SDK's reading of types knows no secrets: SDKs in other languages would keep them in plain text. */
  override async getSchema(): Promise<string> {
    return JSON.stringify(withSecrets(JSON.parse(await super.getSchema())));
  }
}

function withSecrets(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withSecrets);
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => {
      const below: unknown = withSecrets(value);
      return [key, /^(inputP|p)roperties$/.test(key) ? marked(below as Record<string, object>) : below];
    }),
  );
}

function marked(properties: Record<string, object>): Record<string, object> {
  return Object.fromEntries(
    Object.entries(properties).map(([key, property]) => [
      key,
      secretProperties.includes(key) ? { ...property, secret: true } : property,
    ]),
  );
}

/** Serves the components to the engine. */
export function serve(): Promise<void> {
  return provider.main(new EncryptedIngressPackage(), process.argv.slice(2));
}
