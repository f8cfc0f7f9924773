import * as pulumi from "@pulumi/pulumi";
import * as runtimeConfig from "@pulumi/pulumi/runtime/config";
import { refusal } from "./components/refusal";
import { type StackOutputs, encryptedIngress } from "./stacks/encrypted-ingress";
import { loadSettings, settingsWarnings } from "./stacks/settings";
import { SettingsError } from "./stacks/settings-error";
import { errorsOf, findingText, preflight, preflightError } from "./verify/preflight";

/** The Pulumi program: settings of the selected stack → preflight → rollout → stack outputs. */
export = async (): Promise<StackOutputs> => {
  const settings = stackSettings();
  for (const warning of settingsWarnings(settings)) await pulumi.log.warn(warning);
  const findings = await preflight(settings);
  // All of them, so that nobody has to come back for the next one.
  if (errorsOf(findings).length > 0) throw refusal(preflightError(findings));
  for (const warning of findings) await pulumi.log.warn(findingText(warning));
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
    throw error instanceof SettingsError ? refusal(error.message) : error;
  }
}
