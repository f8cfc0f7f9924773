import semver from "semver";
import { asList, asText, asTree, at, parsedJson } from "../../base/tree";
import { defaultHub, istioCharts, retiredHosts } from "../../mesh/istio";
import { floating, podTemplateOf } from "../../mesh/pod-template";
import { type Finding, type PolicyObject, type Rule, isProduction, isRelease } from "../rule";

/** Rules about what is installed: charts and images. */
export const softwareRules: Rule[] = [
  {
    name: "chart-versions",
    description: "Every Helm release names the exact version of its chart.",
    level: "mandatory",
    scope: "object",
    find: (objects) =>
      objects
        .filter((object) => isRelease(object))
        .filter(({ version }) => typeof version !== "string" || semver.valid(version) !== version)
        .map((object) => ({
          object,
          message: `its version is ${object["version"] === undefined ? "not set" : JSON.stringify(object["version"])}: the next update would install the newest version then, without review.`,
          fix: "set an exact version such as 1.31.0",
        })),
  },
  {
    name: "retired-hosts",
    description: "No chart and no image comes from a host that is being switched off.",
    level: "mandatory",
    scope: "object",
    find: (objects) =>
      objects.flatMap((object) =>
        [
          ...chartPlaces(object),
          ...imagesOf(object).map(({ path, reference }) => ({ path, place: reference })),
        ].flatMap(({ path, place }): Finding[] => {
          const retired = retiredHosts.find((host) => place.includes(host));
          return retired === undefined
            ? []
            : [
                {
                  object,
                  message: `${path} is ${place}: ${retired} is being switched off, and pods that need it would not start any more.`,
                  fix: `take charts from ${istioCharts} and images from ${defaultHub}`,
                },
              ];
        }),
      ),
  },
  {
    name: "image-tags",
    description: "Images have a fixed tag; in production a full version or a digest.",
    level: "mandatory",
    scope: "object",
    find: (objects, { environment }) =>
      objects.flatMap((object) =>
        imagesOf(object).flatMap(({ path, reference }): Finding[] => {
          const why = mutable(reference, isProduction(environment));
          return why === undefined
            ? []
            : [
                {
                  object,
                  message: `${path} is ${reference}: ${why}, so a restarted pod may run other bits than its neighbours.`,
                  fix: "name a full version such as 7.4.1, or pin the image by digest: 7.4.1@sha256:…",
                },
              ];
        }),
      ),
  },
];

/** An image that an object makes run. */
interface ImageUse {
  path: string;
  /** `repository:tag@digest`, as far as the object names them; without a repository it is a text such as `:1.2.3`. */
  reference: string;
}

/** The images of pods, of what istiod injects into pods, and of the values of a Helm release. */
export function imagesOf(object: PolicyObject): ImageUse[] {
  if (isRelease(object)) {
    const images = valueImages(object["values"], "values");
    const isRedisUnset = isRelease(object, "enroute") && at(object, "values", "images", "redis", "tag") === undefined;
    return [...images, ...(isRedisUnset ? [{ path: "values.images.redis.tag", reference: "redis:latest" }] : [])];
  }
  if (object.kind === "ConfigMap" && object.metadata.name.startsWith("istio-sidecar-injector"))
    return valueImages(parsedJson(at(object, "data", "values")), "data.values");
  const template = podTemplateOf(object);
  if (template === undefined) return [];
  return ["initContainers", "containers", "ephemeralContainers"].flatMap((list) =>
    asList(at(template, "spec", list)).flatMap((container): ImageUse[] => {
      const reference = asText(at(container, "image"));
      // "auto" is a place that istiod's webhook fills.
      return reference === undefined || reference === "auto"
        ? []
        : [{ path: `image of container ${asText(at(container, "name")) ?? "?"}`, reference }];
    }),
  );
}

/** Values that name an image, by the conventions of charts: `image: r:t`, `repository` and `tag`, `hub` and `tag`, `image_name` and `image_version`. */
function valueImages(value: unknown, path: string): ImageUse[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => valueImages(item, `${path}[${index}]`));
  const record = asTree(value);
  const repository = asText(record["repository"]) ?? asText(record["hub"]) ?? asText(record["image_name"]);
  const tag = record["tag"] ?? record["image_version"];
  const isTagged = typeof tag === "string" || typeof tag === "number";
  const own: ImageUse[] =
    isTagged && tag !== ""
      ? [
          {
            path: `${path}.${record["tag"] === undefined ? "image_version" : "tag"}`,
            reference: `${repository ?? ""}:${tag}`,
          },
        ]
      : asText(record["hub"]) !== undefined
        ? [{ path: `${path}.hub`, reference: `${repository}${anyTag}` }]
        : [];
  const image = asText(record["image"]);
  return [
    ...own,
    ...(image?.includes("/") ? [{ path: `${path}.image`, reference: image }] : []),
    ...Object.entries(record).flatMap(([key, item]) => valueImages(item, `${path}.${key}`)),
  ];
}

/** Stands for a tag of the chart's own: it is judged in the rendered objects. */
const anyTag = ":(the chart's)";

/** Why a reference may mean other bits tomorrow; undefined if it cannot. */
function mutable(reference: string, isProd: boolean): string | undefined {
  const drift = reference.endsWith(anyTag) ? undefined : floating(reference, isProd);
  if (drift === undefined) return undefined;
  if (drift.tag === undefined) return "it has no tag, which means latest";
  return drift.tag === "latest"
    ? "latest is whatever was pushed last"
    : `${drift.tag} is not a full version: its publisher moves it to each new release`;
}

function chartPlaces(object: PolicyObject): { path: string; place: string }[] {
  if (!isRelease(object)) return [];
  return [
    { path: "chart", place: asText(object["chart"]) ?? "" },
    { path: "repositoryOpts.repo", place: asText(at(object, "repositoryOpts", "repo")) ?? "" },
  ];
}
