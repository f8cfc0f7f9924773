import * as pulumi from "@pulumi/pulumi";
import * as runtimeConfig from "@pulumi/pulumi/runtime/config";
import { type StackOutputs, encryptedIngress } from "./stacks/encrypted-ingress";
import { loadSettings, settingsWarnings } from "./stacks/settings";
import { SettingsError } from "./stacks/settings-error";
import { preflight, preflightError } from "./verify/preflight";

/** The Pulumi program: settings of the selected stack → preflight → rollout → stack outputs. */
export = async (): Promise<StackOutputs> => {
  const settings = stackSettings();
  for (const warning of settingsWarnings(settings)) await pulumi.log.warn(warning);
  const findings = await preflight(settings);
  if (findings.length > 0) throw new pulumi.RunError(preflightError(findings));
  return encryptedIngress(settings);
};

// The SDK (3.246) exports it and marks it internal; nothing public tells whether a value was given as a secret.
const { isConfigSecret } = runtimeConfig as unknown as { isConfigSecret(this: void, key: string): boolean };

function stackSettings() {
  const values = pulumi.runtime.allConfig();
  try {
    return loadSettings({
      project: pulumi.getProject(),
      stack: pulumi.getStack(),
      values,
      secretKeys: Object.keys(values).filter((key) => isConfigSecret(key)),
    });
  } catch (error) {
    // A RunError is shown by its message alone; a stack trace would bury it.
    throw error instanceof SettingsError ? new pulumi.RunError(error.message) : error;
  }
}
