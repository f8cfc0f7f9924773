import { parse } from "yaml";
import { asText, asTree, at, treeAt } from "../../base/tree";
import { enroute } from "../../mesh/enroute";
import { titleOf } from "../../mesh/object";
import { podTemplateOf } from "../../mesh/pod-template";
import { type Finding, type PolicyObject, type Rule, isProduction, isRelease } from "../rule";

/** Rules for production alone: it survives the loss of a node, and Kiali needs a login. */
export const availabilityRules: Rule[] = [
  {
    name: "high-availability",
    description: "In production istiod and the gateway run twice or more, with a PodDisruptionBudget.",
    level: "mandatory",
    scope: "stack",
    find: (objects, { environment }) =>
      isProduction(environment) ? [...releaseProblems(objects), ...deploymentProblems(objects)] : [],
  },
  {
    name: "kiali-login",
    description: "In production Kiali needs a login.",
    level: "mandatory",
    scope: "object",
    find: (objects, { environment }) =>
      (isProduction(environment) ? objects : [])
        .filter((object) => kialiStrategy(object) === "anonymous")
        .map((object) => ({
          object,
          message: "auth.strategy is anonymous: everyone who reaches Kiali sees every workload and its configuration.",
          fix: "set kiali.authentication to token",
        })),
  },
];

const gatewayFix = "set gateway.replicas to 2 or more; the component EnRouteGateway then makes the PodDisruptionBudget";
const istiodFix = "set istio.profile to ha";

/** By the values of the releases, where the objects that their charts make are not at hand. */
function releaseProblems(objects: readonly PolicyObject[]): Finding[] {
  return objects.flatMap((release): Finding[] => {
    if (isRelease(release, "istiod")) {
      const given = asTree(release["values"]);
      const values = { ...given, ...asTree(given["pilot"]) }; // both are read by the chart
      const least = Number(
        (values["autoscaleEnabled"] ?? true) ? (values["autoscaleMin"] ?? 1) : (values["replicaCount"] ?? 1),
      );
      return least >= 2
        ? [] // the chart then makes the PodDisruptionBudget
        : [
            {
              object: release,
              message: `it asks for ${least} istiod: while its node is drained no pod starts in the mesh, and no certificate is renewed.`,
              fix: istiodFix,
            },
          ];
    }
    if (isRelease(release, "enroute")) {
      const replicas = Number(at(release, "values", "replicaCount") ?? 1);
      return [
        ...(replicas >= 2
          ? []
          : [
              {
                object: release,
                message: `it asks for ${replicas} gateway pod: while its node is drained every host is down.`,
                fix: gatewayFix,
              },
            ]),
        ...(budgets(objects, release.metadata.namespace, enroute.selector).length > 0
          ? []
          : [
              {
                object: release,
                message: "no PodDisruptionBudget is for its pods: a drain of nodes may end all of them at once.",
                fix: gatewayFix,
              },
            ]),
      ];
    }
    return [];
  });
}

/** By the objects that the charts made. */
function deploymentProblems(objects: readonly PolicyObject[]): Finding[] {
  return objects.flatMap((deployment): Finding[] => {
    const labels = treeAt(podTemplateOf(deployment), "metadata", "labels");
    const isIstiod = labels["app"] === "istiod";
    const isGateway = labels["app.kubernetes.io/name"] === enroute.selector["app.kubernetes.io/name"];
    if (deployment.kind !== "Deployment" || !(isIstiod || isGateway)) return [];
    const fix = isIstiod ? istiodFix : gatewayFix;
    const { name, namespace } = deployment.metadata;
    const scaler = objects.find(
      (object) =>
        object.kind === "HorizontalPodAutoscaler" &&
        object.metadata.namespace === namespace &&
        at(object, "spec", "scaleTargetRef", "name") === name,
    );
    const [place, replicas] =
      scaler === undefined
        ? (["spec.replicas", Number(at(deployment, "spec", "replicas") ?? 1)] as const)
        : ([`minReplicas of ${titleOf(scaler)}`, Number(at(scaler, "spec", "minReplicas") ?? 1)] as const);
    return [
      ...(replicas >= 2
        ? []
        : [
            {
              object: deployment,
              message: `${place} is ${replicas}: while the node of that pod is drained, nothing does its work.`,
              fix,
            },
          ]),
      ...(budgets(objects, namespace, labels).length > 0
        ? []
        : [
            {
              object: deployment,
              message: "no PodDisruptionBudget is for its pods: a drain of nodes may end all of them at once.",
              fix,
            },
          ]),
    ];
  });
}

/** The PodDisruptionBudgets that select pods of these labels. */
function budgets(
  objects: readonly PolicyObject[],
  namespace: string | undefined,
  labels: Record<string, unknown>,
): PolicyObject[] {
  return objects.filter((object) => {
    if (object.kind !== "PodDisruptionBudget" || object.metadata.namespace !== namespace) return false;
    const wanted = Object.entries(treeAt(object, "spec", "selector", "matchLabels"));
    return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value);
  });
}

function kialiStrategy(object: PolicyObject): unknown {
  if (isRelease(object, "kiali-server")) return at(object, "values", "auth", "strategy");
  const text = asText(at(object, "data", "config.yaml"));
  if (object.kind !== "ConfigMap" || !object.metadata.name.startsWith("kiali") || text === undefined) return undefined;
  try {
    return at(parse(text), "auth", "strategy");
  } catch {
    return undefined;
  }
}
