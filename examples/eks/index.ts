import * as eks from "@pulumi/eks";
import * as k8s from "@pulumi/kubernetes";
import { EncryptedIngress, clusterSettings } from "enroute-istio/components";

/* A cluster and its ingress, made in one update: the ingress previews before the cluster exists. */

const cluster = new eks.Cluster("shop", { desiredCapacity: 3, minSize: 3, maxSize: 6 });

const provider = new k8s.Provider("shop", {
  kubeconfig: cluster.kubeconfigJson,
  // A name that never changes: a new kubeconfig of the same cluster replaces nothing.
  clusterIdentifier: "shop-on-eks",
  ...clusterSettings,
});

const ingress = new EncryptedIngress(
  "shop",
  {
    istio: { version: "1.31.0", profile: "ha" },
    namespaces: [{ name: "shop", onlyFromGateway: true }],
    gateway: {
      version: "0.8.7",
      replicas: 2,
      images: { redis: { tag: "7.4.1" } },
      serviceAnnotations: {
        "service.beta.kubernetes.io/aws-load-balancer-type": "nlb",
        "service.beta.kubernetes.io/aws-load-balancer-scheme": "internet-facing",
      },
    },
    certificate: { issuer: "generated" },
    hosts: [{ host: "shop.example.com", namespace: "shop", routes: [{ service: "storefront", port: 80 }] }],
  },
  // Nodes, too: what the cluster makes last.
  { provider, dependsOn: cluster },
);

export const address = ingress.gatewayAddress;
export const caCertificate = ingress.caCertificate;
