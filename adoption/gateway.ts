import { isDeepStrictEqual } from "node:util";
import { parse } from "yaml";
import { defined } from "../base/defined";
import type { Issue } from "../base/issue";
import { mergeValues } from "../base/merge";
import { type Tree, asText, asTree, at, treeAt } from "../base/tree";
import { defaultLogLevel, defaultOutputPath, enroute, logLevels } from "../mesh/enroute";
import { defaultServiceType, serviceTypes } from "../mesh/gateway-service";
import type { Planned } from "../mesh/ownership";
import { floating } from "../mesh/pod-template";
import type { InstalledRelease, Survey } from "./survey";
import { overDefaults, reproducing } from "./values";

/* The gateway's release as `gateway` of a stack. */

/** A tag of redis that is known to run, for a gateway whose own is not known. */
const knownRedis = "7.4.1";

/** What a gateway's release says of itself, as settings; what they cannot say is left to {@link gatewayValues}. */
export function draftGateway(
  { version, defaults, values }: Pick<InstalledRelease, "version" | "defaults" | "values">,
  { gatewayPods, gatewayService }: Pick<Survey, "gatewayPods" | "gatewayService">,
): { gateway: Tree; issues: Issue[] } {
  const runs = overDefaults(defaults, values);
  const { redis, issues } = redisOf(values, runs, gatewayPods);
  const level = logLevels.find((known) => known === at(runs, "envoySettings", "logLevel"));
  const annotations = treeAt(runs, "service", "annotations");
  const certificate = workloadCertificateOf(runs);
  const replicas = at(runs, "replicaCount");
  // By the Service itself: the chart's value is read nowhere.
  const type = serviceTypes.find((known) => known === gatewayService?.spec.type);
  return {
    gateway: {
      version,
      images: defined({
        ...{ enroute: imageOf(values, runs, "enrouteService"), redis, envoy: imageOf(values, runs, "envoy") },
      }),
      ...(replicas === undefined || replicas === 1 ? {} : { replicas }),
      ...(level === undefined || level === defaultLogLevel ? {} : { logLevel: level }),
      resources: resourcesOf(runs),
      ...(Object.keys(certificate).length === 0 ? {} : { workloadCertificate: certificate }),
      ...(type === undefined || type === defaultServiceType ? {} : { service: { type } }),
      ...(Object.keys(annotations).length === 0 ? {} : { serviceAnnotations: annotations }),
    },
    issues,
  };
}

/**
 * What the escape hatch of the gateway has to say, so that its pods stay as they are. The texts that Istio's agent reads are left
 * out where the settings say the same, and so is the tag of redis, which must be fixed.
 */
export function gatewayValues(
  { releases }: Pick<Survey, "releases">,
  { releases: made }: Pick<Planned, "releases">,
): Tree {
  const release = releases.find(({ name }) => name === enroute.release);
  const planned = asTree(made.find(({ name }) => name === enroute.release)?.values);
  if (release === undefined) return {};
  const key = "istioPodAnnotations";
  const runs = treeAt(overDefaults(release.defaults, release.values), key);
  const same = Object.entries(treeAt(planned, key)).filter(([name, text]) =>
    isDeepStrictEqual(parsedYaml(text), parsedYaml(runs[name])),
  );
  // As if the stack had the very texts: what they mean is the same.
  const texts = same.length === 0 ? {} : { [key]: Object.fromEntries(same.map(([name]) => [name, runs[name]])) };
  const tag = at(planned, "images", "redis", "tag");
  const values = mergeValues(release.values, tag === undefined ? {} : { images: { redis: { tag } } });
  return reproducing({ defaults: release.defaults, values, planned: mergeValues(planned, texts) });
}

/** What the user's values have of an image; for the rest the chart's own counts, save the policy, of which the stack has its own. */
function imageOf(values: Tree, runs: Tree, name: string): Tree | undefined {
  const { repository, tag } = treeAt(values, "images", name);
  const { pullPolicy } = treeAt(runs, "images", name);
  const image = defined({ repository: asText(repository), tag: asText(tag), pullPolicy: asText(pullPolicy) });
  return Object.keys(image).length === 0 ? undefined : image;
}

/** The store of the rate limits: its tag must be fixed, and the chart's own is `latest`. */
function redisOf(values: Tree, runs: Tree, pods: Survey["gatewayPods"]): { redis: Tree; issues: Issue[] } {
  const image = imageOf(values, runs, "redis") ?? {};
  const tag = asText(at(runs, "images", "redis", "tag"));
  if (tag !== undefined && floating(`:${tag}`) === undefined) return { redis: { ...image, tag }, issues: [] };
  const digests = pods.flatMap(({ status }) =>
    (status?.containerStatuses ?? []).flatMap(({ name, imageID = "" }) =>
      name === "redis" ? (/@(sha256:[0-9a-f]{64})$/.exec(imageID)?.[1] ?? []) : [],
    ),
  );
  const [digest] = digests;
  const fixed = digest === undefined ? knownRedis : `${tag ?? "latest"}@${digest}`;
  return {
    redis: { ...image, tag: fixed },
    issues: [
      {
        id: "adoption/redis",
        severity: "warning",
        subject: "gateway.images.redis.tag",
        problem: `redis runs with the tag ${tag ?? "latest"}, other bits at every restart; the stack file says ${fixed}${digest === undefined ? "" : ", the bits that run"}, and the first update restarts the gateway's pods, one after the other`,
        fix: "set gateway.images.redis.tag to the version that you want",
      },
    ],
  };
}

function resourcesOf(runs: Tree): Tree {
  const of = (name: string) => treeAt(runs, "resources", name);
  const pick = (tree: Tree) => defined({ requests: textsOf(tree["requests"]), limits: textsOf(tree["limits"]) });
  const some = (name: string) => (Object.keys(of(name)).length === 0 ? undefined : pick(of(name)));
  // Without a word of its own, the stack has Envoy ask for something.
  return defined({ enroute: some("enrouteService"), redis: some("redis"), envoy: pick(of("envoy")) });
}

/** YAML reads the amount `1` as a number. */
function textsOf(amounts: unknown): Tree | undefined {
  if (amounts === undefined || amounts === null) return undefined;
  return Object.fromEntries(Object.entries(asTree(amounts)).map(([key, value]) => [key, String(value)]));
}

/** Life and place of the gateway's mesh certificate, from the annotation that Istio's agent reads. */
function workloadCertificateOf(runs: Tree): Tree {
  const text = asText(at(runs, "istioPodAnnotations", "proxy.istio.io/config")) ?? "";
  const { SECRET_TTL: ttl, OUTPUT_CERTS: path } = treeAt(parsedYaml(text), "proxyMetadata");
  return defined({ ttl: asText(ttl), outputPath: path === defaultOutputPath ? undefined : asText(path) });
}

/** YAML, of which JSON is a part. */
function parsedYaml(text: unknown): unknown {
  try {
    return parse(String(text)) as unknown;
  } catch {
    return undefined;
  }
}
