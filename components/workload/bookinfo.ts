import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { defaultHub } from "../../mesh/istio";
import { checkedArguments } from "../arguments";
import { fixedName } from "../chart";

export interface BookinfoArgs {
  /** Namespace, which must exist and be labelled for injection before a pod starts. */
  namespace: string;
  /** Version of the sample's images, such as `1.20.3`. */
  version: string;
  /** Registry path of the images. @default "docker.io/istio" */
  hub?: string;
  /** Names of Secrets by which the images, the sidecar's too, are pulled. @default none */
  imagePullSecrets?: string[];
}

const services = [
  { app: "details", versions: ["v1"] },
  { app: "ratings", versions: ["v1"] },
  { app: "reviews", versions: ["v1", "v2", "v3"] },
  { app: "productpage", versions: ["v1"] },
];
const port = 9080;

/** Folders that an application writes to. */
function scratch(app: string): { name: string; mountPath: string }[] {
  const tmp = { name: "tmp", mountPath: "/tmp" };
  if (app === "reviews") return [tmp, { name: "wlp-output", mountPath: "/opt/ibm/wlp/output" }];
  return app === "productpage" ? [tmp] : [];
}

/**
 * Istio's sample application: four services, of which `productpage` (port 9080) is the way in.
 *
 * @example
 * new Bookinfo("bookinfo", { namespace: "bookinfo", version: "1.20.3" }, { provider: cluster });
 */
export class Bookinfo extends pulumi.ComponentResource {
  constructor(name: string, args: BookinfoArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:workload:Bookinfo", name, {}, opts);
    args = checkedArguments(this, { type: "Bookinfo", name }, args);
    const hub = args.hub ?? defaultHub;
    const { namespace } = args;
    const pullSecrets = (args.imagePullSecrets ?? []).map((secret) => ({ name: secret }));
    for (const { app, versions } of services) {
      const account = new k8s.core.v1.ServiceAccount(
        `${name}-${app}`,
        { metadata: { name: `bookinfo-${app}`, namespace, labels: { account: app } } },
        { parent: this, ...fixedName },
      );
      for (const version of versions) {
        const labels = { app, version };
        const mounts = scratch(app);
        new k8s.apps.v1.Deployment(
          `${name}-${app}-${version}`,
          {
            metadata: { name: `${app}-${version}`, namespace, labels },
            spec: {
              replicas: 1,
              selector: { matchLabels: labels },
              template: {
                metadata: {
                  labels,
                  ...(app === "productpage"
                    ? {
                        annotations: {
                          "prometheus.io/scrape": "true",
                          "prometheus.io/port": String(port),
                          "prometheus.io/path": "/metrics",
                        },
                      }
                    : {}),
                },
                spec: {
                  serviceAccountName: account.metadata.name,
                  ...(pullSecrets.length === 0 ? {} : { imagePullSecrets: pullSecrets }),
                  containers: [
                    {
                      name: app,
                      image: `${hub}/examples-bookinfo-${app}-${version}:${args.version}`,
                      imagePullPolicy: "IfNotPresent",
                      ports: [{ containerPort: port }],
                      ...(app === "reviews" ? { env: [{ name: "LOG_DIR", value: "/tmp/logs" }] } : {}),
                      ...(mounts.length > 0 ? { volumeMounts: mounts } : {}),
                    },
                  ],
                  ...(mounts.length > 0
                    ? { volumes: mounts.map((mount) => ({ name: mount.name, emptyDir: {} })) }
                    : {}),
                },
              },
            },
          },
          { parent: this, ...fixedName },
        );
      }
      new k8s.core.v1.Service(
        `${name}-${app}`,
        {
          metadata: {
            name: app,
            namespace,
            labels: { app, service: app },
            // The Deployments are awaited; waiting for the Service's endpoints would be the same wait once more.
            annotations: { "pulumi.com/skipAwait": "true" },
          },
          spec: { selector: { app }, ports: [{ name: "http", port }] },
        },
        { parent: this, ...fixedName },
      );
    }
    this.registerOutputs({});
  }
}
