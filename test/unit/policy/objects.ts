import { type OpenSecret, programObjects } from "../../../policy/objects";
import type { PolicyObject } from "../../../policy/rules";
import { encryptedIngress } from "../../../stacks/encrypted-ingress";
import type { Settings } from "../../../settings/schema";
import { issue } from "../certificates";
import { run } from "../mocks";
import { stackFile } from "../stack-files";

const signature = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

/** Opens the engine's form of a secret. */
export const openSecret: OpenSecret = (value) =>
  typeof value === "object" && value !== null && (value as Record<string, unknown>)[signature] === secretSignature
    ? { value: (value as { value?: unknown }).value }
    : undefined;

/** What the program of a stack registers, as the rules see it. Keys and certificates are real. */
export async function objectsOf(stack: string, settings: Settings = stackFile(stack)): Promise<PolicyObject[]> {
  const { certificate, privateKey } = await issue({ hosts: settings.hosts.map(({ host }) => host) });
  const outputs = ({ type }: { type: string }): Record<string, unknown> =>
    type.endsWith("Cert")
      ? { certPem: certificate }
      : type.endsWith(":PrivateKey")
        ? { privateKeyPem: privateKey }
        : {};
  const { resources } = await run(() => encryptedIngress(settings), { stack, outputs });
  const all = resources.map(({ type, name, inputs, protect }) => ({ type, name, props: inputs, protect }));
  return programObjects(all, openSecret).map(({ object }) => object);
}
