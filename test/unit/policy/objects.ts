import { toPolicyObject } from "../../../policy/objects";
import type { PolicyObject } from "../../../policy/rules";
import { encryptedIngress } from "../../../stacks/encrypted-ingress";
import type { Settings } from "../../../stacks/settings";
import { run } from "../mocks";
import { stackFile } from "../stack-files";

/** What the program of a stack registers, as the rules see it. */
export async function objectsOf(stack: string, settings: Settings = stackFile(stack)): Promise<PolicyObject[]> {
  const { resources } = await run(() => encryptedIngress(settings), { stack });
  return resources.flatMap(
    ({ type, name, inputs, protect }) => toPolicyObject({ type, name, props: inputs, protect }) ?? [],
  );
}
