import { asText, treesAt } from "../../base/tree";
import { immutableChanges, isKept } from "../../mesh/immutability";
import { skippedIstioMinor } from "../../mesh/istio-upgrade";
import { titleOf } from "../../mesh/object";
import { podTemplateOf } from "../../mesh/pod-template";
import { type Finding, type PolicyObject, type Rule, isProduction, isRelease } from "../rule";

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
        .filter((object) => !deletions.includes(titleOf(object)));
      const isOff = objects.every(({ protect }) => protect !== true);
      return isProduction(environment) && isOff && bare.length > 0
        ? [
            {
              object: bare[0]!,
              message: `neither it nor ${bare.length - 1} other objects are protected: an update that deletes or replaces them would cut traffic, without a declared decision.`,
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
        .filter((old) => !deletions.includes(titleOf(old)))
        .flatMap((old): Finding[] => {
          const now = objects.find((object) => titleOf(object) === titleOf(old));
          const fix = `say so in the stack: deletionProtection.except with object "${titleOf(old)}" and a reason; or keep it`;
          if (now === undefined)
            return isKept(old)
              ? []
              : [{ object: old, message: "it would be deleted, and deletionProtection.except does not list it.", fix }];
          const changed = immutableChanges(old, now);
          return changed.length === 0
            ? []
            : [
                {
                  object: old,
                  message: `${changed.join(", ")} cannot be changed in place: it would be deleted and created again, and be missing in between.`,
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
      return objects.flatMap((object): Finding[] => {
        const after = istioVersion(object);
        if (after === undefined) return [];
        // A new control plane stands beside all that there were; one that there was follows itself.
        const same = previous.filter((one) => one.kind === object.kind && one.metadata.name === object.metadata.name);
        const before = (same.length > 0 ? same : previous).flatMap((one) => istioVersion(one) ?? []);
        const problem = before.map((version) => skippedIstioMinor(version, after)).find((one) => one !== undefined);
        return problem === undefined ? [] : [{ object, ...problem }];
      });
    },
  },
];

/** The version of an istiod: of its chart, or of its image. Undefined for any other object. */
function istioVersion(object: PolicyObject): string | undefined {
  if (isRelease(object, "istiod")) return asText(object["version"]);
  if (object.kind !== "Deployment" || object.metadata.labels?.["app"] !== "istiod") return undefined;
  return treesAt(podTemplateOf(object), "spec", "containers")
    .map(({ image }) => /\/pilot:([^@]+)/.exec(asText(image) ?? "")?.[1])
    .find((version) => version !== undefined);
}
