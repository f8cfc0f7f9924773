import { type ConfigMap, LocalWorkspace } from "@pulumi/pulumi/automation";
import { type Settings, atFolder, loadSettings } from "../stacks/settings";
import { SettingsError } from "../stacks/settings-error";

/** Something that its user can put right, said in full by its message. */
export class UserError extends Error {}

export interface StackOptions {
  /** Folder of the Pulumi project. */
  project: string;
  stack: string;
}

/** What the commands know about a stack. */
export interface Stack {
  settings: Settings;
  /** Certificate of the CA that clients trust, where the stack has made or been given one. */
  caCertificate?: string;
}

/** The settings of a stack, from its real configuration: encrypted values, defaults and all. */
export async function stackSettings(options: StackOptions): Promise<Settings> {
  const { workspace, name } = await openWorkspace(options);
  return toSettings(name, options, await configuration(workspace, options));
}

/** The settings of a stack that was deployed, and those of its outputs that the checks use. */
export async function deployedStack(options: StackOptions): Promise<Stack> {
  const { workspace, name } = await openWorkspace(options);
  const [config, outputs] = await Promise.all([
    configuration(workspace, options),
    workspace.stackOutputs(options.stack).catch((error: unknown) => {
      throw explain(error, options);
    }),
  ]);
  if (Object.keys(outputs).length === 0)
    throw new UserError(
      `Stack ${options.stack} has never been deployed, so there is nothing to verify.\n  fix: pulumi up --stack ${options.stack}`,
    );
  const settings = toSettings(name, options, config);
  const ca: unknown = outputs["caCertificate"]?.value;
  return { settings, ...(typeof ca === "string" ? { caCertificate: ca } : {}) };
}

async function openWorkspace({ project }: StackOptions): Promise<{ workspace: LocalWorkspace; name: string }> {
  try {
    const workspace = await LocalWorkspace.create({
      workDir: project,
      // The environment may name another folder for every pulumi; what was asked for here goes first.
      envVars: { PULUMI_OPTION_CWD: project, PULUMI_SKIP_UPDATE_CHECK: "true" },
    });
    return { workspace, name: (await workspace.projectSettings()).name };
  } catch (error) {
    const message = (error as Error).message;
    if (/ENOENT/.test(message) && /pulumi/.test(message) && !/Pulumi\.yaml/i.test(message))
      throw new UserError(
        "The command pulumi is not on the PATH.\n  fix: install it (https://www.pulumi.com/docs/install/)",
      );
    throw new UserError(
      `There is no Pulumi project in ${project}.\n  fix: run this in the project's folder, or name it with --cwd`,
    );
  }
}

async function configuration(workspace: LocalWorkspace, options: StackOptions): Promise<ConfigMap> {
  try {
    return await workspace.getAllConfig(options.stack);
  } catch (error) {
    throw explain(error, options);
  }
}

function toSettings(name: string, { project, stack }: StackOptions, config: ConfigMap): Settings {
  try {
    const settings = loadSettings({
      project: name,
      stack,
      values: Object.fromEntries(Object.entries(config).map(([key, { value }]) => [key, value])),
      secretKeys: Object.keys(config).filter((key) => config[key]!.secret === true),
    });
    return atFolder(settings, project);
  } catch (error) {
    throw error instanceof SettingsError ? new UserError(error.message) : error;
  }
}

/** The message behind a failed pulumi command. */
function explain(error: unknown, { stack, project }: StackOptions): Error {
  const text = (error as Error).message;
  if (/no stack named/.test(text))
    return new UserError(
      `There is no stack ${stack} in ${project}.\n  fix: choose one of pulumi stack ls, or create it: pulumi stack init ${stack}`,
    );
  if (/passphrase/i.test(text))
    return new UserError(
      `The secrets of stack ${stack} cannot be read: its passphrase is not set, or wrong.\n  fix: set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE`,
    );
  if (/PULUMI_ACCESS_TOKEN|pulumi login/.test(text))
    return new UserError(
      `Stack ${stack} cannot be read without a login to its backend.\n  fix: pulumi login, or set PULUMI_ACCESS_TOKEN or PULUMI_BACKEND_URL`,
    );
  const said = /error: ([\s\S]+?)\n*(?:\s*err\?:|$)/.exec(text)?.[1]?.trim() ?? text.split("\n")[0];
  return new UserError(`pulumi cannot read stack ${stack}: ${said}`);
}
