import { z } from "zod";
import { defaultRootValidity } from "../mesh/authority";
import { certManagerGroup, managedSecretName } from "../mesh/cert-manager";
import { enrouteCharts } from "../mesh/enroute";
import { defaultHub, defaultTrustDomain, istioCharts } from "../mesh/istio";
import { defaultIntermediateValidity } from "../mesh/mesh-authority";
import { isPast } from "../mesh/mutual-tls-policies";
import { defaultValidity } from "../mesh/serving-certificate";
import {
  certificateName,
  chartRepository,
  dnsLabel,
  duration,
  exactVersion,
  flag,
  hostName,
  hours,
  ipAddress,
  list,
  object,
  oneOf,
  rootName,
  text,
  timeoutSeconds,
  tree,
  wholeNumber,
  words,
} from "./builders";

const chart = { version: exactVersion, timeoutSeconds: timeoutSeconds.exactOptional(), values: tree.exactOptional() };

const injectionLabelKeys = ["istio-injection", "istio.io/rev"];
const namespaceLabels = words
  .refine((labels) => injectionLabelKeys.every((key) => !(key in labels)), {
    error: `no ${injectionLabelKeys.join(" or ")} here: say it with injection. With both on one namespace Istio ignores the revision`,
  })
  .exactOptional();

const injectionForms = z.union([z.literal("enabled"), z.strictObject({ revision: dnsLabel })]);
// One message for whatever is wrong: the union's own would speak of its second form only.
const injection = z.custom<z.output<typeof injectionForms>>((value) => injectionForms.safeParse(value).success, {
  error: 'either "enabled" or { revision: <revision or tag> }, never both: with both labels Istio ignores the revision',
});

const create = z
  .union([z.boolean(), z.literal("adopt")], { error: "true, false, or adopt (take over one that exists)" })
  .default(true);

const namespace = object({
  name: dnsLabel,
  create,
  injection: injection.exactOptional(),
  labels: namespaceLabels,
});

const image = {
  repository: text(
    "an image repository such as docker.io/library/redis, without a tag",
    /^[a-z0-9]+([._:/-]+[a-z0-9]+)*$/,
  ),
  tag: text(
    "a fixed image tag such as 7.4.1, optionally pinned as 7.4.1@sha256:<64 hex digits>; not latest, which is other bits tomorrow",
    (tag) => /^[\w][\w.-]{0,127}(@sha256:[0-9a-f]{64})?$/.test(tag) && !/^latest(@|$)/.test(tag),
  ),
  pullPolicy: oneOf("Always", "IfNotPresent", "Never").exactOptional(),
};
const chartImage = object({ ...image, repository: image.repository.exactOptional(), tag: image.tag.exactOptional() });

const quantities = words.exactOptional();
const resources = object({ requests: quantities, limits: quantities });

const pem = (what: string) => text(`the PEM text of ${what}`, /-----BEGIN [A-Z0-9 ]+-----/);
const wholeHours = "@pulumi/tls counts hours, so nothing shorter";
const keyAlgorithm = oneOf("ECDSA-P256", "ECDSA-P384", "RSA-2048", "RSA-4096").exactOptional();
const warnBefore = duration.default("336h");
const generatedAuthority = {
  keyAlgorithm,
  caValidity: hours(2, 36500 * 24, wholeHours).default(defaultRootValidity),
  renewBefore: hours(1, 36500 * 24, wholeHours).exactOptional(),
  roots: list(rootName, "names such as 2026").min(1, { error: "at least one name such as 2026" }).exactOptional(),
  signer: rootName.exactOptional(),
};

const trustDomain = text("a trust domain such as cluster.local", /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);

const certificateAuthority = z.discriminatedUnion(
  "issuer",
  [
    object({ issuer: z.literal("istiod") }),
    object({
      issuer: z.literal("generated"),
      ...generatedAuthority,
      validity: hours(2, 36500 * 24, wholeHours).default(defaultIntermediateValidity),
      rootCertificates: pem("further roots that the mesh trusts").exactOptional(),
      warnBefore,
    }),
    object({
      issuer: z.literal("provided"),
      rootCertificates: pem("the mesh's roots"),
      roots: list(rootName, "names such as 2026").exactOptional(),
      certificateChain: pem("the CA that signs, its issuers after it"),
      privateKey: pem("the private key of the CA that signs"),
      warnBefore,
    }),
  ],
  { error: "an object with an issuer: one of istiod, generated, provided" },
);

const istio = object({
  ...chart,
  chartRepository: chartRepository.default(istioCharts),
  hub: text("a registry path such as docker.io/istio").default(defaultHub),
  tag: image.tag.exactOptional(),
  profile: oneOf("small", "standard", "ha").default("standard"),
  namespace: object({
    name: dnsLabel.default("istio-system"),
    create,
    labels: namespaceLabels,
  }).prefault({}),
  revision: dnsLabel.exactOptional(),
  trustDomain: trustDomain.default(defaultTrustDomain),
  trustDomainAliases: list(trustDomain, "trust domains").exactOptional(),
  ca: certificateAuthority.prefault({ issuer: "istiod" }),
  meshConfig: tree.exactOptional(),
});

const workloadCertificate = object({
  ttl: duration.exactOptional(),
  outputPath: text("an absolute path such as /etc/istio-certs", /^\/[\w./-]*\w$/).exactOptional(),
});

const gateway = object({
  ...chart,
  chartRepository: chartRepository.default(enrouteCharts),
  namespace: object({
    name: dnsLabel.default("enroute-system"),
    create,
    injection: injection.exactOptional(),
    labels: namespaceLabels,
  }).prefault({}),
  images: object({
    enroute: chartImage.exactOptional(),
    redis: chartImage.required({ tag: true }),
    envoy: chartImage.exactOptional(),
  }),
  replicas: wholeNumber(1, 100).default(1),
  autoscaling: object({
    maxReplicas: wholeNumber(2, 1000),
    cpuPercent: wholeNumber(1, 100).exactOptional(),
  }).exactOptional(),
  logLevel: oneOf("trace", "debug", "info", "warning", "error", "critical", "off").default("info"),
  resources: object({
    enroute: resources.exactOptional(),
    redis: resources.exactOptional(),
    envoy: resources.exactOptional(),
  }).exactOptional(),
  workloadCertificate: workloadCertificate.exactOptional(),
  serviceAnnotations: words.exactOptional(),
});

const host = object({
  host: hostName,
  namespace: dnsLabel,
  minimumTlsVersion: z
    .preprocess((version) => (typeof version === "number" ? String(version) : version), oneOf("1.2", "1.3"))
    .default("1.2"),
  routes: list(
    object({
      prefix: text("a path prefix such as /", /^\/\S*$/).exactOptional(),
      service: dnsLabel,
      port: wholeNumber(1, 65535),
      permitInsecure: object({ reason: text("why clear text is needed there, in words") }).exactOptional(),
    }),
    "routes { prefix?, service, port }",
  ).min(1, { error: "at least one route { prefix?, service, port }" }),
});

const names = {
  extraNames: list(certificateName, "DNS names").exactOptional(),
  ipAddresses: list(ipAddress, "IP addresses").exactOptional(),
};
const issuers = ["generated", "provided", "existingSecret", "certManager"] as const;
const certificate = z.discriminatedUnion(
  "issuer",
  [
    object({
      issuer: z.literal("generated"),
      ...names,
      ...generatedAuthority,
      // Clients refuse longer ones (CA/Browser Forum ballot SC-31, and Apple for every CA).
      validity: hours(2, 398 * 24, `clients take no more than 398 days, and ${wholeHours}`).default(defaultValidity),
      warnBefore,
    }),
    object({
      issuer: z.literal("provided"),
      certificateChain: pem("the certificate, its issuers after it"),
      privateKey: pem("the certificate's private key"),
      caCertificate: pem("the CA's certificate").exactOptional(),
      warnBefore,
    }),
    object({ issuer: z.literal("existingSecret"), secretName: dnsLabel, warnBefore }),
    object({
      issuer: z.literal("certManager"),
      issuerRef: object({
        name: text("the name of an Issuer or ClusterIssuer", /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/),
        kind: text("a kind such as Issuer or ClusterIssuer", /^[A-Z][A-Za-z]+$/).default("Issuer"),
        group: text("an API group such as cert-manager.io", /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/).default(
          certManagerGroup,
        ),
      }),
      secretName: dnsLabel.default(managedSecretName),
      ...names,
      keyAlgorithm,
      validity: duration.exactOptional(),
      renewBefore: duration.exactOptional(),
      caCertificate: pem("the CA's certificate").exactOptional(),
      warnBefore,
    }),
  ],
  { error: `an object with an issuer: one of ${issuers.join(", ")}` },
);

const exception = object({
  namespace: dnsLabel,
  workload: words.exactOptional(),
  ports: list(wholeNumber(1, 65535), "container ports")
    .min(1, { error: "at least one container port" })
    .exactOptional(),
  mode: oneOf("PERMISSIVE", "DISABLE"),
  reason: text("why plain text is needed there, in words"),
  owner: text("who answers for it: a person or a team"),
  until: z.preprocess(
    // YAML reads a day without quotes as a moment, which Pulumi writes out as Go does.
    (day) => (typeof day === "string" ? day.replace(/ 00:00:00 \+0000 UTC$/, "") : day),
    text("the last day of the exception, such as 2027-03-31", (day) => isPast(day, new Date()) !== undefined),
  ),
});

const deletionProtection = object({
  enabled: flag.default(false),
  except: list(
    object({
      object: text(
        "an object as Kind namespace/name, or Kind name outside of namespaces",
        /^[A-Z]\w* [^\s/]+(\/[^\s/]+)?$/,
      ),
      reason: text("why it may be deleted or replaced, in words"),
    }),
    "objects { object, reason }",
  ).default([]),
});

/** The shape of a stack's settings; loading also checks what takes more than one key to see. */
export const settingsSchema = object({
  kubeconfig: z.string({ error: "the path of a kubeconfig file" }).default(""),
  context: z.string({ error: "the name of a context of the kubeconfig" }).default(""),
  clusterIdentifier: z.string({ error: "a name of the cluster that never changes" }).default(""),
  takeOverFrom: z
    .literal("")
    .or(text("the name of a stack as organization/project/stack", /^[^/\s]+\/[^/\s]+\/[^/\s]+$/))
    .default(""),
  kubernetesPluginVersion: z.literal("").or(exactVersion).default(""),
  istio,
  namespaces: list(namespace, "namespaces { name, create?, injection?, labels? }").default([]),
  gateway,
  hosts: list(host, "hosts { host, namespace, routes }").min(1, {
    error: "at least one host { host, namespace, routes }",
  }),
  certificate,
  mutualTls: object({ exceptions: list(exception, "exceptions").default([]) }).prefault({}),
  prometheus: object({
    ...chart,
    chartRepository: chartRepository.default("https://prometheus-community.github.io/helm-charts"),
    retention: text("a duration such as 15d", /^\d+[smhdwy]$/).exactOptional(),
    storage: text("a size such as 20Gi", /^\d+(Mi|Gi|Ti)$/).exactOptional(),
  }).exactOptional(),
  kiali: object({
    ...chart,
    chartRepository: chartRepository.default("https://kiali.org/helm-charts"),
    authentication: oneOf("token", "anonymous").default("token"),
    viewOnly: flag.default(true),
  }).exactOptional(),
  bookinfo: object({
    namespace: dnsLabel,
    version: exactVersion,
    hub: text("a registry path").default(defaultHub),
  }).exactOptional(),
  verifyAfterUp: flag.default(false),
  deletionProtection: deletionProtection.prefault({}),
});

/** Everything that a stack decides, checked and with defaults filled in. */
export type Settings = z.output<typeof settingsSchema>;

/** The same as a person writes it: what has a default may be left out. */
export type SettingsInput = z.input<typeof settingsSchema>;

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
  /** How to set a key, for the error text, where that is not the usual way. */
  howToSet?: string;
}
