import { ingressesAnnotation } from "../base/annotations";
import type { Values } from "../base/merge";
import { type PullPolicy, defaultOutputPath, defaultPullPolicy, enroute } from "./enroute";
import { type GatewayServiceArgs, gatewayServiceValues } from "./gateway-service";
import type { IngressSupport } from "./gateway-rights";
import { chartImages, pullSecretValues, relocated } from "./images";

export {
  defaultOutputPath,
  defaultWorkloadCertificateTtl,
  enroute,
  maxWorkloadCertificateTtl,
  minWorkloadCertificateTtl,
  ttlProblem,
} from "./enroute";

/** One container image. */
export interface Image {
  /** Repository without tag. @default the chart's */
  repository?: string;
  /** Tag, optionally pinned by digest: `1.2.3` or `1.2.3@sha256:…`. @default the chart's */
  tag?: string;
  /** When the kubelet pulls. @default "IfNotPresent" (the chart's own default is Always, even for fixed tags) */
  pullPolicy?: PullPolicy;
}

/** Images of the gateway's pod. The tag of redis is required: the chart's default is `latest`, other bits at every restart. */
export interface GatewayImages {
  /** EnRoute's control plane, and the init container that writes Envoy's bootstrap. */
  enroute?: Image;
  /** Store of the rate limits. */
  redis: Image & { tag: string };
  envoy?: Image;
}

/** Requests and limits of a container. */
export interface Resources {
  requests?: Record<string, string>;
  limits?: Record<string, string>;
}

/** Certificate that Istio issues to the gateway for the leg to the workloads. */
export interface WorkloadCertificate {
  /** Life of a certificate (SECRET_TTL), a Go duration. The agent renews at half life. @default Istio's 24h */
  ttl?: string;
  /** Folder in the sidecar where the agent writes the certificates (OUTPUT_CERTS). @default "/etc/istio-certs" */
  outputPath?: string;
}

export interface EnRouteValuesArgs {
  replicas: number;
  images: GatewayImages;
  /** Registry of the images, in the place of each one's host. */
  registry?: string | undefined;
  /** Names of Secrets by which the images are pulled. */
  imagePullSecrets?: string[] | undefined;
  logLevel: string;
  resources?: { enroute?: Resources; redis?: Resources; envoy?: Resources } | undefined;
  workloadCertificate?: WorkloadCertificate | undefined;
  serviceAnnotations?: Values | undefined;
  service?: GatewayServiceArgs | undefined;
  ingresses: IngressSupport;
}

/** Requests that the gateway's containers have where a stack sets no others: the autoscaler counts by Envoy's. */
export const defaultGatewayResources = { envoy: { requests: { cpu: "200m", memory: "256Mi" } } };

/** Helm values of the chart `enroute`. */
export function enrouteValues(args: EnRouteValuesArgs): Values {
  return {
    replicaCount: args.replicas,
    // Adds the cert-server and the shared volume through which the gateway gets its mesh certificate.
    istio: {
      enable: true,
      // It would make a second mesh-wide policy; MeshMutualTls owns the one there is.
      strictmtls: false,
    },
    // A change of the right to list Ingresses starts the pods anew, after it.
    podAnnotations: { [ingressesAnnotation]: args.ingresses },
    istioPodAnnotations: istioAnnotations(args.workloadCertificate ?? {}),
    images: {
      enrouteService: image(args.images.enroute, chartImages.enroute.enrouteService, args.registry),
      redis: image(args.images.redis, chartImages.enroute.redis, args.registry),
      envoy: image(args.images.envoy, chartImages.enroute.envoy, args.registry),
    },
    ...pullSecretValues(args.imagePullSecrets),
    envoySettings: { logLevel: args.logLevel },
    resources: {
      enrouteService: args.resources?.enroute ?? {},
      redis: args.resources?.redis ?? {},
      envoy: args.resources?.envoy ?? {},
    },
    service: { annotations: args.serviceAnnotations ?? {}, ...gatewayServiceValues(args.service) },
    // The chart's own rule selects a label that none of its pods has, so it keeps nothing apart.
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map(
          (topologyKey) => ({
            weight: 100,
            podAffinityTerm: { topologyKey, labelSelector: { matchLabels: { ...enroute.selector } } },
          }),
        ),
      },
    },
  };
}

/**
 * The annotations that hand Istio's certificates to the gateway, each written whole: the chart keeps a YAML text in one and a
 * JSON text in the other, and overriding part of such a text would lose the rest.
 */
function istioAnnotations({ ttl, outputPath = defaultOutputPath }: WorkloadCertificate): Record<string, string> {
  const metadata = [`OUTPUT_CERTS: ${outputPath}`, ...(ttl === undefined ? [] : [`SECRET_TTL: ${ttl}`])];
  return {
    "proxy.istio.io/config": ["proxyMetadata:", ...metadata.map((line) => `  ${line}`), ""].join("\n"),
    // The sidecar writes to the volume that the cert-server reads, wherever the sidecar has it mounted.
    "sidecar.istio.io/userVolumeMount": JSON.stringify([{ name: "istio-certs", mountPath: outputPath }]),
  };
}

function image(
  { repository: own, tag, pullPolicy = defaultPullPolicy }: Image = {},
  byDefault: string,
  registry: string | undefined,
): Values {
  const repository = registry === undefined ? own : relocated(own ?? byDefault, registry);
  return { ...(repository === undefined ? {} : { repository }), ...(tag === undefined ? {} : { tag }), pullPolicy };
}
