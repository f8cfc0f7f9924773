import { AsyncLocalStorage } from "node:async_hooks";
import * as pulumi from "@pulumi/pulumi";
import { defined } from "../base/defined";
import { apiGroup } from "../mesh/object";
import type * as clusterOfProvider from "./cluster-of-provider";
import { stackAnnotation, takeOverProblem } from "../mesh/ownership";
import { isPartOfWhole } from "./parts";

/*
 * A component never takes over what others made. The engine cannot tell: with server-side apply the provider updates what is there
 * (always up to 4.28, later with `upsertExistingObjects`), and destroy then deletes it. A stack's preflight looks before.
 */

/**
 * Has the update fail before it makes an object that is there and is not the program's. A preview does not look, as its cluster may be
 * another one, or none.
 *
 * @param adopted names of namespaces to take over
 */
export function refuseExisting(
  component: pulumi.ComponentResource,
  name: string,
  adopted: readonly string[],
): pulumi.ResourceTransformation[] {
  const provider = component.getProvider("kubernetes:core/v1:Namespace");
  if (isPartOfWhole() || provider === undefined || !hasHooks()) return [];
  // In a program of another language the SDK knows its engine only where the component is made, and calls hooks from elsewhere.
  const here = AsyncLocalStorage.snapshot();
  const hook = new pulumi.ResourceHook(uniqueName(name), ({ newInputs }) => here(look, provider, newInputs, adopted));
  return [
    ({ type, props, opts }) => {
      const isRead = (opts as pulumi.CustomResourceOptions).id !== undefined;
      // Helm itself refuses what is not its release's.
      if (!/^kubernetes:(?!helm\.sh\/).*(?<!Patch)$/.test(type) || isRead) return undefined;
      const beforeCreate = [...(opts.hooks?.beforeCreate ?? []), hook];
      return { props, opts: { ...opts, hooks: { ...opts.hooks, beforeCreate } } };
    },
  ];
}

interface Inputs {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; annotations?: Record<string, string> };
}

async function look(provider: pulumi.ProviderResource, inputs: unknown, adopted: readonly string[]): Promise<void> {
  const { apiVersion, kind, metadata } = inputs as Inputs;
  const { name, namespace, annotations = {} } = metadata;
  const place = defined({ name, namespace });
  const live = await reader().liveMarks(provider, { apiVersion, kind, ...place });
  if (live === undefined) return;
  const object = { kind, group: apiGroup(apiVersion), ...place };
  const why = takeOverProblem(object, live, { owner: annotations[stackAnnotation] ?? "" }, adopted.includes(name));
  if (why !== undefined) throw new Error(why);
}

/** Loaded when it is used: most runs make nothing, and start sooner without its files. */
function reader(): typeof clusterOfProvider {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return require("./cluster-of-provider") as typeof clusterOfProvider;
}

/** The SDK's mocks have no hooks, although they say so. */
function hasHooks(): boolean {
  const monitor = pulumi.runtime.getMonitor() as object | undefined;
  return monitor !== undefined && "registerResourceHook" in monitor;
}

const taken = new Map<string, number>();

/** The engine takes each name of a hook once, and keeps it in the state: the same in every run. */
function uniqueName(name: string): string {
  const count = (taken.get(name) ?? 0) + 1;
  taken.set(name, count);
  return `enroute-istio:existing:${name}${count === 1 ? "" : `#${count}`}`;
}
