import { isAbsolute, resolve } from "node:path";
import { z } from "zod";
import { managedSecretName } from "../components/certificates/cert-manager";
import {
  authorityProblems,
  certificateProblems,
  commonName,
  endOfValidity,
  isPubliclyTrusted,
  parseChain,
  rootCertificateProblems,
} from "../base/certificate";
import { retiredHosts } from "../components/chart";
import { durationSeconds } from "../base/duration";
import { maxWorkloadCertificateTtl, ttlProblem } from "../components/gateway/enroute-values";
import {
  defaultIntermediateValidity,
  intermediateLife,
  meshRoots,
} from "../components/certificates/mesh-certificate-authority";
import type { Injection } from "../components/istio/mesh-namespace";
import { exceptionProblems, isPast } from "../mesh/mutual-tls-policies";
import { defaultValidity, leafLife, servingRoots } from "../components/certificates/serving-certificate";
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
  nearest,
  object,
  oneOf,
  rootName,
  text,
  timeoutSeconds,
  tree,
  wholeNumber,
  words,
} from "./builders";
import { type Problem, SettingsError, describeProblems, problem } from "./error";

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

const namespace = object({
  name: dnsLabel,
  create: flag.default(true),
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
  caValidity: hours(2, 36500 * 24, wholeHours).default("87600h"),
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
  chartRepository: chartRepository.default("https://blob.istio.io/istio-release/charts"),
  hub: text("a registry path such as docker.io/istio").default("docker.io/istio"),
  tag: image.tag.exactOptional(),
  profile: oneOf("small", "standard", "ha").default("standard"),
  namespace: object({
    name: dnsLabel.default("istio-system"),
    create: flag.default(true),
    labels: namespaceLabels,
  }).prefault({}),
  revision: dnsLabel.exactOptional(),
  trustDomain: trustDomain.default("cluster.local"),
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
  chartRepository: chartRepository.default("https://helm.getenroute.io"),
  namespace: object({
    name: dnsLabel.default("enroute-system"),
    create: flag.default(true),
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
          "cert-manager.io",
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

/** The shape of a stack's settings; {@link loadSettings} also checks what takes more than one key to see. */
export const settingsSchema = object({
  kubeconfig: z.string({ error: "the path of a kubeconfig file" }).default(""),
  context: z.string({ error: "the name of a context of the kubeconfig" }).default(""),
  clusterIdentifier: z.string({ error: "a name of the cluster that never changes" }).default(""),
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
    hub: text("a registry path").default("docker.io/istio"),
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

const scalarKeys = ["kubeconfig", "context", "clusterIdentifier"];

/**
 * The settings of a stack. Throws one {@link SettingsError} that names everything that is wrong. Keys of other namespaces
 * (`kubernetes:…`, `pulumi:…`) are the engine's business.
 */
export function loadSettings(configuration: StackConfiguration, now: Date = new Date()): Settings {
  const input: Record<string, unknown> = {};
  for (const [fullKey, value] of Object.entries(configuration.values)) {
    const [project, key] = fullKey.split(/:(.*)/s) as [string, string];
    if (project !== configuration.project) continue;
    if (scalarKeys.includes(key)) {
      input[key] = value;
    } else {
      try {
        input[key] = JSON.parse(value) as unknown;
      } catch {
        input[key] = value;
      }
    }
  }
  return checkSettings(input, configuration, now);
}

/**
 * As {@link loadSettings}, for settings that a program holds as an object: checked by the same schema, with the same errors.
 * What is secret in it never becomes configuration, so nothing must be marked.
 */
export function settingsOf(
  input: unknown,
  where: Pick<StackConfiguration, "project" | "stack">,
  now: Date = new Date(),
): Settings {
  const howToSet = "  Correct the settings object; docs/environments.md describes every key.";
  const settings = checkSettings(
    input,
    { ...where, values: {}, secretKeys: [`${where.project}:certificate`], howToSet },
    now,
  );
  if (atFolder(settings, "/") === settings) return settings;
  const why = "an absolute path: an object has no folder that a relative one could start from";
  throw new SettingsError([problem("kubeconfig", settings.kubeconfig, why)], { ...where, howToSet });
}

function checkSettings(input: unknown, configuration: StackConfiguration, now: Date): Settings {
  const parsed = settingsSchema.safeParse(input);
  const problems = parsed.success
    ? crossProblems(parsed.data, configuration, now)
    : describeProblems(parsed.error, input);
  if (problems.length > 0) throw new SettingsError(problems, configuration);
  return parsed.data!;
}

/** The settings with a `kubeconfig` that is right from everywhere: a relative path starts from this folder. */
export function atFolder(settings: Settings, folder: string): Settings {
  const { kubeconfig } = settings;
  const isRelative = kubeconfig !== "" && !isAbsolute(kubeconfig) && !kubeconfig.startsWith("~/");
  return isRelative ? { ...settings, kubeconfig: resolve(folder, kubeconfig) } : settings;
}

/** Problems that take more than one key to see. */
function crossProblems(settings: Settings, configuration: StackConfiguration, now: Date): Problem[] {
  return [
    ...clusterProblems(settings),
    ...namespaceProblems(settings),
    ...hostProblems(settings),
    ...servingCertificateProblems(settings, configuration, now),
    ...workloadTtlProblems(settings),
    ...meshAuthorityProblems(settings, configuration, now),
    ...(settings.gateway.autoscaling !== undefined &&
    settings.gateway.autoscaling.maxReplicas < settings.gateway.replicas
      ? [
          problem(
            "gateway.autoscaling.maxReplicas",
            settings.gateway.autoscaling.maxReplicas,
            "at least gateway.replicas",
          ),
        ]
      : []),
    ...(settings.kiali !== undefined && settings.prometheus === undefined
      ? [problem("kiali", "no prometheus", "kiali together with prometheus: without it Kiali is up but empty")]
      : []),
    ...exceptionProblems(settings.mutualTls.exceptions, settings.istio.namespace.name).map(({ index, problem: why }) =>
      problem(`mutualTls.exceptions[${index}]`, settings.mutualTls.exceptions[index], why),
    ),
  ];
}

function clusterProblems({ kubeconfig, context, clusterIdentifier }: Settings): Problem[] {
  if (kubeconfig === "" && context === "")
    return [
      problem(
        "kubeconfig",
        undefined,
        "the path of a kubeconfig file here, or the name of a context in context: a stack names its cluster, it never takes the one that the shell happens to point at",
      ),
    ];
  if (context === "" && clusterIdentifier === "")
    return [
      problem(
        "clusterIdentifier",
        undefined,
        "a name of the cluster that never changes, as no context is named: without it a new kubeconfig would replace every resource",
      ),
    ];
  return [];
}

function namespaceProblems(settings: Settings): Problem[] {
  const problems: Problem[] = [];
  const seen = new Map([
    [settings.istio.namespace.name, "istio.namespace"],
    [settings.gateway.namespace.name, "gateway.namespace"],
  ]);
  if (seen.size < 2)
    problems.push(
      problem("gateway.namespace.name", settings.gateway.namespace.name, "another namespace than istio.namespace"),
    );
  settings.namespaces.forEach(({ name }, index) => {
    const earlier = seen.get(name);
    if (earlier !== undefined)
      problems.push(problem(`namespaces[${index}].name`, name, `each namespace once; ${earlier} is it already`));
    seen.set(name, `namespaces[${index}]`);
  });
  const members = settings.namespaces.map(({ name }) => name);
  const known = (key: string, name: string) => {
    if (members.includes(name)) return;
    const guess = nearest(name, members);
    const hint = guess === undefined ? "" : `; did you mean ${guess}?`;
    problems.push(
      problem(
        key,
        name,
        `one of namespaces (${members.join(", ") || "none yet"})${hint} Pods elsewhere have no sidecar and cannot speak mutual TLS`,
      ),
    );
  };
  settings.hosts.forEach((entry, index) => known(`hosts[${index}].namespace`, entry.namespace));
  if (settings.bookinfo !== undefined) known("bookinfo.namespace", settings.bookinfo.namespace);
  return problems;
}

function hostProblems({ hosts }: Settings): Problem[] {
  return hosts.flatMap(({ host: name }, index) => {
    const first = hosts.findIndex((earlier) => earlier.host === name);
    return first < index
      ? [
          problem(
            `hosts[${index}].host`,
            name,
            `each host once; hosts[${first}] is it already, and EnRoute would serve neither`,
          ),
        ]
      : [];
  });
}

function servingCertificateProblems(settings: Settings, configuration: StackConfiguration, now: Date): Problem[] {
  const given = settings.certificate;
  switch (given.issuer) {
    case "existingSecret":
      return [];
    case "generated":
      return generatedProblems(given);
    case "certManager":
      return certManagerProblems(given);
    case "provided":
      return [
        ...plainTextProblems(configuration, "certificate", "privateKey"),
        ...certificateProblems(
          given,
          settings.hosts.map((entry) => entry.host),
          now,
        ).map(({ part, problem: why }) => problem(`certificate.${part}`, undefined, why)),
      ];
  }
}

type Certificate<Issuer> = Extract<Settings["certificate"], { issuer: Issuer }>;

function generatedProblems(given: Certificate<"generated">): Problem[] {
  const { roots, signer } = servingRoots(given);
  return [...lifeProblems("certificate", given, leafLife(given)), ...rootProblems("certificate", roots, signer)];
}

/** Problems of lives that must fit into each other. */
function lifeProblems(
  key: string,
  given: { validity: string; renewBefore?: string; caValidity: string },
  life: { validityPeriodHours: number; earlyRenewalHours: number },
): Problem[] {
  return [
    ...(life.earlyRenewalHours >= life.validityPeriodHours
      ? [
          problem(
            `${key}.renewBefore`,
            given.renewBefore,
            `less than validity (${given.validity}): a certificate would be renewed at every update`,
          ),
        ]
      : []),
    ...(durationSeconds(given.caValidity)! <= durationSeconds(given.validity)!
      ? [problem(`${key}.caValidity`, given.caValidity, `more than validity (${given.validity})`)]
      : []),
  ];
}

function meshAuthorityProblems({ istio }: Settings, configuration: StackConfiguration, now: Date): Problem[] {
  const { ca } = istio;
  switch (ca.issuer) {
    case "istiod":
      return [];
    case "generated": {
      const { roots, signer } = meshRoots(ca);
      return [
        ...lifeProblems("istio.ca", ca, intermediateLife(ca)),
        ...rootProblems("istio.ca", roots, signer),
        ...(ca.rootCertificates === undefined
          ? []
          : rootCertificateProblems(ca.rootCertificates, now).map((why) =>
              problem("istio.ca.rootCertificates", undefined, why),
            )),
      ];
    }
    case "provided":
      return [
        ...plainTextProblems(configuration, "istio", "ca.privateKey"),
        ...authorityProblems(ca, now).map(({ part, problem: why }) => problem(`istio.ca.${part}`, undefined, why)),
      ];
  }
}

function rootProblems(key: string, roots: readonly string[], signer: string): Problem[] {
  const twice = roots.find((root, index) => roots.indexOf(root) < index);
  return [
    ...(twice === undefined ? [] : [problem(`${key}.roots`, roots, `each name once; ${twice} is there twice`)]),
    ...(roots.includes(signer)
      ? []
      : [problem(`${key}.signer`, signer, `one of ${key}.roots (${roots.join(", ")}): clients must trust what signs`)]),
  ];
}

function certManagerProblems({ validity = defaultValidity, renewBefore }: Certificate<"certManager">): Problem[] {
  const [life, before] = [durationSeconds(validity)!, durationSeconds(renewBefore ?? "5m")!];
  return [
    ...(life < 3600 ? [problem("certificate.validity", validity, "1h or more: cert-manager takes no less")] : []),
    ...(before < 300
      ? [problem("certificate.renewBefore", renewBefore, "5m or more: cert-manager takes no less")]
      : []),
    ...(before >= life
      ? [
          problem(
            "certificate.renewBefore",
            renewBefore,
            `less than validity (${validity}): it would be renewed for ever`,
          ),
        ]
      : []),
  ];
}

/** A private key that stands in the stack's file as anybody can read it. */
function plainTextProblems({ project, stack, secretKeys }: StackConfiguration, key: string, path: string): Problem[] {
  if (secretKeys.includes(`${project}:${key}`)) return [];
  const full = `${key}.${path}`;
  return [
    problem(
      full,
      undefined,
      `a secret: it stands in plain text. Set it with: pulumi config set --secret --path '${project}:${full}' --stack ${stack} < key.pem`,
    ),
  ];
}

function workloadTtlProblems(settings: Settings): Problem[] {
  const ttl = settings.gateway.workloadCertificate?.ttl;
  const max = maxTtl(settings);
  const why = ttl === undefined ? undefined : ttlProblem(ttl, max);
  const everywhere = meshWideTtl(settings);
  return [
    ...(why === undefined ? [] : [problem("gateway.workloadCertificate.ttl", ttl, why)]),
    ...(everywhere === undefined || (durationSeconds(everywhere) ?? Infinity) <= (durationSeconds(max) ?? Infinity)
      ? []
      : [
          problem(
            "istio.meshConfig.defaultConfig.proxyMetadata.SECRET_TTL",
            everywhere,
            `a duration of at most ${max}, the most that istiod signs (MAX_WORKLOAD_CERT_TTL)`,
          ),
        ]),
  ];
}

/** Longest life of a workload certificate that istiod signs: its environment can raise that, and the chart takes it at both places. */
export function maxTtl({ istio: { values } }: Settings): string {
  const environments = [values?.["env"], (values?.["pilot"] as { env?: unknown } | undefined)?.env];
  const limits = environments.map(
    (env) => (env as { MAX_WORKLOAD_CERT_TTL?: unknown } | undefined)?.MAX_WORKLOAD_CERT_TTL,
  );
  return limits.find((limit): limit is string => typeof limit === "string") ?? maxWorkloadCertificateTtl;
}

/** SECRET_TTL of every proxy that says no other, where the mesh configuration sets one. */
export function meshWideTtl({ istio: { meshConfig } }: Settings): string | undefined {
  const { defaultConfig } = (meshConfig ?? {}) as { defaultConfig?: { proxyMetadata?: { SECRET_TTL?: unknown } } };
  const ttl = defaultConfig?.proxyMetadata?.SECRET_TTL;
  return typeof ttl === "string" ? ttl : undefined;
}

/** How the pods of a namespace join the mesh where the stack does not say: by the revision that the stack installs. */
export function defaultInjection(settings: Settings): Injection {
  return settings.istio.revision === undefined ? "enabled" : { revision: settings.istio.revision };
}

/** Warnings about settings that work today and may not for long. */
export function settingsWarnings(settings: Settings, now: Date = new Date()): string[] {
  return [
    ...retiredHostWarnings(settings),
    ...providedCertificateWarnings(settings.certificate, now),
    ...exceptionWarnings(settings, now),
  ];
}

function exceptionWarnings({ mutualTls }: Settings, now: Date): string[] {
  return mutualTls.exceptions.flatMap(({ namespace, owner, until, mode }, index) =>
    isPast(until, now) === true
      ? [
          `mutualTls.exceptions[${index}] of ${owner} ended on ${until}, and namespace ${namespace} still has ${mode}: remove it, or agree on a new until.`,
        ]
      : [],
  );
}

function providedCertificateWarnings(given: Settings["certificate"], now: Date): string[] {
  if (given.issuer !== "provided") return [];
  const end = endOfValidity(given.certificateChain);
  const last = parseChain(given.certificateChain).at(-1)!;
  return [
    ...(new Date(end).getTime() - now.getTime() <= durationSeconds(given.warnBefore)! * 1000
      ? [`certificate.certificateChain ends on ${end}: have it renewed, and set certificateChain and privateKey.`]
      : []),
    ...(given.caCertificate === undefined && last.issuer !== last.subject && !isPubliclyTrusted(last)
      ? [
          `certificate.certificateChain ends at ${commonName(last.issuer)}, which is no public root: whether an intermediate is missing cannot be told. Set certificate.caCertificate to the CA that clients trust.`,
        ]
      : []),
  ];
}

function retiredHostWarnings(settings: Settings): string[] {
  const places: [string, string][] = [
    ["istio.chartRepository", settings.istio.chartRepository],
    ["istio.hub", settings.istio.hub],
    ...(settings.bookinfo === undefined ? [] : [["bookinfo.hub", settings.bookinfo.hub] as [string, string]]),
  ];
  return places.flatMap(([key, value]) => {
    const retired = retiredHosts.find((hostOfOld) => value.includes(hostOfOld));
    if (retired === undefined) return [];
    const instead = key === "istio.chartRepository" ? "https://blob.istio.io/istio-release/charts" : "docker.io/istio";
    return [
      `${key} is ${value}: ${retired} is being switched off, and nothing from Istio 1.31 on is published there. Use ${instead}.`,
    ];
  });
}
