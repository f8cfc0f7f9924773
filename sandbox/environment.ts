import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { version as packagedVersion } from "@pulumi/kubernetes/package.json";
import { cacheFolder } from "./build";
import { type Sandbox, passphrasePath } from "./cluster";
import { installEngine } from "./engine/install";
import type { Report } from "./progress";
import { writeProject } from "./project";

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

/**
 * The environment in which pulumi, kubectl, helm and all their like work on the sandbox and on nothing else. Puts up the
 * Pulumi engine's parts and the project of the sandbox, if they are not there yet.
 */
export async function sandboxEnvironment(sandbox: Sandbox, report: Report = () => {}): Promise<NodeJS.ProcessEnv> {
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
  const project = writeProject(resolve(__dirname, ".."), folder, endpoints, report);
  const own = Object.entries(process.env).filter(([name]) => !foreign.includes(name));
  return {
    ...Object.fromEntries(own),
    PATH: [engine.binFolder, ...binaries.folders, process.env["PATH"]].join(delimiter),
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
    PULUMI_OPTION_CWD: project,
  };
}

/** One for the life of the cluster: it opens the secrets in the state that goes with it. */
function writePassphrase(folder: string): void {
  try {
    writeFileSync(passphrasePath(folder), randomBytes(24).toString("base64url"), { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
      throw error;
    }
  }
}
