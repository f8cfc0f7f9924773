import { defined } from "../base/defined";
import { type Report, failuresText } from "../base/report";
import { SettingsError } from "../settings/error";
import type { Refusal } from "../stacks/program";
import type { VerifyError } from "../verify/verify";
import { type Failed, classify, codeOf } from "./classify";
import {
  type RolloutError,
  type RolloutErrorCode,
  explanations,
  failure,
  isRolloutError,
  settingsError,
  stopOf,
  unreachableError,
} from "./errors";
import type { EventTranslator } from "./event-translator";
import { PulumiCommandError } from "./pulumi-command";
import type { Target } from "./request";
import { type Access, explainAccess, isExplained } from "./state-access";

/* What an operation of the engine failed of, as an error of the library. */

/** Why the program failed, where the program itself knows. */
export interface Why {
  refusal?: Refusal;
  /** The report of the verification at the end of the update; or why there is none. */
  verified?: Report;
  unverified?: unknown;
}

/** Whose change it is, and what may have stopped it. */
interface Running {
  target: Pick<Target, "stack">;
  control: { signal: AbortSignal; kill: AbortSignal };
}

/** Checks of the way to the cluster: where nothing but these fail, it cannot be reached. */
const connectionChecks = ["cluster/reachable", "cluster/kubeconfig", "cluster/context", "cluster/answers"];

function refusalError(refusal: Refusal, stack: string): RolloutError {
  if (refusal instanceof SettingsError) return settingsError(refusal);
  const { findings } = refusal;
  const errors = findings.filter(({ severity }) => severity === "error");
  const message = `stack ${stack}: ${errors.map(({ problem }) => problem).join("; ")}`;
  const next = errors.map(({ fix }) => fix).join("; ");
  if (errors.every(({ check }) => check === "releases/unfinished")) return failure("release-wedged", message, next, {});
  const isUnreachable = errors.every(({ check }) => connectionChecks.includes(check));
  return failure(isUnreachable ? "cluster-unreachable" : "cluster-not-ready", message, next, { findings });
}

/** Why a change failed, by what the program knows, and what the engine reported. */
export function operationError(
  error: unknown,
  events: Pick<EventTranslator, "left" | "hide" | "errors" | "violations" | "waitOf">,
  { target: { stack }, control: { signal, kill } }: Running,
  { refusal, verified, unverified, namespaceOf }: Why & Pick<Failed, "namespaceOf">,
): RolloutError {
  if (refusal !== undefined) return refusalError(refusal, stack);
  const left = events.left();
  const text = events.hide(textOf(error));
  if (signal.aborted) {
    const { code, cause } = stopOf(signal);
    const { next } = explanations.interrupted;
    const known =
      left.unfinished.length === 0 ? "nothing was left half-done" : `left unfinished: ${left.unfinished.join(", ")}`;
    const unknown = "it was dropped at once, so what the engine was doing is not known for sure";
    const message = `${cause}; ${left.changed} resources were changed before, ${kill.aborted ? `${unknown} (${known})` : known}`;
    return failure(code, message, kill.aborted ? "recover the stack, then run it again" : next, left, text);
  }
  if (unverified instanceof Error && "finding" in unverified) return unreachableError(stack, unverified as VerifyError);
  if (verified?.status === "failed") {
    const { cause, next } = explanations["verification-failed"];
    return failure("verification-failed", cause, next, { report: verified }, failuresText(verified));
  }
  return classify({
    text,
    errors: events.errors.map((one) => ({ ...one, ...events.waitOf(one.resource) })),
    violations: events.violations,
    left,
    ...defined({ namespaceOf }),
  });
}

/** Causes that need no more words; the tool's message is in the detail. */
const selfEvident: RolloutErrorCode[] = ["stack-not-found", "stack-locked", "passphrase-wrong", "pulumi-missing"];

/** Any other failure, with the stack that it is about, and what is known of the way to its state. */
export async function explained(error: unknown, { stack }: Target, access: Access | undefined): Promise<RolloutError> {
  const known = isRolloutError(error)
    ? error
    : classify({ text: textOf(error), errors: [], violations: [], left: { unfinished: [], changed: 0 } });
  const { code, message } = known;
  const cause = selfEvident.includes(code) ? explanations[code].cause : message;
  const isWhole = isExplained(known) || (isRolloutError(error) && !selfEvident.includes(code));
  const named = isWhole ? known : known.retold({ message: `stack ${stack}: ${cause}` });
  return access === undefined ? named : explainAccess(named, access);
}

export function codeOfError(error: unknown): RolloutErrorCode {
  return codeOf(textOf(error));
}

function textOf(error: unknown): string {
  if (error instanceof PulumiCommandError) return error.message.trim();
  return error instanceof Error ? error.message : String(error);
}
