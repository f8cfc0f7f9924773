import * as pulumi from "@pulumi/pulumi";
import { type Problem, problemText } from "../settings/error";

/** An error that is shown by its message alone; a stack trace would bury it. */
export function refusal(message: string): pulumi.RunError {
  return shownByMessage(new pulumi.RunError(message));
}

/** Leaves the SDK nothing of an error to show but its message, as it is. */
function shownByMessage<Shown extends Error & { resource?: unknown }>(error: Shown): Shown {
  const { message } = error;
  // The SDK inspects an error with a stack, in colour, also where it shows the message alone: on Node.js 20.20 that takes 15 s where the
  // stack passes through node_modules, and gigabytes where a resource hangs on it (the pitfall of pulumi/pulumi#20567 and #21326).
  delete error.stack;
  if (error.resource !== undefined) Object.defineProperty(error, "resource", { enumerable: false });
  // Each resource whose property waits for it would write its own name in front (serializeFilteredProperties of the SDK, 3.246).
  Object.defineProperty(error, "message", { get: () => message, set: () => undefined, enumerable: false });
  return error;
}

/**
 * Everything that is wrong with the arguments of a component, in one error that belongs to it. Where the component is made for a program
 * in another language, the engine lists the problems by property (the SDK's InputPropertiesError, which this is as well).
 */
export class ArgumentsError extends pulumi.ResourceError {
  readonly __pulumiInputPropertiesError = true;
  readonly errors: { propertyPath: string; reason: string }[];

  constructor(
    component: pulumi.Resource,
    name: string,
    readonly problems: readonly Problem[],
    { isLate = false } = {},
  ) {
    const count = problems.length === 1 ? "1 argument" : `${problems.length} arguments`;
    const consequence = isLate ? ", as is known only now: what waits for it is not made." : "; nothing of it was made.";
    const title = `${count} of ${name} ${problems.length === 1 ? "is" : "are"} wrong${consequence}`;
    const help = "  Correct them in the program; docs/components.md describes every argument.";
    super([title, ...problems.map(problemText), help].join("\n"), component, true);
    this.errors = problems.map(({ key, found, allowed }) => ({
      propertyPath: key,
      reason: found === undefined ? `allowed: ${allowed}` : `found: ${found}; allowed: ${allowed}`,
    }));
    shownByMessage(this);
  }
}

/** The error of a component without the provider of its cluster: it takes none that the shell happens to point at. */
export function missingProvider(component: pulumi.Resource, title: string): ArgumentsError {
  const allowed =
    "missing; the Kubernetes provider of the cluster, in the resource's options: `providers` in programs of every language, `provider` in " +
    "TypeScript as well";
  return new ArgumentsError(component, title, [{ key: "provider", found: undefined, allowed }]);
}
