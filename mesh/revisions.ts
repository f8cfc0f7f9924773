import { count, listed } from "../base/text";
import { type DeclaredControlPlanes, controlPlanes, defaultControlPlane, unrevised } from "./control-planes";
import { injectionText, injectorOf } from "./injection";
import { proxySkew, skippedIstioMinor } from "./istio-upgrade";

/*
 * The phases by which a mesh goes from one control plane to another without an outage: install the new one beside the old → move tags,
 * namespaces and the default → restart the workloads → take the old one away. Each is an update of its own, and every one may
 * be gone backwards (https://istio.io/latest/docs/setup/upgrade/canary/).
 */

/** A control plane that runs. */
export interface RunningPlane {
  revision: string;
  /** Of its chart; undefined where it does not say. */
  version: string | undefined;
  /** Its Helm release; undefined where it has none. */
  release: string | undefined;
  isReady: boolean;
  /** It is the stack's: what the settings no longer name, the update takes away. */
  isOurs: boolean;
}

/** A tag that is there. */
export interface RunningTag {
  tag: string;
  revision: string;
  isOurs: boolean;
}

/** What runs of a mesh's control planes. */
export interface RunningMesh {
  planes: readonly RunningPlane[];
  tags: readonly RunningTag[];
  /** The revision that checks Istio's objects for the API server. */
  validating: string | undefined;
}

export interface LabelledNamespace {
  name: string;
  labels: Record<string, string>;
}

/** A pod with a sidecar. */
export interface RunningProxy {
  /** `namespace/name`. */
  pod: string;
  /** The revision that injected it (annotation `istio.io/rev`). */
  revision: string;
  /** Of its image. */
  version: string | undefined;
  /** The command that starts it again. */
  restart: string;
}

/** A namespace of the stack: with the labels that it has, if it is there, and those that it would get. */
export interface MovingNamespace {
  key: string;
  name: string;
  before: Record<string, string> | undefined;
  after: Record<string, string>;
}

export interface PhaseProblem {
  /** Key of the settings. */
  key: string;
  problem: string;
  fix: string;
  severity?: "warning";
}

/** The stack's control planes that an update would take away. */
export function leavingPlanes(running: RunningMesh, declared: DeclaredControlPlanes): RunningPlane[] {
  const stay = controlPlanes(declared).map(({ revision }) => revision);
  return running.planes.filter(({ revision, isOurs }) => isOurs && !stay.includes(revision));
}

/** The stack's tags that an update would take away. */
export function leavingTags(running: RunningMesh, { tags = {} }: DeclaredControlPlanes): RunningTag[] {
  return running.tags.filter(({ tag, isOurs }) => isOurs && !Object.hasOwn(tags, tag));
}

/** Control planes whose version an update would change where they are. */
export function changingPlanes(running: RunningMesh, declared: DeclaredControlPlanes) {
  return controlPlanes(declared).flatMap((plane) => {
    const before = running.planes.find(({ revision }) => revision === plane.revision)?.version;
    return before === undefined || before === plane.version ? [] : [{ ...plane, before }];
  });
}

/** The revision that a name on a label leads to: that of a tag, or its own. */
function targetOf(name: string | undefined, { tags }: RunningMesh): string | undefined {
  return tags.find(({ tag }) => tag === name)?.revision ?? name;
}

const keyOf = (declared: DeclaredControlPlanes) =>
  declared.revisions === undefined ? "istio.revision" : "istio.revisions";

/** Why a control plane of the stack may not go yet, by what the cluster says of it; empty where it may. */
export function leavingProblems(
  running: RunningMesh,
  declared: DeclaredControlPlanes,
  { namespaces, proxies }: { namespaces: readonly LabelledNamespace[]; proxies: readonly RunningProxy[] },
): PhaseProblem[] {
  const key = keyOf(declared);
  return [
    ...leavingPlanes(running, declared).flatMap(({ revision }) => {
      const may = (why: string, fix: string): PhaseProblem => ({
        key,
        problem: `revision ${revision} may not go yet: ${why}`,
        fix: `keep it in ${key}; ${fix}, then take it away in an update of its own`,
      });
      const tags = running.tags.filter((one) => one.revision === revision).map(({ tag }) => tag);
      const own = namespaces.filter((one) => targetOf(injectorOf({ metadata: one }), running) === revision);
      const pods = proxies.filter((one) => one.revision === revision);
      return [
        ...(running.validating === revision
          ? [may("it checks Istio's objects for the API server", "set istio.defaultRevision to another one")]
          : []),
        ...(tags.length === 0 ? [] : [may(`tag ${listed(tags)} points to it`, "move it in istio.tags")]),
        ...(own.length === 0
          ? []
          : [
              may(
                `${own.map(({ name, labels }) => `namespace ${name} follows it (${injectionText(labels)})`).join(", ")}`,
                "move the namespace by its injection, or its tag",
              ),
            ]),
        ...(pods.length === 0
          ? []
          : [
              may(
                `${count(pods.length, "proxy")} of it ${pods.length === 1 ? "runs" : "run"}: ${listed(pods.map(({ pod }) => pod))}`,
                `restart them: ${[...new Set(pods.map(({ restart }) => restart))].join("; ")}`,
              ),
            ]),
      ];
    }),
    ...leavingTags(running, declared).flatMap(({ tag }) => {
      const own = namespaces.filter((one) => injectorOf({ metadata: one }) === tag).map(({ name }) => name);
      return own.length === 0
        ? []
        : [
            {
              key: `istio.tags.${tag}`,
              problem: `tag ${tag} may not go yet: namespace ${listed(own)} follows it, and its pods would start without a sidecar`,
              fix: `keep it in istio.tags; move the namespace by its injection, then take it away in an update of its own`,
            },
          ];
    }),
  ];
}

/** Why tags, namespaces and the default may not move to where they are declared; empty where they may. */
export function movingProblems(
  running: RunningMesh,
  declared: DeclaredControlPlanes,
  namespaces: readonly MovingNamespace[],
): PhaseProblem[] {
  // Where nothing runs yet, everything comes up in its order.
  if (running.planes.length === 0) return [];
  const stateOf = (revision: string | undefined) => {
    const plane = running.planes.find((one) => one.revision === revision);
    return plane === undefined ? "is not there yet" : plane.isReady ? undefined : "is not ready";
  };
  const later = "install it beside the old one first, and move in an update after that";
  const problems: PhaseProblem[] = [];
  const target = defaultControlPlane(declared).revision;
  const moves = running.validating !== undefined && running.validating !== target;
  const state = moves ? stateOf(target) : undefined;
  if (state !== undefined)
    problems.push({
      key: declared.revisions === undefined ? "istio.revision" : "istio.defaultRevision",
      problem: `the default may not move from revision ${running.validating} to ${target} yet, which ${state}: nobody would check Istio's objects`,
      fix: later,
    });
  for (const [tag, revision] of Object.entries(declared.tags ?? {})) {
    const before = running.tags.find((one) => one.tag === tag)?.revision;
    const found = before === undefined || before === revision ? undefined : stateOf(revision);
    if (found !== undefined)
      problems.push({
        key: `istio.tags.${tag}`,
        problem: `tag ${tag} may not move from revision ${before} to ${revision} yet, which ${found}: pods that follow it could not start`,
        fix: later,
      });
  }
  for (const { key, name, before, after } of namespaces) {
    if (before === undefined) continue;
    const [from, to] = [before, after].map((labels) => injectorOf({ metadata: { name, labels } }));
    if (from === undefined || to === undefined || from === to) continue;
    const found = stateOf(targetOf(to, running));
    if (found !== undefined)
      problems.push({
        key: `${key}.injection`,
        problem: `namespace ${name} may not move from ${injectionText(before)} to ${injectionText(after)} yet, which ${found}: its pods would start without a sidecar`,
        fix: later,
      });
  }
  return problems;
}

/** Control planes whose Helm release would be another: their objects would be deleted, and made again. */
export function renamingProblems(running: RunningMesh, declared: DeclaredControlPlanes): PhaseProblem[] {
  return controlPlanes(declared).flatMap(({ revision, release }, index) => {
    const before = running.planes.find((one) => one.isOurs && one.revision === revision)?.release;
    if (before === undefined || before === release) return [];
    return [
      {
        key: declared.revisions === undefined ? "istio" : `istio.revisions[${index}].release`,
        problem: `revision ${revision} is Helm release ${before}, and would become ${release}: its istiod would be deleted before it is made again`,
        fix:
          declared.revisions === undefined
            ? `keep it in istio.revisions, with revision: ${revision}${before === "istiod" ? " and release: istiod" : ""}`
            : `set istio.revisions[${index}].release: ${before}`,
      },
    ];
  });
}

/** Versions that may not follow each other, or stand side by side, or serve the proxies that run. */
export function versionProblems(
  running: RunningMesh,
  declared: DeclaredControlPlanes,
  proxies: readonly RunningProxy[],
): PhaseProblem[] {
  const changing = changingPlanes(running, declared);
  return [
    ...controlPlanes(declared).flatMap(({ revision, version }, index) => {
      const key = declared.revisions === undefined ? "istio.version" : `istio.revisions[${index}].version`;
      const inPlace = running.planes.find((one) => one.revision === revision);
      // A new one stands beside all that run.
      const beside = inPlace === undefined ? running.planes : [inPlace];
      const skipped = beside.flatMap(
        ({ version: before }) => (before === undefined ? undefined : skippedIstioMinor(before, version, key)) ?? [],
      )[0];
      return skipped === undefined ? [] : [{ key, problem: skipped.message.replace(/\.$/, ""), fix: skipped.fix }];
    }),
    ...changing.flatMap(({ revision, version }): PhaseProblem[] => {
      const own = proxies.filter((one) => one.revision === revision && one.version !== undefined);
      const of = (skew: ReturnType<typeof proxySkew>) => own.filter((one) => proxySkew(one.version!, version) === skew);
      const [untested, ahead] = [of("untested"), of("ahead")];
      const named = (pods: typeof own) => listed(pods.map((one) => `${one.pod} (${one.version})`));
      const again = (pods: typeof own) => [...new Set(pods.map(({ restart }) => restart))].join("; ");
      return [
        ...(untested.length === 0
          ? []
          : [
              {
                key: "istio.version",
                problem: `proxies of another minor version than ${version} or the one before it run, which are not tested with that control plane: ${named(untested)}`,
                fix: `restart them first, while the control plane is what it is: ${again(untested)}`,
              },
            ]),
        ...(ahead.length === 0
          ? []
          : [
              {
                key: "istio.version",
                severity: "warning" as const,
                problem: `proxies newer than control plane ${version} would run, which Istio does not support for long: ${named(ahead)}`,
                fix: `restart them after the update: ${again(ahead)}`,
              },
            ]),
      ];
    }),
  ];
}

/** A pod that keeps the sidecar of before until it starts again, and why. */
export function waitsForRestart(
  { revision, version }: { revision: string | undefined; version: string | undefined },
  wanted: { revision: string; tag: string },
): string | undefined {
  if (revision !== undefined && revision !== wanted.revision)
    return `revision ${revision} instead of ${wanted.revision}`;
  return version === wanted.tag ? undefined : (version ?? "no tag");
}

/** How people name a revision. */
export const revisionText = (revision: string) =>
  revision === unrevised ? "the default revision" : `revision ${revision}`;
