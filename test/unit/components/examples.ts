/* Generated from the doc comments of the components (npm run docs). */
import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
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
} from "../../../components";

/** The examples of each component, on a cluster. */
export const examples: Record<string, (cluster: k8s.Provider) => void> = {
  EncryptedIngress: (cluster) => {
    const ingress = new EncryptedIngress(
      "shop",
      {
        istio: { version: "1.31.0" },
        gateway: { version: "0.8.7", images: { redis: { tag: "7.4.1" } } },
        namespaces: [{ name: "shop" }],
        hosts: [{ host: "shop.example.com", namespace: "shop", routes: [{ service: "storefront", port: 80 }] }],
        certificate: { issuer: "generated" },
      },
      { provider: cluster },
    );
    ingress.gatewayAddress.apply((address) => console.log(`point shop.example.com to ${address}`));
  },
  MeshCertificateAuthority: (cluster) => {
    new MeshCertificateAuthority(
      "mesh-ca",
      { namespace: "istio-system", authority: { issuer: "generated", roots: ["2026"] } },
      { provider: cluster },
    );
  },
  ServingCertificate: (cluster) => {
    const certificate = { issuer: "certManager", issuerRef: { name: "letsencrypt" }, secretName: "shop-tls" } as const;
    new ServingCertificate(
      "serving-certificate",
      { hosts: ["shop.example.com"], namespaces: ["shop"], certificate },
      { provider: cluster },
    );
  },
  EnRouteGateway: (cluster) => {
    const images = { redis: { tag: "7.4.1" } };
    const args = {
      namespace: "enroute-system",
      version: "0.8.7",
      chartRepository: "https://helm.getenroute.io",
      images,
    };
    new EnRouteGateway("gateway", args, { provider: cluster });
  },
  GatewayHost: (cluster) => {
    const routes = [{ service: "storefront", port: 80 }];
    new GatewayHost(
      "shop.example.com",
      { host: "shop.example.com", namespace: "shop", tlsSecretName: "shop-tls", routes },
      { provider: cluster },
    );
  },
  MeshGlobalConfig: (cluster) => {
    new MeshGlobalConfig("mesh-global-config", { namespace: "enroute-system" }, { provider: cluster });
  },
  IstioControlPlane: (cluster) => {
    new IstioControlPlane(
      "istio",
      { namespace: "istio-system", version: "1.31.0", chartRepository: "https://blob.istio.io/istio-release/charts" },
      { provider: cluster },
    );
  },
  MeshMutualTls: (cluster) => {
    new MeshMutualTls("mutual-tls", { rootNamespace: "istio-system" }, { provider: cluster });
  },
  MeshNamespace: (cluster) => {
    new MeshNamespace("shop", { name: "shop", create: false, injection: "enabled" }, { provider: cluster });
  },
  Kiali: (cluster) => {
    new Kiali(
      "kiali",
      {
        namespace: "istio-system",
        version: "2.29.0",
        chartRepository: "https://kiali.org/helm-charts",
        prometheusUrl: "http://prometheus-server.istio-system",
      },
      { provider: cluster },
    );
  },
  Prometheus: (cluster) => {
    const chartRepository = "https://prometheus-community.github.io/helm-charts";
    new Prometheus(
      "prometheus",
      { namespace: "istio-system", version: "29.27.0", chartRepository, retention: "30d" },
      { provider: cluster },
    );
  },
  Bookinfo: (cluster) => {
    new Bookinfo("bookinfo", { namespace: "bookinfo", version: "1.20.3" }, { provider: cluster });
  },
  ImagePullSecret: (cluster) => {
    const login = { registry: "registry.example.com", username: "robot", password: pulumi.secret("…") };
    new ImagePullSecret("login", { name: "registry-login", namespaces: ["shop"], ...login }, { provider: cluster });
  },
  OnlyFromGateway: (cluster) => {
    const gatewayIdentity = "spiffe://cluster.local/ns/enroute-system/sa/enroute";
    new OnlyFromGateway("shop", { namespace: "shop", gatewayIdentity }, { provider: cluster });
  },
};
