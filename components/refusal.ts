import * as pulumi from "@pulumi/pulumi";

/** An error that is shown by its message alone; a stack trace would bury it. */
export function refusal(message: string): pulumi.RunError {
  const error = new pulumi.RunError(message);
  // The SDK inspects the stack all the same, in colour, and on Node.js 20.20 that takes 15 s where it passes through
  // node_modules (the pitfall of pulumi/pulumi#20567 and #21326).
  delete error.stack;
  return error;
}
