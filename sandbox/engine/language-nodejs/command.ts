import { createRequire } from "node:module";
import { join } from "node:path";
import type { RunPluginRequest, RunRequest } from "@pulumi/pulumi/proto/language_pb";
import type { RuntimeOptions } from "./options";

/** How to start a process. */
export interface Command {
  executable: string;
  args: string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
}

/** The command that runs a program: the SDK's own runner, taken from the program's packages. */
export function programCommand(
  request: RunRequest,
  options: RuntimeOptions,
  engineAddress: string,
  environment: NodeJS.ProcessEnv,
): Command {
  const info = request.getInfo();
  const folder = info?.getProgramDirectory() || request.getPwd();
  const flags: [string, string][] = [
    ["--monitor", request.getMonitorAddress()],
    ["--engine", engineAddress],
    ["--organization", request.getOrganization()],
    ["--project", request.getProject()],
    ["--root-directory", info?.getRootDirectory() ?? ""],
    ["--stack", request.getStack()],
    ["--pwd", request.getPwd()],
    ["--parallel", request.getParallel() > 0 ? String(request.getParallel()) : ""],
  ];
  return {
    executable: process.execPath,
    args: [
      ...options.nodeArguments,
      sdkModule("cmd/run", folder),
      // Joined with "=", as a value may begin with a dash.
      ...flags.filter(([, value]) => value !== "").map(([flag, value]) => `${flag}=${value}`),
      ...(request.getDryrun() ? ["--dry-run"] : []),
      info?.getEntryPoint() || request.getProgram() || ".",
      ...request.getArgsList(),
    ],
    cwd: folder,
    env: {
      ...withTypeScript(environment, options),
      PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().getEntryList())),
      PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
    },
  };
}

/** The command that runs a plugin written in TypeScript or JavaScript; of kind "analyzer", that is a policy pack. */
export function pluginCommand(
  request: RunPluginRequest,
  options: RuntimeOptions,
  environment: NodeJS.ProcessEnv,
): Command {
  const folder = request.getInfo()?.getProgramDirectory() || request.getProgram();
  const isPolicyPack = request.getKind() === "analyzer";
  const sent = Object.fromEntries(request.getEnvList().map(splitVariable));
  return {
    executable: process.execPath,
    args: [
      ...options.nodeArguments,
      // The SDK's two runners differ in where they take the folder from.
      ...(isPolicyPack
        ? [sdkModule("cmd/run-policy-pack", folder), ...request.getArgsList(), folder]
        : [sdkModule("cmd/run-plugin", folder), folder, ...request.getArgsList()]),
    ],
    // The SDK looks for a policy pack's tsconfig.json in the working folder.
    cwd: isPolicyPack ? folder : request.getPwd() || folder,
    env: withTypeScript(Object.keys(sent).length > 0 ? sent : environment, options),
  };
}

function withTypeScript(environment: NodeJS.ProcessEnv, options: RuntimeOptions): NodeJS.ProcessEnv {
  return {
    ...environment,
    PULUMI_NODEJS_TYPESCRIPT: String(options.typescript),
    ...(options.tsconfig === undefined ? {} : { PULUMI_NODEJS_TSCONFIG_PATH: options.tsconfig }),
  };
}

function sdkModule(module: string, folder: string): string {
  const name = `@pulumi/pulumi/${module}`;
  try {
    return createRequire(join(folder, "resolve-from-here.js")).resolve(name);
  } catch {
    // The engine knows the first words, and adds advice for policy packs.
    throw new Error(`Cannot find module '${name}' from ${folder}: install the program's packages there (npm install)`);
  }
}

function splitVariable(variable: string): [string, string] {
  const at = variable.indexOf("=", 1);
  return at < 0 ? [variable, ""] : [variable.slice(0, at), variable.slice(at + 1)];
}
