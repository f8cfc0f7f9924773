/** As deep as the SDK's own frames, then the component's, then that of what makes the component. */
const depth = 7;

type Format = (error: Error, frames: NodeJS.CallSite[]) => unknown;

const plain: Format = (error, frames) => [String(error), ...frames.map(String)].join("\n    at ");

/**
 * Makes many resources with short stacks. The SDK notes the whole stack of each resource, which the engine keeps in the state, and of each
 * promise (runtime/debuggable.ts), every frame mapped to its source: of a thousand hosts, most of the program's time and memory.
 */
export function withShortStacks<Made>(make: () => Made): Made {
  const errors = Error as { stackTraceLimit: number; prepareStackTrace: Format | undefined };
  const before = { stackTraceLimit: errors.stackTraceLimit, prepareStackTrace: errors.prepareStackTrace };
  const format = before.prepareStackTrace ?? plain;
  // An error of the program itself still names its line; for resources the SDK lifts the limit.
  errors.stackTraceLimit = 1;
  errors.prepareStackTrace = (error, frames) => format(error, frames.slice(0, depth));
  try {
    return make();
  } finally {
    Object.assign(errors, before);
  }
}
