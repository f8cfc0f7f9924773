const packageManagers = ["auto", "npm", "yarn", "pnpm", "bun"] as const;

/** A program that installs a project's packages; "auto" goes by the lock file. */
export type PackageManager = (typeof packageManagers)[number];

/** The options below `runtime` in Pulumi.yaml or PulumiPolicy.yaml. */
export interface RuntimeOptions {
  /** whether the SDK's loader is to compile TypeScript; default true */
  typescript: boolean;
  /** a tsconfig other than tsconfig.json in the program's folder */
  tsconfig?: string;
  /** arguments for Node.js itself */
  nodeArguments: string[];
  /** default "auto" */
  packageManager: PackageManager;
}

/** Reads the options that the engine sends; unknown ones are ignored, as the official host does. Throws on a wrong value. */
export function parseRuntimeOptions(options: Record<string, unknown>): RuntimeOptions {
  const { typescript = true, tsconfig = "", nodeargs = "", packagemanager = "auto" } = options;
  if (typeof typescript !== "boolean") throw refused("typescript", typescript, "true or false");
  if (typeof tsconfig !== "string") throw refused("tsconfig", tsconfig, "a path");
  if (typeof nodeargs !== "string") throw refused("nodeargs", nodeargs, "a text of arguments");
  const packageManager = packageManagers.find((name) => name === packagemanager);
  if (packageManager === undefined) throw refused("packagemanager", packagemanager, packageManagers.join(", "));
  return {
    typescript,
    ...(tsconfig === "" ? {} : { tsconfig }),
    nodeArguments: splitArguments(nodeargs),
    packageManager,
  };
}

/** Splits a command line at white space, except within single or double quotes. */
export function splitArguments(line: string): string[] {
  const words = line.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));
}

function refused(option: string, found: unknown, allowed: string): Error {
  return new Error(`runtime option "${option}" is ${JSON.stringify(found)}, but must be ${allowed}`);
}
