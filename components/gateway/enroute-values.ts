import type { Values } from "../../base/merge";
import { type PullPolicy, defaultOutputPath, defaultPullPolicy, enroute } from "../../mesh/enroute";

export {
  defaultOutputPath,
  defaultWorkloadCertificateTtl,
  enroute,
  maxWorkloadCertificateTtl,
  minWorkloadCertificateTtl,
  ttlProblem,
} from "../../mesh/enroute";

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
  logLevel: string;
  resources?: { enroute?: Resources; redis?: Resources; envoy?: Resources } | undefined;
  workloadCertificate?: WorkloadCertificate | undefined;
  serviceAnnotations?: Record<string, string> | undefined;
}

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
    istioPodAnnotations: istioAnnotations(args.workloadCertificate ?? {}),
    images: {
      enrouteService: image(args.images.enroute),
      redis: image(args.images.redis),
      envoy: image(args.images.envoy),
    },
    envoySettings: { logLevel: args.logLevel },
    resources: {
      enrouteService: args.resources?.enroute ?? {},
      redis: args.resources?.redis ?? {},
      envoy: args.resources?.envoy ?? {},
    },
    service: { annotations: args.serviceAnnotations ?? {} },
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
    // With the chart's own blanks: another text would restart a gateway that somebody installed by hand when it is adopted.
    "sidecar.istio.io/userVolumeMount": `[{"name": "istio-certs", "mountPath": ${JSON.stringify(outputPath)}}]`,
  };
}

function image({ repository, tag, pullPolicy = defaultPullPolicy }: Image = {}): Values {
  return { ...(repository === undefined ? {} : { repository }), ...(tag === undefined ? {} : { tag }), pullPolicy };
}
