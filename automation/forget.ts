import { asList, asText, at, isTree } from "../base/tree";
import { type Place, type Verdict, lookForCluster, verdictOf } from "../recovery/gone";
import { atFolder } from "../settings/load";
import type { Settings } from "../settings/schema";
import { type RolloutError, explanations, failure } from "./errors";
import { parseUrn } from "./event-translator";
import type { ClusterLeft } from "./request";
import { type Reading, locksOf } from "./stack-state";
import { lockedFailure } from "./state-access";

/* A cluster that is gone for good: its resources leave the state, which no destroy can do. */

interface Resource {
  type: string;
  urn: string;
  inputs?: Record<string, unknown>;
}

/**
 * What a stack has in a cluster that is gone. Changes nothing.
 *
 * @throws {RolloutError} `cluster-answers`; `cluster-unreachable`, where nobody could look and `unseen` is not given;
 * `stack-locked`, while an update runs.
 */
export async function lookBehind(
  reading: Reading,
  { unseen }: { unseen: boolean },
): Promise<Omit<ClusterLeft, "done">> {
  const { stack } = reading;
  const { live, locks } = await locksOf(reading);
  if (live) throw lockedFailure(reading.access.stack, locks);
  const resources = await resourcesOf(reading);
  // Settings that cannot be read keep nobody from being rid of a stack: its state knows the cluster, too.
  const settings = await reading.settings().catch(() => undefined);
  const { state, evidence } = verdictOf(
    await Promise.all(placesOf(resources, settings, reading.folder).map(lookForCluster)),
  );
  if (state !== "gone") refuse(stack.name, { state, evidence }, unseen);
  const { gatewayAddress, hosts } = await stack.outputs();
  return {
    evidence,
    resources: inCluster(resources),
    mayBeLeft: outsideOf(asText(gatewayAddress?.value), asList(hosts?.value).map(String), settings),
  };
}

function refuse(stack: string, { state, evidence }: Verdict, unseen: boolean): void {
  if (state === "answers")
    throw failure(
      "cluster-answers",
      `stack ${stack}: ${evidence || "its cluster answers"}`,
      "destroy the stack instead; where another cluster has that address now, correct kubeconfig and context first",
      {},
    );
  if (unseen) return;
  const reason = evidence === "" ? "neither its settings nor its state name a cluster" : evidence;
  throw failure(
    "cluster-unreachable",
    `stack ${stack}: whether its cluster still runs cannot be seen: ${reason}`,
    "put that right; if the kubeconfig went with the cluster, say that you know it is gone: --unseen",
    { findings: [] },
  );
}

/** Resources are still in the state after a refresh by which those of a cluster that is gone leave it: it is back. */
export function stillThere(stack: string, left: readonly string[]): RolloutError {
  const { next } = explanations["cluster-answers"];
  return failure("cluster-answers", `stack ${stack}: its cluster is back, and still has ${left.join(", ")}`, next, {});
}

/** The error of a cluster that cannot be reached, with the way out where the stack has something in it. */
export async function withWayOut(error: RolloutError, stack: Reading["stack"]): Promise<RolloutError> {
  const held = await leftInState({ stack }).catch(() => []);
  if (held.length === 0) return error;
  const command = `enroute-istio forget --stack ${stack.name}`;
  return error.retold({ next: `${error.next}; if the cluster is gone for good: ${command}` });
}

/** What is still in the state of what was in the cluster. */
export async function leftInState(reading: Pick<Reading, "stack">): Promise<string[]> {
  return inCluster(await resourcesOf(reading));
}

async function resourcesOf({ stack }: Pick<Reading, "stack">): Promise<Resource[]> {
  const { deployment } = (await stack.exportStack()) as { deployment?: { resources?: Resource[] } };
  return deployment?.resources ?? [];
}

/** The names of those that are in the cluster. */
function inCluster(resources: readonly Resource[]): string[] {
  return resources
    .filter(({ type }) => type.startsWith("kubernetes:"))
    .map(({ urn }) => {
      const { type, name } = parseUrn(urn);
      return `${type} ${name}`;
    });
}

/** Every cluster that resources of the stack may be in: that of its settings, and those of the providers that made them. */
function placesOf(resources: readonly Resource[], settings: Settings | undefined, folder: string): Place[] {
  const providers = resources.filter(({ type }) => type === "pulumi:providers:kubernetes");
  const known = providers.map(({ inputs = {} }) => {
    const [kubeconfig = "", context = ""] = [plain(inputs["kubeconfig"]), plain(inputs["context"])];
    return atFolder({ kubeconfig, context } as Settings, folder);
  });
  return settings === undefined ? known : [settings, ...known];
}

/** A value of an export that shows secrets: a secret one is its JSON, beside a signature. */
function plain(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  const text = isTree(value) ? at(value, "plaintext") : undefined;
  return typeof text === "string" ? (JSON.parse(text) as string) : undefined;
}

/** What a cluster may leave behind in the cloud or the network that it ran in. */
function outsideOf(address: string | undefined, hosts: string[], settings: Settings | undefined): string[] {
  const names = hosts.map((host) => host.replace(/^https?:\/\//, ""));
  const gateway = settings === undefined ? "" : ` (Service enroute in namespace ${settings.gateway.namespace.name})`;
  return [
    ...(address === undefined
      ? []
      : [`the load balancer with the address ${address}${gateway}, where a cloud made one`]),
    ...(names.length === 0 ? [] : [`DNS records of ${names.join(", ")}`]),
    "disks of its persistent volumes, such as Prometheus's",
  ];
}
