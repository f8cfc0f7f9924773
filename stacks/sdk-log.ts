import * as pulumi from "@pulumi/pulumi";

/*
 * The SDK's debug messages hold what it sends and what the engine answers as it came, private keys included (`RegisterResource RPC
 * finished: …, resp: …`; @pulumi/pulumi 3.246, runtime/resource.js and invoke.js). The engine masks what a stack file encrypts, but not
 * other forms of it and nothing that was generated, and `pulumi up --json` prints these messages.
 */

/** A debug message of the SDK without properties. */
export function withoutProperties(message: string): string {
  return message.replace(/\b(resp|obj|props|outputs|primitive|function)([:=] ?)[^]*$/, "$1$2…");
}

const isKept = Symbol.for("enroute-istio.sdk-log");

/** Keeps properties out of the SDK's debug messages, in this process. */
export function keepPropertiesOutOfDebugMessages(): void {
  const log = pulumi.log as { debug: typeof pulumi.log.debug & { [isKept]?: true } };
  if (log.debug[isKept] === true) return;
  const { debug } = log;
  const kept = ((message, ...rest) => debug(withoutProperties(message), ...rest)) as typeof log.debug;
  kept[isKept] = true;
  log.debug = kept;
}
