import { defined } from "../base/defined";
import { withoutUserinfo } from "../base/text";
import type { Finding } from "../base/issue";
import type { Report } from "../base/report";
import type { RecoveryError } from "../recovery/error";
import type { StackLock } from "../recovery/locks";
import type { Problem, SettingsError } from "../settings/error";
import type { VerifyError } from "../verify/verify";

/** What stopped an operation that was interrupted, and how far it had come. */
export interface Left {
  /** Resources whose operation was begun and did not end well, as `type name`. */
  unfinished: string[];
  /** How many resources were created, updated or deleted before. */
  changed: number;
}

/** What each code carries beside cause and next step; {@link explanations} has its meaning. */
export interface ErrorAbout {
  "settings-invalid": { problems: readonly Problem[] };
  "project-not-found": object;
  "pulumi-missing": object;
  "plugin-missing": { plugin: string };
  "stack-not-found": object;
  "stack-locked": { locks: readonly StackLock[] };
  "not-deployed": object;
  "passphrase-wrong": object;
  "backend-unavailable": object;
  "state-damaged": object;
  "cluster-unreachable": { findings: readonly Finding[] };
  "cluster-not-ready": { findings: readonly Finding[] };
  "cluster-answers": object;
  "chart-not-found": object;
  "chart-repository-unreachable": object;
  "changes-found": object;
  "policy-violated": { violations: readonly string[] };
  "release-wedged": object;
  "object-not-ours": object;
  "webhook-unavailable": object;
  "timed-out": Left;
  "verification-failed": { report?: Report };
  interrupted: Left;
  "operation-failed": object;
}

export type RolloutErrorCode = keyof ErrorAbout;

/** An error of the library. `message` is the cause, `next` what to do about it, `detail` the tools' own messages. */
export class RolloutFailure<Code extends RolloutErrorCode = RolloutErrorCode> extends Error {
  override readonly name = "RolloutError";

  constructor(
    readonly code: Code,
    message: string,
    /** What to do next. */
    readonly next: string,
    /** What else is known; depends on the code. */
    readonly about: ErrorAbout[Code],
    detail?: string,
  ) {
    super(withoutUserinfo(message));
    if (detail !== undefined) this.detail = withoutUserinfo(detail);
  }

  /** Raw text of the tools, if there is any. Secrets are masked. */
  readonly detail?: string;

  /** The same error in other words. */
  retold({ message = this.message, next = this.next }: { message?: string; next?: string }): RolloutFailure<Code> {
    return new RolloutFailure(this.code, message, next, this.about, this.detail);
  }

  toJSON(): PlainError<Code> {
    const { code, message, next, about, detail } = this;
    return { code, message, next, about, ...defined({ detail }) };
  }
}

/** The closed union of errors: `switch (error.code)` narrows `error.about`. */
export type RolloutError = { [Code in RolloutErrorCode]: RolloutFailure<Code> }[RolloutErrorCode];

/** An error as plain data: what crosses threads, and what `--json` prints. */
export interface PlainError<Code extends RolloutErrorCode = RolloutErrorCode> {
  code: Code;
  message: string;
  next: string;
  about: ErrorAbout[Code];
  detail?: string;
}

export function isRolloutError(error: unknown): error is RolloutError {
  return error instanceof RolloutFailure;
}

export function failure<Code extends RolloutErrorCode>(
  code: Code,
  message: string,
  next: string,
  about: ErrorAbout[Code],
  detail?: string,
): RolloutError {
  return new RolloutFailure(code, message, next, about, detail) as RolloutError;
}

export function fromPlain({ code, message, next, about, detail }: PlainError): RolloutError {
  return failure(code, message, next, about, detail);
}

/** Every code with its usual cause and its way out: the table of docs/embedding.md. */
export const explanations: Record<RolloutErrorCode, { cause: string; next: string }> = {
  "settings-invalid": {
    cause: "settings of the stack are wrong",
    next: "correct what the problems name; nothing was touched",
  },
  "project-not-found": {
    cause: "there is no Pulumi project in the folder",
    next: "name the folder that holds Pulumi.yaml",
  },
  "pulumi-missing": {
    cause: "the command pulumi is not on the PATH, or is too old",
    next: "install it: https://www.pulumi.com/docs/install/",
  },
  "plugin-missing": {
    cause: "a provider plugin cannot be found",
    next: "install it with pulumi plugin install, or give this machine access to the plugins' server",
  },
  "stack-not-found": {
    cause: "the backend has no such stack",
    next: "correct its name, or ask for it to be created (createIfMissing; pulumi stack init)",
  },
  "stack-locked": {
    cause: "another update of the stack is running, or was killed before it could unlock",
    next: "wait for it to end; if none is running, recover the stack",
  },
  "not-deployed": { cause: "the stack was never deployed", next: "run up first" },
  "passphrase-wrong": {
    cause: "the passphrase of the stack's secrets is missing or wrong",
    next: "give the right passphrase: the option, PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE",
  },
  "backend-unavailable": {
    cause: "the backend that keeps the state does not answer, or needs a login",
    next: "check the backend's URL and its credentials (pulumi login, PULUMI_ACCESS_TOKEN)",
  },
  "state-damaged": {
    cause: "the stack's state cannot be read",
    next: "recover the stack: its newest intact copy replaces it",
  },
  "cluster-unreachable": {
    cause: "the cluster cannot be reached, or refuses the credentials",
    next: "check that the cluster runs, the kubeconfig, VPN and proxy; nothing was touched",
  },
  "cluster-not-ready": {
    cause: "the rollout would fail on this cluster",
    next: "apply the fix of each finding; nothing was touched",
  },
  "cluster-answers": {
    cause: "the cluster answers, so that its resources are not forgotten",
    next: "destroy the stack instead",
  },
  "chart-not-found": {
    cause: "the chart repository has no such chart or version",
    next: "correct the version, or the chartRepository, of that part",
  },
  "chart-repository-unreachable": {
    cause: "the chart repository cannot be reached",
    next: "check the chartRepository of that part, proxy and network; then run it again",
  },
  "changes-found": {
    cause: "no changes were expected (expectNoChanges, --expect-no-changes), and something changed",
    next: "find out which change it was and what caused it; what was done stays done",
  },
  "policy-violated": {
    cause: "a mandatory policy forbids the change",
    next: "change the settings, or have the policy's owner change the policy",
  },
  "release-wedged": {
    cause: "Helm has a record of a release that an update left unfinished",
    next: "recover the stack, then run it again",
  },
  "object-not-ours": {
    cause: "an object in the cluster belongs to another owner",
    next: "remove it, or hand it over, after its owner has agreed",
  },
  "webhook-unavailable": {
    cause: "an admission webhook does not answer",
    next: "make sure that the webhook's pods (for Istio's kinds: istiod) are ready, then run it again",
  },
  "timed-out": {
    cause: "something did not get ready in its time",
    next: "check the pods of that part (kubectl describe pod); raise its timeoutSeconds if it was only slow; run it again",
  },
  "verification-failed": {
    cause: "the rollout is done, but the encryption of both legs is not proven",
    next: "apply the fix of each failed check, then verify again",
  },
  interrupted: {
    cause: "the operation was stopped by its caller",
    next: "run it again: it goes on from where it stopped; recover the stack if that is refused",
  },
  "operation-failed": {
    cause: "the engine reports an error",
    next: "see the detail; what was done stays done, and running it again goes on",
  },
};

/** Whether a signal means that the caller wanted to stop, or that its time was up, and the words for it. */
export function stopOf({ reason }: { reason?: unknown }): { code: "interrupted" | "timed-out"; cause: string } {
  const isTimeout = reason === "timeout" || (reason instanceof Error && reason.name === "TimeoutError");
  return isTimeout
    ? { code: "timed-out", cause: "the time of the caller's signal was up" }
    : { code: "interrupted", cause: explanations.interrupted.cause };
}

/** The error of a stopped read: nothing is left half-done. */
export function stoppedReading(stack: string, signal: { reason?: unknown }): RolloutError {
  const { code, cause } = stopOf(signal);
  return failure(code, `stack ${stack}: ${cause}`, "run it again", { unfinished: [], changed: 0 });
}

export function settingsError(error: SettingsError): RolloutError {
  return failure("settings-invalid", error.message, explanations["settings-invalid"].next, {
    problems: error.problems,
  });
}

/** The error of a verification that could not reach the cluster. */
export function unreachableError(stack: string, { finding }: VerifyError): RolloutError {
  return failure("cluster-unreachable", `stack ${stack}: ${finding.problem}`, finding.fix, { findings: [finding] });
}

export function recoveryError({ code, message, fix, findings }: RecoveryError): RolloutError {
  return code === "state-damaged"
    ? failure(code, `${explanations[code].cause}: ${message}`, fix, {})
    : failure(code, message, fix, { findings });
}
