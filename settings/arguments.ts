import { z } from "zod";
import { ttlProblem } from "../mesh/enroute";
import { onlyFromProblem } from "../mesh/authorization";
import { exceptionProblems } from "../mesh/mutual-tls-policies";
import { array, certificateName, dnsLabel, object, string } from "./builders";
import { certificateTextProblems } from "./secrets";
import { meshAuthorityProblems, servingCertificateProblems } from "./certificate-rules";
import { type Problem, problem } from "./error";
import {
  autoscalingProblems,
  controlPlaneProblems,
  gatewayServiceProblems,
  ingressProblems,
  repositoryProblems,
  routeProblems,
} from "./rules";
import {
  type Settings,
  bookinfo,
  exception,
  kiali,
  namespace,
  prometheus,
  registryHostText,
  settingsSchema,
} from "./schema";
import { certificate } from "./sections/certificate";
import { create, injection, namespaceLabels } from "./sections/common";
import { gateway, host } from "./sections/gateway";
import { istio } from "./sections/istio";

/*
 * What each component takes, made of the settings' own pieces, and checked by the same rules. Descriptions here are of arguments that
 * are not settings; the others say the same as the settings.
 */

interface Arguments<Schema extends z.ZodType> {
  schema: Schema;
  /** Problems that take more than one key to see. */
  problems: (args: z.output<Schema>, now: Date) => Problem[];
}

function args<Schema extends z.ZodType>(schema: Schema, problems: Arguments<Schema>["problems"] = () => []) {
  return { schema, problems };
}

/** Keys of the settings that say which cluster it is; a component gets that as a provider. */
export const clusterKeys = {
  kubeconfig: "",
  context: "",
  clusterIdentifier: "",
  takeOverFrom: "",
  kubernetesPluginVersion: "",
  verifyAfterUp: false,
};
const ingressShape = settingsSchema.omit(
  Object.fromEntries(Object.keys(clusterKeys).map((key) => [key, true])) as Record<keyof typeof clusterKeys, true>,
).shape;

const home = (whose: string) =>
  dnsLabel.meta({ description: `Namespace ${whose}, which must exist.`, examples: ["shop"] });
const pullSecrets = array(dnsLabel.meta({ description: "Name of a Secret.", examples: ["registry-login"] }), "names")
  .meta({ description: "Names of Secrets by which the images are pulled.", unset: "none" })
  .exactOptional();
const text = (allowed: string, description: string, example: string) =>
  string(allowed).meta({ description, examples: [example], input: true });
const registry = settingsSchema.shape.registry;
const spiffeId = /^spiffe:\/\/[^/\s*]+\/ns\/[^/\s*]+\/sa\/[^/\s*]+$/;

const istioShape = istio.omit({ namespace: true, ca: true }).shape;
const gatewayShape = gateway.omit({ namespace: true }).shape;
const [, generatedCa, providedCa] = istio.shape.ca.def.innerType.options;

const oneOf = (key: string, names: readonly string[]) => `one of ${key} (${names.join(", ") || "none"})`;

/** A list that makes something of each of its names: of none it would make nothing, and of one twice the same resource twice. */
function nameProblems(key: string, names: readonly string[]): Problem[] {
  if (names.length === 0) return [problem(key, names, "at least one")];
  return names.flatMap((name, index) =>
    names.indexOf(name) < index ? [problem(`${key}[${index}]`, name, "each once")] : [],
  );
}

export const componentArguments = {
  EncryptedIngress: args(object(ingressShape), (value, now) => {
    const settings: Settings = { ...clusterKeys, ...value };
    return [...certificateTextProblems(settings), ...ingressProblems(settings, now)];
  }),
  IstioControlPlane: args(
    object({
      ...istioShape,
      namespace: home("of the mesh's root"),
      imagePullSecrets: pullSecrets,
      authorityFingerprint: text(
        "a fingerprint",
        "Fingerprint of the CA that istiod loads; another one restarts istiod, one pod after the other.",
        "8f2c",
      ).exactOptional(),
    }),
    (value) => [...repositoryProblems(value), ...controlPlaneProblems(value)],
  ),
  MeshNamespace: args(
    object({
      name: namespace.shape.name,
      create,
      injection: z
        .union([z.literal("none"), injection], { error: '"enabled", "none" or { revision: <revision or tag> }' })
        .meta({ ...injection.meta(), examples: [{ revision: "1-31" }, "enabled", "none"] }),
      labels: namespaceLabels,
    }),
  ),
  MeshMutualTls: args(
    object({
      rootNamespace: home("of the mesh's root"),
      exceptions: array(exception, "exceptions").exactOptional().meta({ description: "Places that take plain text." }),
    }),
    ({ exceptions = [], rootNamespace }) =>
      exceptionProblems(exceptions, rootNamespace).map(({ index, problem: why }) =>
        problem(`exceptions[${index}]`, exceptions[index], why),
      ),
  ),
  EnRouteGateway: args(
    object({
      ...gatewayShape,
      namespace: home("of the gateway, labelled for injection"),
      registry,
      imagePullSecrets: pullSecrets,
      maxWorkloadCertificateTtl: string("a duration such as 2160h")
        .meta({ description: "Longest life that istiod signs.", examples: ["2160h"], unset: "`2160h`, Istio's" })
        .exactOptional(),
      providerFolder: string("a path")
        .meta({
          description: "Folder that the provider runs in, where a type of Service other than the chart's takes a file.",
          examples: ["."],
          unset: "the current one",
        })
        .exactOptional(),
    }),
    (value) => {
      const ttl = value.workloadCertificate?.ttl;
      const why = ttl === undefined ? undefined : ttlProblem(ttl, value.maxWorkloadCertificateTtl);
      return [
        ...(why === undefined ? [] : [problem("workloadCertificate.ttl", ttl, why)]),
        ...autoscalingProblems(value),
        ...gatewayServiceProblems(value),
        ...repositoryProblems(value),
      ];
    },
  ),
  GatewayHost: args(
    object({
      ...host.shape,
      namespace: home("of the Services and of the TLS Secret"),
      tlsSecretName: text(
        "the name of a Secret",
        "Name of a `kubernetes.io/tls` Secret in that namespace.",
        "shop-tls",
      ),
    }),
    ({ routes }) => routeProblems(routes),
  ),
  MeshGlobalConfig: args(object({ namespace: home("of the gateway") })),
  ServingCertificate: args(
    object({
      hosts: array(
        certificateName.meta({ description: "A DNS name.", examples: ["shop.example.com"] }),
        "DNS names",
      ).meta({
        description: "DNS names that the certificate must cover.",
      }),
      hostsOf: z
        .record(z.string(), array(certificateName, "DNS names"), { error: "DNS names by namespace" })
        .meta({
          description: "Which of the hosts each namespace has: cert-manager is asked there for those alone.",
          examples: [{ shop: ["shop.example.com"] }],
          unset: "all of them in each namespace",
        })
        .exactOptional(),
      namespaces: array(home("that needs the Secret"), "namespaces").meta({
        description: "Namespaces that need the Secret: a GatewayHost finds it only in its own.",
      }),
      certificate,
      envoyTag: string("a tag")
        .meta({ description: "Tag of the gateway's Envoy.", examples: ["v1.33.0"], unset: "the chart's" })
        .exactOptional(),
    }),
    ({ certificate: own, hosts, hostsOf = {}, namespaces, envoyTag }, now) => [
      ...nameProblems("hosts", hosts),
      ...nameProblems("namespaces", namespaces),
      ...Object.entries(hostsOf).flatMap(([home, some]) => [
        ...(namespaces.includes(home) ? [] : [problem(`hostsOf.${home}`, some, oneOf("namespaces", namespaces))]),
        ...nameProblems(`hostsOf.${home}`, some),
        ...some.flatMap((one, index) =>
          hosts.includes(one) ? [] : [problem(`hostsOf.${home}[${index}]`, one, oneOf("hosts", hosts))],
        ),
      ]),
      ...servingCertificateProblems({ certificate: own, hosts, envoyTag }, now, "envoyTag"),
    ],
  ),
  MeshCertificateAuthority: args(
    object({
      namespace: home("of the mesh's root"),
      authority: z
        .discriminatedUnion("issuer", [generatedCa, providedCa], {
          error: "an object with an issuer: one of generated, provided",
        })
        .describe("The certificate authority of the mesh, by `issuer`: `generated` or `provided`."),
    }),
    ({ authority }, now) => meshAuthorityProblems(authority, now, "authority"),
  ),
  Prometheus: args(
    object({
      ...prometheus.shape,
      namespace: home("of the server"),
      registry,
      imagePullSecrets: pullSecrets,
    }),
    (value) => repositoryProblems(value),
  ),
  Kiali: args(
    object({
      ...kiali.shape,
      namespace: home("of the mesh's root"),
      prometheusUrl: string("a URL").meta({
        description: "URL of Prometheus inside the cluster.",
        examples: ["http://prometheus-server.istio-system"],
      }),
      registry,
      imagePullSecrets: pullSecrets,
    }),
    (value) => repositoryProblems(value),
  ),
  Bookinfo: args(
    object({
      ...bookinfo.shape,
      namespace: home("of the sample, labelled for injection"),
      imagePullSecrets: pullSecrets,
    }),
  ),
  OnlyFromGateway: args(
    object({
      namespace: home("of the workloads, a member of the mesh"),
      gatewayIdentity: string("an identity such as spiffe://cluster.local/ns/enroute-system/sa/enroute", spiffeId).meta(
        {
          description: "Identity of the gateway (SPIFFE), as `EncryptedIngress` tells it.",
          examples: ["spiffe://cluster.local/ns/enroute-system/sa/enroute"],
          input: true,
        },
      ),
    }),
    ({ namespace: home, gatewayIdentity }) => {
      const why = onlyFromProblem(home, gatewayIdentity);
      // Under the key that may be an Output: then it is judged again with its value.
      return why === undefined ? [] : [problem("gatewayIdentity", gatewayIdentity, why)];
    },
  ),
  ImagePullSecret: args(
    object({
      name: dnsLabel.meta({ description: "Name of the Secret.", examples: ["registry-login"] }),
      registry: registryHostText.meta({
        description: "Host of the registry.",
        examples: ["registry.example.com"],
        input: true,
      }),
      username: text("a user name", "User of the registry.", "robot"),
      password: text("a password or token", "Password or token of the user.", "token").meta({ secret: "must" }),
      namespaces: array(home("whose pods pull by it"), "namespaces").meta({
        description: "Namespaces whose pods pull by it.",
      }),
    }),
    ({ namespaces }) => nameProblems("namespaces", namespaces),
  ),
};

export type ComponentName = keyof typeof componentArguments;
