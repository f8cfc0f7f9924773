import type { Finding } from "../../base/finding";
import type { Cluster } from "../../cluster/client";
import type { Named } from "../../cluster/kinds";
import { injectionLabels } from "../../mesh/injection";
import { type LabelConflict, type Owner, labelConflicts, ownerLabel, ownerOf, ownerValue } from "../../mesh/ownership";
import { defaultInjection } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { existing } from "./cluster-state";
import { type StackView, claimantOf } from "./ownership";

/** A namespace of the settings: under which key, and with which labels. */
interface WantedNamespace {
  key: string;
  name: string;
  create: boolean | "adopt";
  labels: Record<string, string>;
}

function wantedNamespaces(settings: Settings): WantedNamespace[] {
  const { istio, gateway, namespaces } = settings;
  const members = [
    { key: "gateway.namespace", ...gateway.namespace },
    ...namespaces.map((namespace, index) => ({ key: `namespaces[${index}]`, ...namespace })),
  ];
  return [
    { key: "istio.namespace", ...istio.namespace, labels: istio.namespace.labels ?? {} },
    ...members.map(({ key, name, create, labels = {}, injection = defaultInjection(settings) }) => ({
      key,
      name,
      create,
      labels: { ...labels, ...injectionLabels(injection) },
    })),
  ];
}

type LiveNamespace = Named & { metadata: { managedFields?: { manager?: string; fieldsV1?: object }[] } };

/** Whether namespaces exist exactly where the stack expects them, and are its own where it would delete them. */
export async function namespaceFindings(cluster: Cluster, settings: Settings, stack?: StackView): Promise<Finding[]> {
  const findings = await Promise.all(
    wantedNamespaces(settings).map(async (wanted) => {
      const found = await existing<LiveNamespace>(cluster, `/api/v1/namespaces/${wanted.name}`);
      return found === undefined ? absentFindings(wanted) : presentFindings(found, wanted, settings, stack);
    }),
  );
  return findings.flat();
}

const finding = (check: string, severity: Finding["severity"], problem: string, fix: string): Finding => ({
  check,
  severity,
  problem,
  fix,
});

function absentFindings({ key, name, create }: WantedNamespace): Finding[] {
  if (create !== false) return [];
  const problem = `namespace ${name} does not exist, and ${key}.create is false`;
  return [finding("cluster/namespaces", "error", problem, `create it, or set ${key}.create to true`)];
}

async function presentFindings(
  { metadata }: LiveNamespace,
  wanted: WantedNamespace,
  settings: Settings,
  stack: StackView | undefined,
): Promise<Finding[]> {
  const { key, name, create } = wanted;
  if (metadata.deletionTimestamp !== undefined)
    return [
      finding(
        "cluster/namespaces",
        "error",
        `namespace ${name} is being deleted`,
        `wait until it is gone; if it stays, an object in it holds it back: kubectl describe namespace ${name}`,
      ),
    ];
  const owner = await namespaceOwner(metadata, settings, stack);
  if (owner.by === "stack" && create !== false)
    return [
      finding(
        "cluster/namespaces",
        "error",
        `namespace ${name} belongs to stack ${owner.stack}, and ${key} asks to create it`,
        `set ${key}.create to false here, or there first; two stacks never own one namespace`,
      ),
    ];
  if (create === true && owner.by !== "ours")
    return [
      finding(
        "cluster/namespaces",
        "error",
        `namespace ${name} exists already, and ${key} asks to create it`,
        `set ${key}.create to false: it is then labelled only, and left behind by destroy; or to adopt: it becomes this stack's, and destroy deletes it with everything in it`,
      ),
    ];
  const isOurs = owner.by === "ours";
  const managers = await fieldManagers(metadata, wanted, stack);
  const conflicts = labelConflicts(metadata, wanted.labels, (manager) => managers.has(manager));
  // What a hand changed in a namespace of ours is put right; a label that we never set is left alone there, too.
  const named = isOurs ? conflicts.filter(({ wanted: value }) => value === undefined) : conflicts;
  return [
    ...(create === false && isOurs
      ? [
          finding(
            "cluster/hand-over",
            "warning",
            `namespace ${name} is handed over, as ${key}.create is false: it stays with everything in it, and destroy no longer deletes it`,
            "nothing to do; adopt instead of false takes it back",
          ),
        ]
      : []),
    ...(create === "adopt" && !isOurs
      ? [
          finding(
            "cluster/hand-over",
            "warning",
            `namespace ${name} exists and is taken over, as ${key}.create is adopt: destroy deletes it with everything in it`,
            "set it to false to leave it to its owner",
          ),
        ]
      : []),
    ...named.map((conflict) => labelFinding(wanted, conflict, isOurs)),
  ];
}

function labelFinding({ key, name }: WantedNamespace, conflict: LabelConflict, isOurs: boolean): Finding {
  const { key: label, value, wanted } = conflict;
  const means =
    value === "disabled"
      ? "its team keeps its pods out of the mesh"
      : wanted === undefined
        ? "with both labels Istio obeys istio-injection alone"
        : "somebody else chose that";
  return finding(
    "cluster/namespace-labels",
    isOurs ? "warning" : "error",
    `namespace ${name} has the label ${label}=${value}${wanted === undefined ? "" : `, and the stack would set ${wanted}`}: ${means}`,
    `agree with its owner, then remove it: kubectl label namespace ${name} ${label}-${
      label === "istio.io/rev" ? `; or go by it: ${key}.injection: { revision: ${value} }` : ""
    }`,
  );
}

/** Who owns a namespace. The mark of early versions names no stack: there the state decides, where it can be asked. */
async function namespaceOwner(
  metadata: LiveNamespace["metadata"],
  settings: Settings,
  stack: StackView | undefined,
): Promise<Owner> {
  const isMade = metadata.labels?.[ownerLabel] === ownerValue;
  if (stack === undefined) return isMade ? { by: "ours" } : { by: "unmarked" };
  const owner = ownerOf(metadata, claimantOf(stack, settings));
  if (owner.by !== "unmarked" || !isMade) return owner;
  const { objects } = await stack.held();
  const isHeld = objects.some(({ kind, name, patch }) => kind === "Namespace" && name === metadata.name && !patch);
  return isHeld ? { by: "ours" } : owner;
}

/** Names under which the API server lists the labels that the stack itself has set on a namespace. */
async function fieldManagers(
  metadata: LiveNamespace["metadata"],
  { labels }: WantedNamespace,
  stack: StackView | undefined,
): Promise<Set<string>> {
  // Without a conflict, nobody has to be asked.
  if (stack === undefined || labelConflicts(metadata, labels, () => false).length === 0) return new Set();
  const { objects } = await stack.held();
  const own = objects.filter(({ kind, name }) => kind === "Namespace" && name === metadata.name);
  // A namespace that was created without server-side apply lists the plugin's own name.
  return new Set(own.flatMap(({ fieldManager = "" }) => [fieldManager, "pulumi-kubernetes"]));
}
