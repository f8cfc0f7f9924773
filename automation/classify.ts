/* Which error it is, by the tools' messages. */

import { reasonOf } from "../base/text";
import { type ErrorAbout, type Left, type RolloutError, type RolloutErrorCode, explanations, failure } from "./errors";

/** Messages by which the tools' errors are known; the first match counts. Each was seen from the real tool. */
const signs: [RolloutErrorCode, RegExp][] = [
  ["pulumi-missing", /spawn \S*pulumi ENOENT|Minimum version requirement failed|Major version mismatch/],
  ["project-not-found", /no Pulumi\.yaml project file found|failed to find project settings|Invalid workDir/i],
  ["stack-not-found", /no stack named '[^']*' found|stack '[^']*' not found/],
  [
    "stack-locked",
    // The last two: the file backend, at the moment at which another update writes its lock (pulumi/pkg, backend/diy/lock.go).
    /the stack is currently locked by|Another update is currently in progress|\[409\] Conflict|\.pulumi\/locks\/[^\n]*(NotFound|no such file)|^error: (could not create stack: )?(unexpected end of JSON input|(unexpected )?EOF)$/m,
  ],
  ["passphrase-wrong", /incorrect passphrase|passphrase must be set/],
  // Before damage: a state that may not be read is intact. Buckets (gocloud.dev/blob, with the SDKs of AWS, Azure, Google) and
  // Pulumi Cloud each have their own words for credentials that are missing, wrong or expired.
  [
    "backend-unavailable",
    /(blob \(|bucket|\.pulumi\/|checkpoint)[\s\S]*(NoCredentialProviders|failed to (retrieve|refresh cached) credentials|get (identity|credentials): |\b(ExpiredToken(Exception)?|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|RequestTimeTooSkewed|AccessDenied|NoSuchBucket)\b|token has expired|SSO session|DefaultAzureCredential|\b(AuthenticationFailed|AuthorizationFailure|AuthorizationPermissionMismatch|InvalidAuthenticationInfo|ContainerNotFound)\b|AADSTS\d+|could not find default credentials|invalid_grant|invalid_rapt|oauth2: |reauth related error|googleapi: Error (401|403))|\[(401|403)\] (Unauthorized|Forbidden|No credentials)/,
  ],
  // Whatever else a bucket answers (gocloud.dev/gcerrors), but that something is not there; and a bucket that does not answer.
  ["backend-unavailable", /(bucket|blob \()[^\n]*\(code=(?!NotFound)\w+\)|could not list bucket/],
  [
    "backend-unavailable",
    /(checkpoint|\.pulumi\/)[^\n]*(PermissionDenied|permission denied|no such host|i\/o timeout|connection (refused|reset)|TLS handshake timeout)/,
  ],
  [
    "state-damaged",
    /(could not deserialize|load(ing)?|unmarshal\w*|read(ing)?) [^\n]*checkpoint|checkpoint[^\n]*(unexpected end of JSON|invalid character)|read(ing)? [^\n]*(history file|\.pulumi\/meta\.yaml)[^\n]*(EOF|unexpected end of JSON|invalid character)/i,
  ],
  [
    "backend-unavailable",
    /PULUMI_ACCESS_TOKEN must be set|unable to open (?:bucket|state directory)|performing HTTP request: |invalid access token|\[401\] Unauthorized|pulumi login|no space left on device/,
  ],
  ["plugin-missing", /no resource plugin '[^']+'|could not (load|find) plugin|failed to (load|download) plugin/],
  ["changes-found", /no changes were expected( for \w+)? but changes /],
  ["policy-violated", /\[mandatory\]|mandatory polic(y|ies)/i],
  [
    "release-wedged",
    /another operation \(install\/upgrade\/rollback\) is in progress|cannot re-use a name that is still in use|has no deployed releases/,
  ],
  [
    "object-not-ours",
    /invalid ownership metadata|Apply failed with \d+ conflict|exists and cannot be imported into the current release/,
  ],
  ["webhook-unavailable", /failed calling webhook/],
  [
    "chart-not-found",
    /chart "[^"]*"[^\n]*(not found|no chart version found)|no chart (name|version) found|improper constraint|chart [^\n]*: not found|failed to find chart/i,
  ],
  [
    "chart-repository-unreachable",
    /is not a valid chart repository or cannot be reached|looks like "[^"]*" is not a valid chart|failed to fetch [^\n]*|could not download chart|failed to (perform|do request)[^\n]*(oci|manifests)/i,
  ],
  ["cluster-unreachable", /configured Kubernetes cluster is unreachable|(due to|with) unreachable cluster/],
  [
    "timed-out",
    /timed out waiting|failed to become available within allocated timeout|context deadline exceeded|Timeout occurred|timeout: /i,
  ],
];

/** Code of an error by the words of the tools; `operation-failed` for words that say nothing else. */
export function codeOf(text: string): RolloutErrorCode {
  return signs.find(([, sign]) => sign.test(text))?.[0] ?? "operation-failed";
}

/** The words with which the engine closes whatever failed. */
export function isClosingWord(text: string): boolean {
  return /^(error: )?(update|preview|destroy|refresh) failed$/.test(text.trim());
}

/** An error of the engine. */
export interface EngineError {
  text: string;
  /** The resource that it is about, as `type name`. */
  resource?: string;
  /** What that resource was waiting for last, in words, and what to do about that. */
  waited?: string;
  fix?: string;
}

export interface Failed {
  /** The tools' error output, and the engine's errors. */
  text: string;
  /** The engine's errors alone. */
  errors: readonly EngineError[];
  violations: readonly string[];
  left: Left;
  /** Namespace of a release of Helm, where it is known. */
  namespaceOf?: (release: string) => string | undefined;
}

/** The error of an operation that failed, by the tools' messages. */
export function classify({ text, errors, violations, left, namespaceOf }: Failed): RolloutError {
  // The engine's own closing words ("update failed") are about no resource and add nothing.
  const causes = errors.filter(({ text: one }) => !isClosingWord(one));
  const messages = causes.map(({ text: one }) => one).join("\n");
  const code = violations.length > 0 ? "policy-violated" : codeOf(messages === "" ? text : `${messages}\n${text}`);
  const first = causes.find(({ text: one }) => codeOf(one) === code) ?? causes[0];
  const words = withoutHint(first === undefined ? lastError(text) : reasonOf(first.text));
  const also = [...new Set(causes.flatMap(({ resource }) => resource ?? []))].filter((one) => one !== first?.resource);
  const message = [
    code === "policy-violated" && violations.length > 0
      ? violations.join("; ")
      : `${first?.resource === undefined ? "" : `${first.resource}: `}${words}`,
    ...(first?.waited === undefined ? [] : [`it waited for ${first.waited}`]),
    ...(also.length === 0 ? [] : [`also failed: ${also.join(", ")}`]),
  ].join("\n");
  const detail = [messages, text].map((part) => part.trim()).filter((part) => part !== "");
  return failure(
    code,
    `${explanations[code].cause}: ${message.replaceAll("\n", "\n    ")}`,
    nextOf(code, first?.text ?? text, { namespaceOf, fix: first?.fix }),
    aboutOf(code, { text: `${messages}\n${text}`, violations, left }),
    detail.join("\n"),
  );
}

/** Without a hint of the provider (4.34) that has a living cluster's resources dropped, if only its credentials ran out. */
function withoutHint(text: string): string {
  return text.replace(
    /\s*If the cluster was deleted, you can remove this resource [^]*PULUMI_K8S_DELETE_UNREACHABLE.*/,
    "",
  );
}

/** What to do about an error, by what Helm waited for, and what it made of a release that failed. */
function nextOf(
  code: RolloutErrorCode,
  text: string,
  { namespaceOf, fix }: { namespaceOf: Failed["namespaceOf"]; fix: string | undefined },
): string {
  const next = code === "timed-out" && fix !== undefined ? `${fix}; then run it again` : explanations[code].next;
  if (/an error occurred while (rolling back|uninstalling) the release/.test(text))
    return "Helm failed to undo it, too: see why (kubectl describe pod in its namespace), recover the stack, then run it again";
  const [, release, undone] =
    /release (\S+) failed, and has been (uninstalled|rolled back) due to atomic being set/.exec(text) ?? [];
  if (release === undefined) return next;
  const what =
    undone === "uninstalled"
      ? "Helm removed the failed installation again, and its pods"
      : "Helm went back to what ran before, and the pods that failed are gone";
  if (code !== "timed-out" || fix !== undefined) return `${what}; ${next}`;
  const namespace = /Helm Release ([^/\s]+)\//.exec(text)?.[1] ?? namespaceOf?.(release);
  const where = namespace === undefined ? "--all-namespaces" : `--namespace ${namespace}`;
  return (
    `${what}: kubectl get events ${where} --sort-by=.lastTimestamp shows why, for an hour; ` +
    "raise its timeoutSeconds if it was only slow; run it again"
  );
}

type Known = Pick<Failed, "text" | "violations" | "left">;
/** What is known beside cause and next step, where only the messages are known; codes that carry nothing are left out. */
const abouts: {
  [Code in RolloutErrorCode as object extends ErrorAbout[Code] ? never : Code]: (known: Known) => ErrorAbout[Code];
} = {
  "settings-invalid": () => ({ problems: [] }),
  "plugin-missing": ({ text }) => ({ plugin: /plugin '?([\w.-]+)/.exec(text)?.[1] ?? "unknown" }),
  "stack-locked": () => ({ locks: [] }),
  "cluster-unreachable": () => ({ findings: [] }),
  "cluster-not-ready": () => ({ findings: [] }),
  "policy-violated": ({ violations }) => ({ violations }),
  "timed-out": ({ left }) => left,
  interrupted: ({ left }) => left,
};

function aboutOf(code: RolloutErrorCode, known: Known): ErrorAbout[RolloutErrorCode] {
  return code in abouts ? abouts[code as keyof typeof abouts](known) : {};
}

/** The last error in a tool's output that names a cause, with the indented lines below it. */
function lastError(text: string): string {
  const found = [...text.matchAll(/^error: (.+(?:\n[ \t]+\S.*)*)/gm)].flatMap(([, words]) => words ?? []);
  const rest = text.split("\n").filter((line) => !isClosingWord(line));
  return reasonOf(found.find((words) => !isClosingWord(words)) ?? rest.join("\n"));
}
