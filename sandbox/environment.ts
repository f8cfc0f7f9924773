import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { version as packagedVersion } from "@pulumi/kubernetes/package.json";
import { cacheFolder } from "./build";
import { type Sandbox, passphrasePath } from "./cluster";
import { installEngine } from "./engine/install";
import type { Report } from "./progress";
import { type SandboxProject, writeProject } from "./project";

/** Of the person's own: they would point the tools at another backend, another account or another secret. */
const foreign = [
  "PULUMI_ACCESS_TOKEN",
  "PULUMI_BACKEND_URL",
  "PULUMI_CONFIG_PASSPHRASE",
  "PULUMI_CONFIG_PASSPHRASE_FILE",
  "PULUMI_STACK",
  "HELM_NAMESPACE",
  "HELM_KUBECONTEXT",
];

const checkout = resolve(__dirname, "..");

/** What it takes to work on a sandbox. */
export interface Workplace {
  /** The environment in which pulumi, kubectl, helm and all their like work on the sandbox and on nothing else. */
  readonly env: NodeJS.ProcessEnv;
  readonly project: SandboxProject;
  /** Names of the engine's parts that are no official ones. */
  readonly standIns: readonly string[];
}

/** Puts up the Pulumi engine's parts and the project of the sandbox, as far as they are not there yet. */
export async function prepareWorkplace(sandbox: Sandbox, report: Report): Promise<Workplace> {
  const { folder, binaries, kubeconfig } = sandbox;
  const home = join(folder, "home");
  const state = join(folder, "state");
  mkdirSync(home, { recursive: true });
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const engine = await installEngine({
    cacheFolder: cacheFolder(),
    pulumiHome: home,
    builtPulumi: binaries.pulumi,
    builtKubernetes: binaries.kubernetesProvider,
    report,
  });
  // The release that belongs to the npm package is what a program asks for unless its stack says otherwise.
  const isPackaged = engine.kubernetesVersion === packagedVersion;
  const endpoints = isPackaged ? sandbox : { ...sandbox, kubernetesPluginVersion: engine.kubernetesVersion };
  writePassphrase(folder);
  const project = writeProject(checkout, folder, endpoints, report);
  const own = Object.entries(process.env).filter(([name]) => !foreign.includes(name));
  const env = {
    ...Object.fromEntries(own),
    PATH: [writePulumi(folder, engine.binFolder), engine.binFolder, ...binaries.folders, process.env["PATH"]].join(
      delimiter,
    ),
    KUBECONFIG: kubeconfig,
    HELM_CACHE_HOME: join(folder, "helm", "cache"),
    HELM_CONFIG_HOME: join(folder, "helm", "config"),
    HELM_DATA_HOME: join(folder, "helm", "data"),
    PULUMI_HOME: home,
    PULUMI_BACKEND_URL: `file://${state}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: passphrasePath(folder),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    ...(isPackaged
      ? {}
      : {
          // Before 4.29 the provider knows this as a variable only, not as the argument that the program gives it.
          PULUMI_K8S_ENABLE_PATCH_FORCE: "true",
          ENROUTE_SANDBOX_KUBERNETES_VERSION: engine.kubernetesVersion,
        }),
    // Everything is there; the engine would look for the npm package's release of the provider before each update.
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    // Makes every `pulumi` work in the sandbox's project, wherever it is called.
    PULUMI_OPTION_CWD: project.folder,
    // A review compares commits: of the checkout, with the sandbox's charts on both sides.
    ENROUTE_ISTIO_REVIEW_CWD: checkout,
    ENROUTE_ISTIO_CHART_REPOSITORY: sandbox.chartRepository,
  };
  return { env, project, standIns: engine.standIns };
}

/** The environment alone; stacks that cannot be used in the sandbox are told. */
export async function sandboxEnvironment(sandbox: Sandbox, report: Report = () => {}): Promise<NodeJS.ProcessEnv> {
  const { env, project } = await prepareWorkplace(sandbox, report);
  project.unusable.forEach((why) => report(unusableLine(why)));
  return env;
}

/** One line about a stack that cannot be used. */
export const unusableLine = (why: string) => `not usable in the sandbox: ${why.split(/:?\n/)[0]}`;

/** Options of pulumi that name a file or folder. */
const pathOptions = [
  "policy-pack",
  "policy-pack-config",
  "plan",
  "save-plan",
  "import-file",
  "file",
  "out",
  "config-file",
];

/**
 * A `pulumi` that takes paths from where it is called, as always: PULUMI_OPTION_CWD would have them start from the sandbox's project.
 *
 * @returns the folder that it is in.
 */
export function writePulumi(folder: string, engineFolder: string): string {
  const bin = join(folder, "bin");
  mkdirSync(bin, { recursive: true });
  const options = (suffix: string) => pathOptions.map((option) => `--${option}${suffix}`).join("|");
  const script = `#!/bin/sh
previous=
for argument do
  shift
  case $previous in ${options("")}) case $argument in /*) ;; *) argument=$PWD/$argument ;; esac ;; esac
  case $argument in ${options("=*")}) case $argument in *=/*) ;; *) argument=\${argument%%=*}=$PWD/\${argument#*=} ;; esac ;; esac
  previous=$argument
  set -- "$@" "$argument"
done
exec '${join(engineFolder, "pulumi").replaceAll("'", "'\\''")}' "$@"
`;
  const partial = join(bin, `pulumi.${process.pid}`);
  writeFileSync(partial, script);
  chmodSync(partial, 0o755);
  renameSync(partial, join(bin, "pulumi"));
  return bin;
}

/** One for the life of the sandbox's folder: it opens the secrets in the state, and those that somebody has put into a stack. */
function writePassphrase(folder: string): void {
  try {
    writeFileSync(passphrasePath(folder), randomBytes(24).toString("base64url"), { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
      throw error;
    }
  }
}
