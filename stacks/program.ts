import { resolve } from "node:path";
import type { Provider } from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { defined } from "../base/defined";
import { encryptedIn } from "../base/encrypted";
import { issueText } from "../base/issue";
import { stackFile } from "../base/project-files";
import type { Report } from "../base/report";
import { refusal } from "../components/refusal";
import { leftovers } from "../mesh/ownership";
import { SettingsError } from "../settings/error";
import { atFolder, loadSettings } from "../settings/load";
import { type Settings } from "../settings/schema";
import { settingsWarnings } from "../settings/warnings";
import { errorsOf, preflight, preflightError } from "../verify/preflight";
import { type OnWait, watchReleases } from "../verify/release-waits";
import { type StackOutputs, clusterProvider, encryptedIngress } from "./encrypted-ingress";
import { plannedBy, renderedBy } from "./planned";
import { registryConfigOf, writeRegistryLogin } from "./registry-login";
import { heldByStack, ownOwner } from "./state";
import { sdk } from "./sdk";
import { keepPropertiesOutOfDebugMessages } from "./sdk-log";
import { showWaits } from "./show-waits";

/** What the program refuses, for whoever runs it and wants more than the text: see {@link ProgramOptions.onRefusal}. */
export type Refusal = SettingsError | { findings: Awaited<ReturnType<typeof preflight>> };

export interface ProgramOptions {
  /** The settings. @default those of the selected stack's configuration */
  settings?: Settings;
  /** Replaces `kubeconfig` of the settings: the path of a kubeconfig file. */
  kubeconfig?: string;
  /** Folder that a relative `kubeconfig` starts from: the project's. @default the current one, which the engine sets to it */
  folder?: string;
  /** Folder that the provider runs in. @default the current one, where the engine runs both */
  providerFolder?: string;
  /** Is given what has to be called when all is done. @default it is called when the process ends */
  onCleanUp?: (cleanUp: () => void) => void;
  /** Is told why the program refuses to go on, just before it does. */
  onRefusal?: (why: Refusal) => void;
  /** Gets the verification at the end of an update. */
  onVerification?: (report: Promise<Report>) => void;
  /** Gets what Helm waits for during an update. @default it is shown: {@link showWaits} */
  onWait?: OnWait;
  /** Is told the settings that the rollout goes by, with a `kubeconfig` that is right from here. */
  onSettings?: (settings: Settings) => void;
}

/**
 * The Pulumi program: settings → preflight → rollout → stack outputs. `index.ts` runs it for `pulumi up`, the library runs it
 * in its own process.
 */
export async function program(options: ProgramOptions = {}): Promise<StackOutputs> {
  sdk();
  keepPropertiesOutOfDebugMessages();
  const { onRefusal = () => {}, onVerification = () => {}, kubeconfig } = options;
  const given = options.settings ?? stackSettings(onRefusal, options.folder);
  const settings = kubeconfig === undefined ? given : { ...given, kubeconfig };
  // The provider resolves a relative path by itself, and a path that differs from place to place would be a change.
  const lookAt = options.folder === undefined ? settings : atFolder(settings, options.folder);
  options.onSettings?.(lookAt);
  for (const warning of settingsWarnings(settings)) await pulumi.log.warn(issueText(warning));
  const onCleanUp = options.onCleanUp ?? ((cleanUp: () => void) => void process.once("exit", cleanUp));
  onCleanUp(writeRegistryLogin(settings, options.providerFolder ?? ".", pulumi.getStack()));
  const owner = ownOwner();
  let provider: Provider | undefined;
  // Once the state has been read: registering it writes the state.
  const cluster = () => (provider ??= clusterProvider(settings));
  const held = heldByStack();
  // Whoever asks gets the error; without a listener the process would end before that.
  held.catch(() => {});
  const findings = await preflight(lookAt, {
    isPreview: pulumi.runtime.isDryRun(),
    stack: {
      owner,
      providerFolder: resolve(options.providerFolder ?? "."),
      held: () => held,
      planned: () => plannedBy(settings, owner),
      rendered: (release) =>
        held.then(() => renderedBy(release, cluster(), registryConfigOf(settings, pulumi.getStack()))),
    },
  });
  // All of them, so that nobody has to come back for the next one.
  if (errorsOf(findings).length > 0) {
    onRefusal({ findings });
    throw refusal(preflightError(findings));
  }
  for (const warning of findings) await pulumi.log.warn(issueText(warning));
  if (!pulumi.runtime.isDryRun()) onCleanUp(watchReleases(lookAt, options.onWait ?? showWaits(settings)));
  // What cannot be read cannot be told; a preflight that needs it has refused before.
  const leaving = async () => {
    const [before, planned] = await Promise.all([held.catch(() => undefined), plannedBy(settings, owner)]);
    return before === undefined ? [] : leftovers(before, planned);
  };
  const outputs = Object.entries(
    encryptedIngress(settings, lookAt, {
      ...{ owner, cluster: cluster(), leaving, onVerification },
      providerFolder: options.providerFolder ?? ".",
    }),
  );
  // Of an output without a value the engine warns.
  return Object.fromEntries(outputs.filter(([, value]) => value !== undefined)) as unknown as StackOutputs;
}

/** The cluster and nothing else: what the engine refreshes or deletes without the program, it does with this one's provider. */
export function clusterAlone(settings: Settings): void {
  clusterProvider(settings);
}

/**
 * The settings of the selected stack's configuration.
 *
 * @param folder the project's; with `main` in Pulumi.yaml, the program runs in another
 */
export function stackSettings(onRefusal: (why: Refusal) => void, folder = pulumi.getRootDirectory() || "."): Settings {
  const values = pulumi.runtime.allConfig();
  const { isConfigSecret } = sdk();
  const secretKeys = Object.keys(values).filter((key) => isConfigSecret(key));
  const configuration = { project: pulumi.getProject(), stack: pulumi.getStack(), values, secretKeys };
  try {
    return loadSettings({
      ...configuration,
      ...defined({ file: stackFile(folder, pulumi.getStack()) }),
      encrypted: encryptedIn(folder, configuration),
    });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    onRefusal(error);
    throw refusal(error.message);
  }
}
