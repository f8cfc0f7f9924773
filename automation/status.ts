import { takeOverCommand } from "../settings/commands";
import { defined } from "../base/defined";
import { foreignLockHours, isLive, lockText } from "../recovery/locks";
import type { Outputs } from "./outputs";
import type { ClusterLeft, StackRecovery, StackStatus } from "./request";

export { foreignLockHours };

/** Where a stack stands, in words. */
export interface Standing {
  /** Such as `the last update failed at …; 46 resources are in the state`. */
  summary: string;
  /** What to do about it; undefined where nothing has to be done. */
  next?: string;
  /** Whether that is, or begins with, a recovery. */
  needsRecovery: boolean;
  /** Whether its state holds anything in a cluster. */
  isDeployed: boolean;
}

/** Where a stack stands, by what its backend knows. Pure. */
export function standingOf({ last, resources, pending, locks }: StackStatus): Standing {
  const live = locks.filter(isLive);
  const left = locks.filter((lock) => !isLive(lock));
  const isDeployed = resources > 0 || pending.length > 0;
  const kind = last?.kind ?? "update";
  const [words = ""] = last?.message.split("\n") ?? [];
  // Without one of its own, an update bears the message of the commit in its folder.
  const message = words === "" ? "" : ` (${words.length <= 60 ? words : `${words.slice(0, 59)}…`})`;
  const state = `${resources} ${resources === 1 ? "resource is" : "resources are"} in the state`;
  const ended = () => {
    if (last?.result === "in-progress") return `the last ${kind}${message} began at ${last.startTime}`;
    if (last !== undefined) return `the last ${kind}${message} ${last.result} at ${last.endTime}`;
    if (live.length > 0) return "no update of it has ended yet";
    return isDeployed || left.length > 0 ? "its first update was cut off" : "the stack was never deployed";
  };
  const summary = [
    ended(),
    ...(isDeployed || last !== undefined ? [state] : []),
    ...(pending.length === 0 ? [] : [`${pending.length} of its operations never finished`]),
    ...live.map((lock) => `an update is running: ${lockText(lock)}`),
    ...left.map((lock) => `an update was killed and left its lock: ${lockText(lock)}`),
  ].join("; ");
  const needsRecovery = live.length === 0 && (left.length > 0 || pending.length > 0);
  return { summary, isDeployed, needsRecovery, ...defined({ next: nextOf() }) };

  function nextOf(): string | undefined {
    if (live.length > 0) return "wait for it to end";
    if (needsRecovery) return "recover the stack, then run up again";
    if (!isDeployed && last?.result !== "failed") return "run up first";
    if (last !== undefined && last.result !== "failed") return undefined;
    return `run ${kind === "destroy" ? "destroy" : "up"} again: it goes on from there`;
  }
}

/** What `status` prints. */
export function statusText(status: StackStatus, outputs: Outputs, stack: string): string {
  const { summary, next, needsRecovery } = standingOf(status);
  return [
    `Stack ${stack}: ${summary}.`,
    ...Object.entries(outputs.versions?.value ?? {}).map(([part, version]) => `  ${part.padEnd(12)} ${version}`),
    ...(outputs.gatewayAddress === undefined ? [] : [`  gateway at   ${String(outputs.gatewayAddress)}`]),
    ...(outputs.gatewayNodePorts === undefined
      ? []
      : [`  gateway at   ports ${Object.values(outputs.gatewayNodePorts.value).join(" and ")} of every node`]),
    ...status.pending.map((operation) => `  never finished: ${operation}`),
    ...(next === undefined ? [] : [`  fix: ${next}${needsRecovery ? ` (${recoverCommand(stack)})` : ""}`]),
  ].join("\n");
}

/** In a checkout the command goes by the name of npm's script. */
function recoverCommand(stack: string): string {
  const command = process.env["npm_lifecycle_event"] === "recover" ? "npm run recover --" : "enroute-istio recover";
  return `${command} --stack ${stack} --yes`;
}

/** Whether nothing was left behind. */
export function isClean({ locks, cutShort, stateOf, forget, pending }: StackRecovery): boolean {
  return stateOf === undefined && [locks, cutShort, forget, pending].every(({ length }) => length === 0);
}

/** What `recover` prints. */
export function recoveryText(recovery: StackRecovery, stack: string): string {
  const { locks, cutShort, stateOf, forget, pending, foreign = [], refreshed = [], done } = recovery;
  const copy = `Its copy of ${stateOf} ${done ? "took" : "can take"} its place.`;
  return [
    ...foreign.map(
      ({ namespace, name, why, owner }) =>
        `Helm release ${namespace}/${name} ${why}.\n  It is left as it is. ${
          owner === undefined
            ? `Agree with its owner, then uninstall it, or take it over: --adopt ${namespace}/${name}`
            : `Use that stack, or destroy it first; if it is gone without having been destroyed: ${takeOverCommand(owner, stack)}`
        }`,
    ),
    ...locks.map(
      (lock) => `An update was killed and left its lock: ${lockText(lock)}.${done ? " It was removed." : ""}`,
    ),
    ...(stateOf === undefined ? [] : [`The state file of stack ${stack} is cut short. ${copy}`]),
    ...cutShort.map(
      (file) =>
        `A file beside the state is cut short, and nothing needs it: ${file}.${done ? " It was put aside." : ""}`,
    ),
    ...forget.map(
      ({ namespace, name, revisions, why }) =>
        `Helm release ${namespace}/${name} ${why}.\n  Helm ${done ? "forgot" : "forgets"} revision ${revisions.join(", ")}; its objects stay.`,
    ),
    ...pending.map(
      (operation) => `The engine never finished: ${operation}.${done ? " The state expects it no more." : ""}`,
    ),
    ...refreshed.map(({ resource, change }) =>
      change === "delete"
        ? `Removed from the state, as the cluster does not have it: ${resource}.`
        : `Brought in line with the cluster in the state: ${resource}.`,
    ),
    ...(isClean(recovery) && foreign.length === 0 ? [`Nothing of stack ${stack} was cut off.`] : []),
    ...(isClean(recovery) || done ? [] : [`Repair it with: ${recoverCommand(stack)}`]),
    ...(done
      ? [
          `The lock of stack ${stack} is free and its state is fresh. ${
            foreign.length === 0 ? "Go on with" : "Once that is settled, go on with"
          }: pulumi up --stack ${stack}`,
        ]
      : []),
  ].join("\n");
}

/** What `forget` prints. */
export function forgottenText({ evidence, resources, mayBeLeft, done }: ClusterLeft, stack: string): string {
  return [
    ...(evidence === "" ? [] : [`The cluster of stack ${stack} is gone: ${evidence}.`]),
    `${done ? "Removed" : "Would be removed"} from the state, ${resources.length}:`,
    ...resources.map((one) => `  ${one}`),
    "May be left outside of the cluster; look for it yourself:",
    ...mayBeLeft.map((one) => `  ${one}`),
  ].join("\n");
}
