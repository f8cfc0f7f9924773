import semver from "semver";
import {
  type ControlPlane,
  type DeclaredControlPlanes,
  type DeclaredRevision,
  controlPlanes,
  defaultControlPlane,
  newestVersion,
  revisionOf,
  unrevised,
} from "../mesh/control-planes";
import type { Injection } from "../mesh/injection";
import { skippedIstioMinor } from "../mesh/istio-upgrade";
import { titleOf } from "../mesh/object";

/* The way of a stack from one Istio to another, as edits of its settings: one phase is one update (mesh/revisions.ts judges each). */

/** An edit of the settings; without a value, the key goes. */
export interface SettingsEdit {
  path: (string | number)[];
  value?: unknown;
}

export type PhaseName = "install" | "move" | "restart" | "unprotect" | "remove";

/** One phase of an upgrade. */
export interface UpgradePhase {
  name: PhaseName;
  title: string;
  /** What it changes, in words. */
  changes: string[];
  /** Edits of the settings, which one update rolls out; none for a restart. */
  edits: SettingsEdit[];
}

/** What of a stack's settings an upgrade goes by. */
export interface Upgradable {
  istio: DeclaredControlPlanes & { namespace: { name: string } };
  gateway: { namespace: { injection?: Injection } };
  namespaces: readonly { name: string; injection?: Injection }[];
  deletionProtection: { enabled: boolean; except: readonly { object: string; reason: string }[] };
}

/** A plan, or why there is none. */
export type UpgradePlan =
  | {
      /** The revision that the stack goes to. */
      revision: string;
      /** Versions that it comes from; the way back goes to the first. */
      from: string[];
      phases: UpgradePhase[];
    }
  | { problem: string; fix: string };

/** The revision of a version that has none yet: `1-32-0` for 1.32.0. */
export const revisionFor = (version: string) => version.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");

/**
 * What is left to do until the stack has one control plane, of that version; nothing where it has. A version that is declared
 * beside others is gone on with, whichever way: so the way back is an upgrade to the version before.
 */
export function planUpgrade(stack: Upgradable, to: string): UpgradePlan {
  if (semver.valid(to) !== to)
    return { problem: `${to} is not an exact version`, fix: "name a release of Istio, such as --to 1.32.0" };
  const planes = controlPlanes(stack.istio);
  const main = defaultControlPlane(stack.istio);
  const there = main.version === to ? main : planes.find(({ version }) => version === to);
  const skipped = planes.map(({ version }) => skippedIstioMinor(version, to, "--to")).find((one) => one !== undefined);
  if (skipped !== undefined) return { problem: skipped.message.replace(/\.$/, ""), fix: skipped.fix };
  const target = there ?? controlPlanes({ revisions: [{ revision: revisionFor(to), version: to }] })[0]!;
  if (there === undefined && planes.some(({ revision }) => revision === target.revision))
    return {
      problem: `revision ${target.revision} is there already, and of version ${planes.find(({ revision }) => revision === target.revision)!.version}`,
      fix: "give it another version, or another name, in istio.revisions",
    };
  const others = planes.filter(({ revision }) => revision !== target.revision);
  const phases = [
    ...(there === undefined ? [installPhase(stack, target)] : []),
    ...movePhase(stack, target, others),
    ...(others.length === 0 ? [] : [restartPhase(target), ...removePhases(stack, target, others)]),
  ];
  const order = [main, ...others].filter(({ revision }) => revision !== target.revision);
  return { revision: target.revision, from: [...new Set(order.map(({ version }) => version))], phases };
}

/** The entries of `istio.revisions`, also where the stack has none yet: the one control plane keeps its Helm release. */
function entriesOf({ istio: { version = "", revision, tag, revisions } }: Upgradable): DeclaredRevision[] {
  if (revisions !== undefined) return [...revisions];
  const own = { version, ...(tag === undefined ? {} : { tag }) };
  return [revision === undefined ? { revision: unrevised, ...own } : { revision, ...own, release: "istiod" }];
}

function installPhase(stack: Upgradable, target: ControlPlane): UpgradePhase {
  const entry = { revision: target.revision, version: target.version };
  const main = defaultControlPlane(stack.istio);
  const before = newestVersion(stack.istio);
  const after = newestVersion({ revisions: [...controlPlanes(stack.istio), target] });
  return {
    name: "install",
    title: `install Istio ${target.version} beside ${main.version}`,
    changes: [
      `Helm release ${target.release} is made: istiod of revision ${target.revision}, with its own webhooks`,
      ...(before === after ? [] : [`Helm release istio-base goes from ${before} to ${after}: Istio's kinds`]),
      "no pod restarts, and no namespace moves",
    ],
    edits: [
      { path: ["istio", "revisions"], value: [...entriesOf(stack), entry] },
      { path: ["istio", "defaultRevision"], value: main.revision },
      ...["version", "revision", "tag"].map((key) => ({ path: ["istio", key] })),
    ],
  };
}

function movePhase(stack: Upgradable, target: ControlPlane, others: readonly ControlPlane[]): UpgradePhase[] {
  const { istio, gateway, namespaces } = stack;
  const from = others.map(({ revision }) => revision);
  const main = defaultControlPlane(istio);
  const tags = Object.entries(istio.tags ?? {}).filter(([, revision]) => from.includes(revision));
  const injection: Injection = target.revision === unrevised ? "enabled" : { revision: target.revision };
  const labelled = [
    {
      title: "the gateway's namespace",
      path: ["gateway", "namespace", "injection"],
      injection: gateway.namespace.injection,
    },
    ...namespaces.map((one, index) => ({
      title: `namespace ${one.name}`,
      path: ["namespaces", index, "injection"],
      injection: one.injection,
    })),
  ].filter(({ injection: own }) => {
    if (own === undefined || own === "none") return false;
    const label = own === "enabled" ? unrevised : own.revision;
    // One that follows a tag moves when the tag does.
    return !Object.hasOwn(istio.tags ?? {}, label) && from.includes(revisionOf(label, istio) ?? "");
  });
  const moves = main.revision !== target.revision;
  if (!moves && tags.length === 0 && labelled.length === 0) return [];
  const silent = [gateway.namespace, ...namespaces].filter((one) => one.injection === undefined).length;
  return [
    {
      name: "move",
      title: `move to revision ${target.revision}`,
      changes: [
        ...(moves
          ? [
              `revision ${target.revision} checks Istio's objects for the API server, in the place of ${main.revision}`,
              ...(silent === 0
                ? []
                : [`${silent === 1 ? "1 namespace" : `${silent} namespaces`} without injection: the label changes`]),
            ]
          : []),
        ...tags.map(([tag, revision]) => `tag ${tag} moves from ${revision} to ${target.revision}`),
        ...labelled.map(({ title }) => `${title}: the label changes`),
        "no pod restarts: a pod has its sidecar until it starts again",
      ],
      edits: [
        ...(moves ? [{ path: ["istio", "defaultRevision"], value: target.revision }] : []),
        ...tags.map(([tag]) => ({ path: ["istio", "tags", tag], value: target.revision })),
        ...labelled.map(({ path }) => ({ path, value: injection })),
      ],
    },
  ];
}

function restartPhase({ revision }: ControlPlane): UpgradePhase {
  return {
    name: "restart",
    title: `restart the workloads that have not the sidecar of revision ${revision}`,
    changes: ["rolling restarts of Deployments, StatefulSets and DaemonSets, namespace by namespace"],
    edits: [],
  };
}

const objectOf = ({ release }: ControlPlane, { istio }: Upgradable) =>
  titleOf({ kind: "Release", metadata: { name: release, namespace: istio.namespace.name } });

function removePhases(stack: Upgradable, target: ControlPlane, others: readonly ControlPlane[]): UpgradePhase[] {
  const { enabled, except } = stack.deletionProtection;
  const objects = others.map((one) => objectOf(one, stack));
  const missing = objects.filter((object) => !except.some((one) => one.object === object));
  const names = others.map(({ revision }) => revision).join(", ");
  const reason = `the upgrade to Istio ${target.version} takes revision ${names} away`;
  const kept = entriesOf(stack).filter(({ revision }) => revision === target.revision);
  const entry = { revision: target.revision, version: target.version };
  // Where it is protected, the exception has had its update before; it goes with its object.
  const left = except.filter((one) => !objects.includes(one.object));
  return [
    ...(enabled && missing.length > 0
      ? [
          {
            name: "unprotect" as const,
            title: `let revision ${names} go, which deletionProtection protects`,
            changes: [`${missing.join(", ")}: listed in deletionProtection.except`],
            edits: [
              {
                path: ["deletionProtection", "except"],
                value: [...except, ...missing.map((object) => ({ object, reason }))],
              },
            ],
          },
        ]
      : []),
    {
      name: "remove",
      title: `take revision ${names} away`,
      changes: [`Helm release ${others.map(({ release }) => release).join(", ")} is deleted`],
      edits: [
        { path: ["istio", "revisions"], value: kept.length > 0 ? kept : [entry] },
        { path: ["istio", "defaultRevision"], value: target.revision },
        ...(enabled ? [{ path: ["deletionProtection", "except"], ...(left.length === 0 ? {} : { value: left }) }] : []),
      ],
    },
  ];
}
