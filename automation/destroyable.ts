import type { Stack } from "@pulumi/pulumi/automation";
import { type Finding, findingOf } from "../base/issue";
import { openCluster } from "../cluster/client";
import type { Settings } from "../settings/schema";
import { newOwnerOf, rememberedBy, textOf } from "../stacks/state";
import { lookUp } from "../verify/preflight/lookup";

interface Exported {
  deployment?: { resources?: Parameters<typeof rememberedBy>[0] };
}

/**
 * Objects that a stack's state holds and that another stack has taken over since: a destroy would delete what is no longer its
 * own. Changes nothing. A cluster that cannot be reached is the engine's to tell.
 */
export async function takenByOthers(stack: Stack, settings: Settings): Promise<Finding[]> {
  const { deployment = {} } = (await stack.exportStack()) as Exported;
  const remembered = rememberedBy(deployment.resources ?? []);
  const cluster = openCluster(settings);
  if ("problem" in cluster || remembered.length === 0) return [];
  const live = await lookUp(cluster, remembered).catch(() => []);
  return live.flatMap(({ object, metadata }) => {
    const owner = newOwnerOf(object, metadata);
    if (owner === undefined) return [];
    return [
      findingOf({
        id: "ownership/one-stack",
        severity: "error",
        subject: textOf(object),
        problem: `${textOf(object)} belongs to stack ${owner} now`,
        fix: `have this stack forget it, which leaves it as it is: pulumi state delete '${object.urn}' --target-dependents --stack ${stack.name}`,
      }),
    ];
  });
}
