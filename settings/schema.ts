import { z } from "zod";
import type { Encrypted, Path } from "../base/encrypted";
import {
  defaultAuthentication,
  defaultRetention,
  kialiAuthentications,
  kialiCharts,
  prometheusCharts,
} from "../mesh/charts";
import { defaultHub } from "../mesh/istio";
import { exceptionModes, isPast } from "../mesh/mutual-tls-policies";
import {
  array,
  boolean,
  checkedString,
  dnsLabel,
  enumOf,
  exactVersion,
  integer,
  object,
  record,
  string,
} from "./builders";
import { certificate } from "./sections/certificate";
import { chart, create, injection, namespaceLabels, release } from "./sections/common";
import { gateway, hosts } from "./sections/gateway";
import { istio } from "./sections/istio";

/** One of `namespaces`. */
export const namespace = object({
  name: dnsLabel.meta({ description: "Name of the namespace; each once.", examples: ["shop"] }),
  create,
  injection: injection.exactOptional(),
  labels: namespaceLabels,
  onlyFromGateway: boolean
    .meta({
      description:
        "`true`: its workloads take requests from the gateway's identity alone; everybody else's get 403, those of neighbours in the namespace, too.",
      examples: [true],
      unset: "`false`",
    })
    .exactOptional(),
});

/** One of `mutualTls.exceptions`. */
export const exception = object({
  namespace: dnsLabel.meta({ description: "Namespace of the workloads, a member of the mesh.", examples: ["shop"] }),
  workload: record
    .meta({
      description: "Labels that select the workload.",
      examples: [{ app: "legacy-metrics" }],
      unset: "the whole namespace",
    })
    .exactOptional(),
  ports: array(integer(1, 65535).meta({ description: "A container port.", examples: [9102] }), "container ports")
    .min(1, { error: "at least one container port" })
    .meta({
      description: "Container ports, not those of a Service; needs `workload`.",
      examples: [[9102]],
      unset: "all ports",
    })
    .exactOptional(),
  mode: enumOf(exceptionModes).describe("`PERMISSIVE` (both) or `DISABLE` (plain text only)."),
  reason: string("why plain text is needed there, in words").meta({
    description: "Why, in words; kept on the object.",
    examples: ["scraped by a collector outside the mesh"],
  }),
  owner: string("who answers for it: a person or a team").meta({
    description: "Who answers for it, a person or a team; kept on the object.",
    examples: ["observability@example.com"],
  }),
  until: z
    .preprocess(
      // YAML reads a day without quotes as a moment, which Pulumi writes out as Go does.
      (day: string) => (typeof day === "string" ? day.replace(/ 00:00:00 \+0000 UTC$/, "") : day),
      checkedString(
        "the last day of the exception, such as 2027-03-31",
        /^\d{4}-\d{2}-\d{2}$/,
        (day) => isPast(day, new Date()) !== undefined,
      ),
    )
    .meta({
      description:
        "Its last day (UTC); kept on the object. A preview warns of one that is over, and the policies refuse it.",
      examples: ["2027-03-31"],
    }),
});

/** The host of a registry, as the configuration of Docker names it. */
export const registryHostText = string(
  "the host of a registry such as registry.example.com",
  /^[a-z0-9][\w.-]*(:\d+)?$/i,
);

/** One of `imagePullSecrets`. */
export const pullSecret = object({
  name: dnsLabel.meta({
    description: "Name of the Secret; it must be in every namespace of the stack, unless it is made from `password`.",
    examples: ["registry-login"],
  }),
  registry: registryHostText
    .meta({ description: "Host of the registry, where the Secret is made.", examples: ["registry.example.com"] })
    .exactOptional(),
  username: string("a user name")
    .meta({ description: "User of the registry, where the Secret is made.", examples: ["robot"], secret: "may" })
    .exactOptional(),
  password: string("a password or token")
    .meta({
      description:
        "Password or token of the user: the stack makes the Secret in its namespaces. It must be a secret: `pulumi config set --secret`.",
      examples: [{ secure: "AAABAMcG5Q0=" }],
      secret: "must",
      unset: "the Secret is there",
    })
    .exactOptional(),
});

const deletionProtection = object({
  enabled: boolean.default(false).describe("`true`: the engine refuses to delete or replace objects of the cluster."),
  except: array(
    object({
      object: string(
        "an object as Kind namespace/name, or Kind name outside of namespaces",
        /^[A-Z]\w* [^\s/]+(\/[^\s/]+)?$/,
      ).meta({
        description: "The object, as `Kind namespace/name`, or `Kind name` outside of namespaces.",
        examples: ["GatewayHost shop/shop.example.com"],
      }),
      reason: string("why it may be deleted or replaced, in words").meta({
        description: "Why it may go, in words.",
        examples: ["the shop moves to shop.example.org"],
      }),
    }),
    "objects { object, reason }",
  )
    .default([])
    .meta({ description: "Objects that may be deleted or replaced.", unset: "none" }),
});

/** `prometheus`. */
export const prometheus = object({
  ...chart("the chart `prometheus`", prometheusCharts, "29.27.0"),
  retention: string("a duration such as 15d", /^\d+[smhdwy]$/)
    .meta({
      description: "How long samples are kept.",
      examples: ["30d"],
      unset: `\`${defaultRetention}\``,
      input: true,
    })
    .exactOptional(),
  storage: string("a size such as 20Gi", /^\d+(Mi|Gi|Ti)$/)
    .meta({
      description: "Size of its volume.",
      examples: ["20Gi"],
      unset: "none: samples live as long as the pod",
      input: true,
    })
    .exactOptional(),
  ...release({ server: { replicaCount: 2 } }),
});

/** `kiali`. */
export const kiali = object({
  ...chart("the chart `kiali-server`", kialiCharts, "2.29.0"),
  authentication: enumOf(kialiAuthentications)
    .default(defaultAuthentication)
    .describe("How people log in: `token` (of a service account) or `anonymous`."),
  viewOnly: boolean.default(true).describe("`true`: no rights to change the cluster."),
  ...release({ deployment: { replicas: 2 } }),
});

/** `bookinfo`. */
export const bookinfo = object({
  namespace: dnsLabel.meta({ description: "Its namespace, one of `namespaces`.", examples: ["bookinfo"] }),
  version: exactVersion.meta({ description: "Exact version of the images.", examples: ["1.20.3"] }),
  hub: string("a registry path")
    .default(defaultHub)
    .meta({ description: "Registry path of the images.", examples: ["registry.example.com/istio"] }),
});

/** The shape of a stack's settings; loading also checks what takes more than one key to see. */
export const settingsSchema = object({
  kubeconfig: z
    .string({ error: "the path of a kubeconfig file" })
    .default("")
    .meta({
      description:
        "Path of a kubeconfig file; `~/` is your home, other relative paths start at the project's folder. Or the text of one, as a secret. One of `kubeconfig` and `context` is needed.",
      secret: "may",
      examples: ["~/.kube/prod"],
      unset: "`KUBECONFIG` or `~/.kube/config`",
    }),
  context: z
    .string({ error: "the name of a context of the kubeconfig" })
    .default("")
    .meta({
      description: "Context of the kubeconfig. One of `kubeconfig` and `context` is needed.",
      examples: ["prod"],
      unset: "the file's current one",
    }),
  clusterIdentifier: z
    .string({ error: "a name of the cluster that never changes" })
    .default("")
    .meta({
      description:
        "A name of the cluster that never changes; needed without `context`. While it stays, new credentials or another path replace nothing; when it changes, everything moves to another cluster.",
      examples: ["prod-eu"],
      unset: "`context`",
    }),
  takeOverFrom: z
    .literal("")
    .or(string("the name of a stack as organization/project/stack", /^[^/\s]+\/[^/\s]+\/[^/\s]+$/))
    .default("")
    .meta({
      description:
        "Name (organization/project/stack) of a stack that is gone, whose mesh in this cluster becomes this stack's.",
      examples: ["acme/enroute-istio/prod-old"],
      unset: "none",
    }),
  kubernetesPluginVersion: z
    .literal("")
    .or(exactVersion)
    .default("")
    .meta({
      description:
        "Exact version of Pulumi's kubernetes plugin, for machines that have another one and cannot download it (4.25.0 or newer).",
      examples: ["4.34.2"],
      unset: "that of the npm package",
    }),
  registry: string(
    "a registry, or a path in one, such as registry.example.com/mirror; no scheme",
    /^[a-z0-9][\w.-]*(:\d+)?(\/[\w.-]+)*$/i,
  )
    .meta({
      description:
        "Registry that all images of the charts and the sample come from: it takes the place of each one's host, and the path stays. The chart `enroute` fixes the image of its cert-server, which a mirror of the nodes has to serve.",
      examples: ["registry.example.com/mirror"],
      unset: "each image's own",
    })
    .exactOptional(),
  imagePullSecrets: array(pullSecret, "Secrets { name, registry?, username?, password? }").default([]).meta({
    description:
      "Secrets by which the pods of the rollout, and the sidecars of workloads, pull their images; in every namespace of the stack.",
    unset: "none",
  }),
  istio: istio.describe("Istio's control plane."),
  namespaces: array(namespace, "namespaces { name, create?, injection?, labels?, onlyFromGateway? }").default([]).meta({
    description: "The workloads' namespaces. Pods in them get a sidecar; hosts can only route to Services in them.",
    unset: "none",
  }),
  gateway: gateway.describe("EnRoute, the ingress gateway."),
  hosts,
  certificate,
  mutualTls: object({
    exceptions: array(exception, "exceptions").default([]).meta({
      description: "Places that take plain text, and why. What Istio would silently ignore is refused.",
      unset: "none",
    }),
  })
    .prefault({})
    .describe("Mutual TLS, which is STRICT everywhere else."),
  prometheus: prometheus
    .meta({ description: "The Prometheus that Kiali reads.", unset: "not installed" })
    .exactOptional(),
  kiali: kiali
    .meta({ description: "Kiali, the picture of the mesh; needs `prometheus`.", unset: "not installed" })
    .exactOptional(),
  bookinfo: bookinfo.meta({ description: "Istio's sample workload.", unset: "not installed" }).exactOptional(),
  verifyAfterUp: boolean.default(false).describe("`true`: `pulumi up` ends with `verify`, and fails where that fails."),
  deletionProtection: deletionProtection.prefault({}).describe("What the engine may not delete."),
});

/** Everything that a stack decides, checked and with defaults filled in. */
export type Settings = z.output<typeof settingsSchema> & {
  /** Paths of the secrets among them: what the stack's file encrypts, and private keys. Missing where there are none. */
  secretPaths?: readonly Path[];
};

export type { SettingsInput } from "./input";

/** The configuration of a stack, as the engine hands it to a program. */
export interface StackConfiguration {
  /** Name of the project: the namespace of the keys. */
  project: string;
  /** Name of the stack, for the error text. */
  stack: string;
  /** Every configuration value by full key (`project:key`); objects as JSON text, secrets decrypted. */
  values: Record<string, string>;
  /** Full keys whose value holds a secret. */
  secretKeys: readonly string[];
  /** Which values those are, where that is known. @default everything below `secretKeys` may be one */
  encrypted?: Encrypted;
  /** The settings are an object of a program: nothing of them stands in a file. */
  isObject?: boolean;
  /** How to set a key, for the error text, where that is not the usual way. */
  howToSet?: string;
  /** Path of the stack's file, from the project's folder, for the error text. */
  file?: string;
}
