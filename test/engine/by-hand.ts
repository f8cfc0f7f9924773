import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Sandbox } from "../../sandbox/cluster";
import { type Issued, issue } from "../unit/certificates";
import { succeed } from "./sandbox-fixture";

/* What somebody does by hand who follows the article that this project is made after: helm and kubectl, step by step. */

export const handMade = {
  namespace: "shop",
  host: "shop.example.com",
  secret: "shop-tls",
} as const;

export interface HandMade {
  certificate: Issued;
}

/** Installs Istio, a workload, EnRoute and its configuration. */
export async function installByHand(sandbox: Sandbox): Promise<HandMade> {
  const options = { sandbox, cwd: sandbox.folder };
  const kubectl = (...args: string[]) => succeed("kubectl", args, options);
  // Helm prefers a folder of the chart's name, such as one of the checkout's.
  const helm = (release: string, chart: string, namespace: string, version: string, ...more: string[]) =>
    succeed(
      "helm",
      [
        ...["install", release, chart, "--repo", sandbox.chartRepository, "--version", version],
        ...["--namespace", namespace, "--wait", "--timeout=90s", ...more],
      ],
      options,
    );
  await helm("istio-base", "base", "istio-system", "1.31.0", "--create-namespace");
  await helm(
    "istiod",
    "istiod",
    "istio-system",
    "1.31.0",
    "--set",
    "global.hub=docker.io/istio,global.tag=1.31.0,resources.requests.cpu=200m",
  );
  for (const namespace of [handMade.namespace, "enroute-system"]) {
    await kubectl("create", "namespace", namespace);
    await kubectl("label", "namespace", namespace, "istio-injection=enabled");
  }
  // The chart binds its role to nobody: without this the gateway cannot list its routes, and is never ready.
  await kubectl(
    ...["create", "clusterrolebinding", "enroute", "--clusterrole=enroute"],
    "--serviceaccount=enroute-system:enroute",
  );
  await helm(
    "enroute-istio",
    "enroute",
    "enroute-system",
    "0.8.7",
    "--set",
    "istio.enable=true",
    "--set",
    "images.redis.tag=7.4.1",
  );
  const certificate = await issue({ hosts: [handMade.host] });
  const [cert, key] = [join(sandbox.folder, "shop.crt"), join(sandbox.folder, "shop.key")];
  writeFileSync(cert, certificate.certificate);
  writeFileSync(key, certificate.privateKey, { mode: 0o600 });
  await kubectl("create", "secret", "tls", handMade.secret, "-n", handMade.namespace, `--cert=${cert}`, `--key=${key}`);
  await apply(sandbox, [...workload(), ...configuration()]);
  return { certificate };
}

/** `kubectl apply`, which is how people leave objects behind. */
export async function apply(sandbox: Sandbox, items: object[]): Promise<void> {
  const file = join(sandbox.folder, `by-hand-${process.pid}.json`);
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  await succeed("kubectl", ["apply", "--filename", file], { sandbox });
}

function workload(): object[] {
  const { namespace } = handMade;
  const labels = { app: "storefront" };
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "storefront", namespace, labels },
      spec: { selector: labels, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "storefront", namespace, labels },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            containers: [{ name: "app", image: "example.com/storefront:1.0.0", ports: [{ containerPort: 8080 }] }],
          },
        },
      },
    },
  ];
}

function configuration(): object[] {
  const { namespace, host, secret } = handMade;
  const enroute = "enroute.saaras.io/v1";
  return [
    {
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { name: "strict", namespace: "istio-system" },
      spec: { mtls: { mode: "STRICT" } },
    },
    {
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { name: "legacy", namespace },
      spec: {
        selector: { matchLabels: { app: "legacy" } },
        mtls: { mode: "STRICT" },
        portLevelMtls: { "9102": { mode: "PERMISSIVE" } },
      },
    },
    {
      apiVersion: enroute,
      kind: "GlobalConfig",
      metadata: { name: "enable-istio", namespace: "enroute-system" },
      spec: {
        name: "enable-istio",
        type: "globalconfig_globals",
        config: '{"linkerd_enabled": false, "istio_enabled": true}',
      },
    },
    {
      apiVersion: enroute,
      kind: "GatewayHost",
      metadata: { name: "shop", namespace },
      spec: {
        virtualhost: { fqdn: host, tls: { secretName: secret } },
        routes: [{ conditions: [{ prefix: "/" }], services: [{ name: "storefront", port: 80 }] }],
      },
    },
  ];
}
