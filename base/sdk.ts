/* Which versions of the Pulumi SDK this is tested with, and what is said where an installed one does not do. */

/** Versions of @pulumi/pulumi that the tests run with: the oldest that is taken, and the newest. 3.249 and newer need Node.js 22. */
export const testedSdks = { oldest: "3.246.0", newest: "3.276.0" } as const;

/** The error about an SDK that lacks something; undefined where nothing is missing. */
export function sdkProblem(version: string, missing: readonly string[]): string | undefined {
  const { oldest, newest } = testedSdks;
  return missing.length === 0
    ? undefined
    : `@pulumi/pulumi ${version}, which is installed, lacks what enroute-istio needs of it: ${missing.join("; ")}. ` +
        `Tested are ${oldest} and ${newest}: npm install @pulumi/pulumi@${newest} (Node.js 22 or newer) or @pulumi/pulumi@${oldest}, ` +
        "or a newer enroute-istio.";
}
