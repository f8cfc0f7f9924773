import { setTimeout as sleep } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { apiGroup } from "../mesh/object";
import {
  type Held,
  type HeldObject,
  type RememberedObject,
  isSameObject,
  ownerName,
  stackAnnotation,
} from "../mesh/ownership";
import { StateUnreadable } from "../verify/preflight/stack-view";

export { newOwner, objectText } from "../mesh/ownership";

/** Name of the running stack, by which it marks its objects. */
export function ownOwner(): string {
  return ownerName({
    organization: pulumi.getOrganization(),
    project: pulumi.getProject(),
    stack: pulumi.getStack(),
  });
}

interface Outputs {
  apiVersion?: string;
  kind?: string;
  name?: string;
  namespace?: string;
  metadata?: { name?: string; namespace?: string; annotations?: Record<string, string> };
  __fieldManager?: string;
}

/** What the state of the running stack holds, as the last update left it. The engine itself is asked. */
export async function heldByStack(): Promise<Held> {
  const stackName = ownOwner();
  for (let attempt = 1; ; attempt++) {
    try {
      const read = pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", { stackName });
      return heldOf(((await read) as { outputs: Record<string, Resource> }).outputs);
    } catch (error) {
      // A file backend is read while the engine writes the beginning of the update into it.
      if (attempt === 10) throw new StateUnreadable((error as Error).message);
      await sleep(100 * attempt);
    }
  }
}

interface Resource {
  type: string;
  outputs: Outputs;
}

/** Of whole resources only what names them is kept: their outputs hold keys. */
export function heldOf(resources: Record<string, Resource>): Held {
  const held: Held = { objects: [], releases: [] };
  for (const [urn, { type, outputs }] of Object.entries(resources)) {
    if (type === "kubernetes:helm.sh/v3:Release") held.releases.push(`${outputs.namespace}/${outputs.name}`);
    else if (type.startsWith("kubernetes:")) held.objects.push(...objectOf(urn, type, outputs));
  }
  return held;
}

/** What a state holds, with the marks that it remembers; patches hold nothing. */
export function rememberedBy(
  resources: readonly { urn: string; type: string; outputs?: Outputs }[],
): RememberedObject[] {
  const all = resources.flatMap(({ urn, type, outputs = {} }) =>
    !type.startsWith("kubernetes:") || type.startsWith("kubernetes:helm.sh/")
      ? []
      : objectOf(urn, type, outputs).map((object) => ({ object, outputs })),
  );
  return all.flatMap(({ object, outputs: { apiVersion = "" } }) => {
    if (object.patch) return [];
    // A namespace is changed by its patch, which was made after it.
    const mark = all
      .filter((other) => isSameObject(other.object, object))
      .map(({ outputs }) => outputs.metadata?.annotations?.[stackAnnotation])
      .findLast((one) => one !== undefined);
    return [{ ...object, apiVersion, ...(mark === undefined ? {} : { mark }) }];
  });
}

function objectOf(
  urn: string,
  type: string,
  { apiVersion = "", kind, metadata, __fieldManager }: Outputs,
): HeldObject[] {
  if (kind === undefined || metadata?.name === undefined) return [];
  return [
    {
      kind,
      group: apiGroup(apiVersion),
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      name: metadata.name,
      // What a Helm release made is only read here.
      patch: type.endsWith("Patch") || metadata.annotations?.["meta.helm.sh/release-name"] !== undefined,
      ...(__fieldManager === undefined ? {} : { fieldManager: __fieldManager }),
      urn,
    },
  ];
}
