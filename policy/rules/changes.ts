import { isDeepStrictEqual } from "node:util";
import { skippedIstioMinor } from "../../mesh/istio-upgrade";
import {
  type Finding,
  type PolicyObject,
  type Rule,
  asText,
  at,
  isProduction,
  isRelease,
  nameOf,
  podOf,
} from "../rule";

/** Rules about changes: they compare with the last deployment, where it is given. */
export const changeRules: Rule[] = [
  {
    name: "deletion-protection",
    description: "In production the engine protects the objects from being deleted or replaced.",
    level: "mandatory",
    scope: "stack",
    find: (objects, { environment, deletions = [] }) => {
      // Only the engine's resources can be protected; a rendered object does not say.
      const bare = objects
        .filter(({ protect }) => protect === false)
        .filter((object) => !deletions.includes(nameOf(object)));
      const isOff = objects.every(({ protect }) => protect !== true);
      return isProduction(environment) && isOff && bare.length > 0
        ? [
            {
              object: bare[0]!,
              message: `neither it nor ${bare.length - 1} other objects are protected: an update that deletes or replaces them would cut traffic, without anybody having said so.`,
              fix: "set deletionProtection.enabled to true in the stack",
            },
          ]
        : [];
    },
  },
  {
    name: "no-deletions",
    description: "In production nothing is deleted or replaced that the stack does not give up.",
    level: "mandatory",
    scope: "change",
    find: (objects, { environment, previous = [], deletions = [] }) =>
      (isProduction(environment) ? previous : [])
        .filter((old) => !deletions.includes(nameOf(old)))
        .flatMap((old): Finding[] => {
          const now = objects.find((object) => nameOf(object) === nameOf(old));
          const fix = `say so in the stack: deletionProtection.except with object "${nameOf(old)}" and a reason; or keep it`;
          if (now === undefined)
            return old.metadata.annotations?.["helm.sh/resource-policy"] === "keep"
              ? []
              : [{ object: old, message: "it would be deleted, without anybody having said so.", fix }];
          const changed = immutable.filter((path) => !isDeepStrictEqual(at(old, ...path), at(now, ...path)));
          return changed.length === 0 || !isImmutable(old)
            ? []
            : [
                {
                  object: old,
                  message: `${changed.map((path) => path.join(".")).join(", ")} cannot be changed in place: it would be deleted and made anew, and be missing in between.`,
                  fix,
                },
              ];
        }),
  },
  {
    name: "istio-upgrades",
    description: "No minor version of Istio is skipped.",
    level: "mandatory",
    scope: "change",
    find: (objects, { previous = [] }) => {
      const before = istioVersion(previous);
      return objects.flatMap((object): Finding[] => {
        const after = istioVersion([object]);
        const problem = before === undefined || after === undefined ? undefined : skippedIstioMinor(before, after);
        return problem === undefined ? [] : [{ object, ...problem }];
      });
    },
  },
];

/** Fields that Kubernetes never changes, by kind. */
const immutable: string[][] = [["spec", "selector"], ["roleRef"]];
const kindsWithSelector = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "RoleBinding", "ClusterRoleBinding"];

function isImmutable({ kind }: PolicyObject): boolean {
  return kindsWithSelector.includes(kind);
}

/** The version of istiod among objects: of its chart, or of its image. */
function istioVersion(objects: readonly PolicyObject[]): string | undefined {
  const release = objects.find((object) => isRelease(object, "istiod"));
  if (release !== undefined) return asText(release["version"]);
  const images = objects
    .filter((object) => object.kind === "Deployment" && object.metadata.labels?.["app"] === "istiod")
    .flatMap((object) => (podOf(object)?.spec["containers"] as { image?: unknown }[] | undefined) ?? [])
    .map(({ image }) => /\/pilot:([^@]+)/.exec(asText(image) ?? "")?.[1]);
  return images.find((version) => version !== undefined);
}
