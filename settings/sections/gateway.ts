import {
  defaultCpuPercent,
  defaultGatewayNamespace,
  defaultLogLevel,
  defaultOutputPath,
  defaultWorkloadCertificateTtl,
  enrouteCharts,
  logLevels,
  maxWorkloadCertificateTtl,
  minWorkloadCertificateTtl,
  outputPathProblem,
} from "../../mesh/enroute";
import { defaultServiceType, serviceTypes } from "../../mesh/gateway-service";
import { defaultMinimumTlsVersion, defaultPrefix, isPattern, minimumTlsVersions } from "../../mesh/gateway-host";
import {
  array,
  checkedString,
  dnsLabel,
  duration,
  enumOf,
  hostName,
  integer,
  object,
  orNumber,
  record,
  string,
} from "../builders";
import { chart, create, image, injection, namespaceLabels, release } from "./common";

/* `gateway`: EnRoute; and `hosts`: what it serves. */

const chartImage = object({
  ...image,
  repository: image.repository.meta({ unset: "the chart's" }).exactOptional(),
  tag: image.tag.meta({ unset: "the chart's" }).exactOptional(),
});

const nodePort = integer(1, 65535).meta({ unset: "the cluster chooses it" });

const resources = object({
  requests: record
    .meta({ description: "What the container asks for.", examples: [{ cpu: "100m", memory: "128Mi" }], input: true })
    .exactOptional(),
  limits: record
    .meta({ description: "What the container may use at most.", examples: [{ memory: "1Gi" }], input: true })
    .exactOptional(),
});

const workloadCertificate = object({
  ttl: duration
    .meta({
      description: `Life of the certificate (\`SECRET_TTL\`), from \`${minWorkloadCertificateTtl}\` to \`${maxWorkloadCertificateTtl}\`, istiod's \`MAX_WORKLOAD_CERT_TTL\`; renewed at half life.`,
      examples: ["12h"],
      unset: `Istio's \`${defaultWorkloadCertificateTtl}\``,
    })
    .exactOptional(),
  outputPath: string("an absolute path such as /etc/istio-certs", /^\/[\w./-]*\w$/)
    .superRefine((folder, context) => {
      const why = outputPathProblem(folder);
      if (why !== undefined) context.addIssue({ code: "custom", message: why });
    })
    .meta({
      description:
        "Where the sidecar writes the certificate (`OUTPUT_CERTS`): a folder of its own, outside of Istio's mounts, without `..`.",
      examples: ["/etc/gateway-certs"],
      unset: `\`${defaultOutputPath}\``,
    })
    .exactOptional(),
});

export const gateway = object({
  ...chart("the chart `enroute`", enrouteCharts, "0.8.7"),
  namespace: object({
    name: dnsLabel.default(defaultGatewayNamespace).meta({
      description: "Name of the gateway's namespace; another than `istio.namespace.name`.",
      examples: ["ingress"],
    }),
    create,
    injection: injection.exactOptional(),
    labels: namespaceLabels,
  })
    .prefault({})
    .describe("Namespace of the gateway, which is a member of the mesh."),
  images: object({
    enroute: chartImage.describe("EnRoute's control plane, in the gateway's pod.").exactOptional(),
    redis: object({
      ...chartImage.shape,
      tag: image.tag.describe(
        "Fixed tag of the image; required, as the chart's own default is `latest`, other bits at every restart.",
      ),
    }).describe("Store of the rate limits."),
    envoy: chartImage.describe("The proxy.").exactOptional(),
  }).describe("Images of the gateway's pod."),
  replicas: integer(1, 100)
    .default(1)
    .meta({
      description: "Pods; above 1 with a disruption budget. Each pod counts rate limits for itself.",
      examples: [3],
    }),
  autoscaling: object({
    maxReplicas: integer(2, 1000).meta({
      description: "Most replicas, at least `gateway.replicas`, which is the least.",
      examples: [12],
    }),
    cpuPercent: integer(1, 100)
      .meta({
        description: "CPU use of the Envoy containers to keep, in percent of their request.",
        examples: [60],
        unset: `\`${defaultCpuPercent}\``,
      })
      .exactOptional(),
  })
    .meta({ description: "Scaling by load.", unset: "no autoscaling" })
    .exactOptional(),
  logLevel: enumOf(logLevels)
    .default(defaultLogLevel)
    .meta({
      examples: ["debug"],
      description: `Log level of Envoy: ${logLevels.map((level) => `\`${level}\``).join(", ")}.`,
    }),
  resources: object({
    enroute: resources.describe("Of EnRoute's control plane.").exactOptional(),
    redis: resources.describe("Of the store of the rate limits.").exactOptional(),
    envoy: resources.describe("Of the proxy.").exactOptional(),
  })
    .meta({
      description: "Requests and limits by container. The chart cannot size its cert-server.",
      unset: "Envoy asks for 200m and 256Mi",
    })
    .exactOptional(),
  workloadCertificate: workloadCertificate
    .meta({ description: "The gateway's mesh certificate, for the leg to the workloads.", unset: "Istio's defaults" })
    .exactOptional(),
  ingresses: object({
    reason: string("why Ingresses have to be served, in words").meta({
      description: "Why, in words; kept on the binding of the right.",
      examples: ["the shop's own charts bring Ingresses"],
    }),
  })
    .meta({
      description:
        "Gives EnRoute the right to list Ingresses. It then serves every Ingress of the cluster that has no class annotation, whatever its `ingressClassName`, in clear text on port 80; `verify` lists them.",
      unset: "EnRoute may not list Ingresses, and serves none",
    })
    .exactOptional(),
  service: object({
    type: enumOf(serviceTypes)
      .meta({
        description:
          "Type of the Service: `LoadBalancer` waits for an address from the cluster; `NodePort` opens a port of every node, for a load balancer of your own; `ClusterIP` is reached inside the cluster alone. Other than `LoadBalancer` it takes `/bin/sh` where Pulumi runs.",
        examples: ["NodePort"],
        unset: `\`${defaultServiceType}\``,
      })
      .exactOptional(),
    nodePorts: object({
      http: nodePort.meta({ description: "For port 80, which redirects.", examples: [30080] }).exactOptional(),
      https: nodePort.meta({ description: "For port 443.", examples: [30443] }).exactOptional(),
    })
      .meta({ description: "Ports of the nodes, not with `ClusterIP`.", unset: "the cluster chooses them" })
      .exactOptional(),
  })
    .meta({ description: "How clients come to the gateway.", unset: `type \`${defaultServiceType}\`` })
    .exactOptional(),
  serviceAnnotations: record
    .meta({
      description: "Annotations of the Service, for the cloud's controller.",
      examples: [{ "service.beta.kubernetes.io/aws-load-balancer-type": "nlb" }],
      secret: "may",
    })
    .exactOptional(),
  ...release({ nodeSelector: { pool: "edge" } }),
});

const route = object({
  prefix: checkedString(
    "a path prefix such as /api, without any of ^ + * [ ] %, by which EnRoute takes a path to be a regular expression",
    /^\/\S*$/,
    (prefix) => !isPattern(prefix),
  )
    .meta({
      description:
        "Path prefix, each once in a host; the longest that fits wins. It is compared as text: `/api` fits `/apis`, too.",
      examples: ["/api"],
      unset: `\`${defaultPrefix}\``,
    })
    .exactOptional(),
  service: dnsLabel.meta({
    description: "Name of a Service in the host's namespace.",
    examples: ["storefront"],
    input: true,
  }),
  port: integer(1, 65535).meta({ description: "Port of that Service.", examples: [80], input: true }),
  permitInsecure: object({
    reason: string("why clear text is needed there, in words").meta({
      description: "Why, in words; kept on the object.",
      examples: ["devices without TLS fetch their firmware here"],
    }),
  })
    .meta({
      description:
        "Serves the path in clear text on port 80, too, instead of sending clients to HTTPS. `verify` lets that path be, and no other.",
      unset: "no",
    })
    .exactOptional(),
});

const tlsVersion = enumOf(minimumTlsVersions);
/** One of `hosts`. */
export const host = object({
  host: hostName.meta({ description: "DNS name that clients use; each once.", examples: ["shop.example.com"] }),
  namespace: dnsLabel.meta({ description: "Namespace of its Services, one of `namespaces`.", examples: ["shop"] }),
  minimumTlsVersion: orNumber<typeof tlsVersion, 1.2 | 1.3>(tlsVersion)
    .meta({
      description: "Oldest TLS version that clients may speak: `1.2` or `1.3`.",
      enum: minimumTlsVersions.flatMap((version) => [version, Number(version)]),
    })
    .default(defaultMinimumTlsVersion),
  routes: array(route, "routes { prefix?, service, port }")
    .min(1, { error: "at least one route { prefix?, service, port }" })
    .describe("Where requests go, at least one, in any order: the longest prefix that fits wins."),
});

export const hosts = array(host, "hosts { host, namespace, routes }")
  .min(1, { error: "at least one host { host, namespace, routes }" })
  .describe("Hosts that the gateway serves over TLS, at least one.");
