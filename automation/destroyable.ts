import { type Finding, findingOf } from "../base/issue";
import { openCluster } from "../cluster/client";
import type { Settings } from "../settings/schema";
import { newOwner, objectText, rememberedBy } from "../stacks/state";
import { lookUp } from "../verify/preflight/lookup";
import { failure } from "./errors";
import type { Reading } from "./stack-state";

interface Exported {
  deployment?: { resources?: Parameters<typeof rememberedBy>[0] };
}

/**
 * A destroy deletes nothing that another stack has taken over. Settings that cannot be read do not keep a stack from being destroyed.
 *
 * @throws {RolloutError} `cluster-not-ready`, with each such object
 */
export async function refuseOthers({ stack, settings }: Pick<Reading, "stack" | "settings">): Promise<void> {
  const known = await settings().catch(() => undefined);
  const findings = known === undefined ? [] : await takenByOthers(stack, known);
  if (findings.length === 0) return;
  const text = findings.map(({ problem }) => problem).join("; ");
  const next = findings.map(({ fix }) => fix).join("; ");
  throw failure("cluster-not-ready", `stack ${stack.name}: nothing was deleted: ${text}`, next, { findings });
}

/**
 * Objects that a stack's state holds and that another stack has taken over: a destroy would delete what is no longer its own.
 * A cluster that cannot be reached is the engine's to report.
 */
async function takenByOthers(stack: Reading["stack"], settings: Settings): Promise<Finding[]> {
  const { deployment = {} } = (await stack.exportStack()) as Exported;
  const remembered = rememberedBy(deployment.resources ?? []);
  const cluster = openCluster(settings);
  if ("problem" in cluster || remembered.length === 0) return [];
  const live = await lookUp(cluster, remembered).catch(() => []);
  return live.flatMap(({ object, metadata }) => {
    const owner = newOwner(object, metadata);
    if (owner === undefined) return [];
    return [
      findingOf({
        id: "ownership/one-stack",
        severity: "error",
        subject: objectText(object),
        problem: `${objectText(object)} belongs to stack ${owner} now`,
        fix: `have this stack forget it, which leaves it as it is: pulumi state delete '${object.urn}' --target-dependents --stack ${stack.name}`,
      }),
    ];
  });
}
