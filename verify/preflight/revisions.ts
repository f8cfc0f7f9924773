import type { Cluster } from "../../cluster/client";
import type { Deployment, Named, Pod } from "../../cluster/kinds";
import { controlPlanes } from "../../mesh/control-planes";
import { type Claim, stackAnnotation } from "../../mesh/ownership";
import { tagLabel } from "../../mesh/revision-tags";
import {
  type LabelledNamespace,
  type PhaseProblem,
  type RunningMesh,
  type RunningProxy,
  changingPlanes,
  leavingPlanes,
  leavingProblems,
  leavingTags,
  movingProblems,
  renamingProblems,
  versionProblems,
} from "../../mesh/revisions";
import { injectionLabelKeys, revisionLabel } from "../../mesh/injection";
import { placeOf } from "../../mesh/object";
import { wantedNamespaces } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { CannotTell, type Problem } from "../check";
import { restarting } from "../checks/fixes";
import { livePods, proxyOf, tagOf } from "../checks/injection";
import { itemsOf, valueOf } from "../checks/reading";
import { type Read, ifRead, read } from "../facts";
import { type PreflightCheck, type PreflightFacts, preflightCheck } from "./define";
import { existing, listed } from "./lookup";
import type { HeldState, StackView } from "./stack-view";

/** What of the mesh's control planes is the stack's. */
export interface Ownership {
  releases: readonly string[];
  stack: string | undefined;
}

/** By the stack's state; where that is not given, or not known, by the claim of the mesh. */
export function ownedBy(stack: StackView | undefined, held: HeldState, claim: Read<Claim | undefined>): Ownership {
  const claimed = ifRead(claim);
  if (held !== undefined && "held" in held) return { releases: held.held.releases, stack: stack?.owner };
  const isOurs = stack === undefined || claimed?.owner === stack.owner;
  return { releases: isOurs ? (claimed?.releases ?? []) : [], stack: stack?.owner ?? claimed?.owner };
}

export async function readRevisions(cluster: Cluster, settings: Settings, own: Ownership): Promise<RunningMesh> {
  const root = settings.istio.namespace.name;
  const admission = "/apis/admissionregistration.k8s.io/v1";
  const [istiods, injectors, validator] = await Promise.all([
    listed<Deployment>(cluster, `/apis/apps/v1/namespaces/${root}/deployments?labelSelector=app%3Distiod`),
    listed<Named>(cluster, `${admission}/mutatingwebhookconfigurations`, true),
    existing<Named>(cluster, `${admission}/validatingwebhookconfigurations/istiod-default-validator`),
  ]);
  return {
    planes: istiods.map(({ metadata, status }) => {
      const { labels = {}, annotations = {} } = metadata;
      const release = annotations["meta.helm.sh/release-name"];
      return {
        revision: labels[revisionLabel] ?? "default",
        // By the label that the chart puts on it: it says what is there, not what was meant to be.
        version: /^istiod-(\d.*)$/.exec(labels["helm.sh/chart"] ?? "")?.[1]?.replaceAll("_", "+"),
        release,
        isReady: (status?.readyReplicas ?? 0) > 0,
        isOurs: own.releases.includes(`${root}/${release}`),
      };
    }),
    tags: injectors.flatMap(({ metadata: { labels = {}, annotations = {} } }) => {
      const [tag, revision] = [labels[tagLabel], labels[revisionLabel]];
      if (tag === undefined || revision === undefined) return [];
      return [{ tag, revision, isOurs: own.stack !== undefined && annotations[stackAnnotation] === own.stack }];
    }),
    validating: validator?.metadata.labels?.[revisionLabel],
  };
}

/** Who follows the control planes of a mesh, anywhere in the cluster. */
export interface Followers {
  namespaces: Read<Named[]>;
  pods: Read<Pod[]>;
}

export async function readFollowers(
  cluster: Cluster,
  { istio }: Settings,
  revisions: Read<RunningMesh>,
): Promise<Followers | undefined> {
  const running = ifRead(revisions);
  if (running === undefined) return undefined;
  const goes = leavingPlanes(running, istio).length > 0 || leavingTags(running, istio).length > 0;
  if (!goes && changingPlanes(running, istio).length === 0) return undefined;
  const [namespaces, pods] = await Promise.all([
    goes ? read(() => listed<Named>(cluster, "/api/v1/namespaces", true)) : ({ state: "absent" } as const),
    read(() => listed<Pod>(cluster, "/api/v1/pods")),
  ]);
  return { namespaces, pods };
}

function proxiesOf(pods: readonly Pod[]): RunningProxy[] {
  return livePods(pods).flatMap((pod) => {
    const proxy = proxyOf(pod);
    if (proxy === undefined) return [];
    const revision = pod.metadata.annotations?.[revisionLabel] ?? "default";
    return [{ pod: placeOf(pod), revision, version: tagOf(proxy.image), restart: restarting([pod]) }];
  });
}

const runningOf = (facts: Pick<PreflightFacts, "revisions">) => valueOf(facts.revisions, "the control planes")!;

function report(problems: readonly PhaseProblem[], problem: Problem): void {
  for (const { key, problem: what, fix, severity = "error" } of problems)
    problem(what, { subject: key, fix, severity });
}

const upgrade = preflightCheck({
  id: "mesh/istio-upgrade",
  title: "Istio does not skip a minor version",
  needs: ["revisions", "followers"],
  subject: "istio.version",
  fix: "upgrade one minor version at a time",
  docs: {
    meaning:
      "Istio would skip a minor version, up or down, or stand beside one that it is not tested with; or proxies run that are too old for the new control plane (an error), or newer than it (a warning)",
    fix: "roll out a release of the minor version between them first; restart the workloads named",
  },
  run(facts, { settings: { istio } }, problem) {
    const running = runningOf(facts);
    if (running.planes.length === 0) return "no istiod yet";
    const silent = running.planes.filter(({ version }) => version === undefined).map(({ revision }) => revision);
    report(versionProblems(running, istio, proxiesOf(ifRead(facts.followers?.pods) ?? [])), problem);
    if (silent.length > 0)
      throw new CannotTell(
        `istiod of revision ${silent.join(", ")} does not say its version: its Deployment has no label helm.sh/chart`,
      );
    return controlPlanes(istio)
      .map(({ revision, version }) => {
        const before = running.planes.find((one) => one.revision === revision)?.version;
        return before === undefined ? `${revision}: ${version}, new` : `from ${before} to ${version}`;
      })
      .join("; ");
  },
});

const phase = preflightCheck({
  id: "mesh/revision-phase",
  title: "a change of the control plane skips no phase, and hurries none",
  needs: ["revisions", "followers", "namespaces"],
  subject: "istio.revisions",
  fix: "upgrade by its phases; docs/upgrades.md shows them",
  docs: {
    meaning:
      "a control plane or a tag would go that a namespace, a tag, the API server's validation or a running proxy still uses, which are named; or something would move to one that is not ready; or one would change its Helm release ([upgrades](upgrades.md))",
    fix: "do the phase before in an update of its own: install → move → restart → take away",
  },
  run(facts, { settings }, problem) {
    const { istio } = settings;
    const running = runningOf(facts);
    if (running.planes.length === 0) return "no istiod yet";
    const moving = wantedNamespaces(settings).map(({ key, name, labels }) => {
      const before = valueOf(facts.namespaces[name], `namespace ${name}`)?.metadata.labels;
      const kept = Object.entries(before ?? {}).filter(([label]) => !injectionLabelKeys.includes(label));
      return { key, name, before, after: { ...Object.fromEntries(kept), ...labels } };
    });
    report([...renamingProblems(running, istio), ...movingProblems(running, istio, moving)], problem);
    const leaving = leavingPlanes(running, istio).map(({ revision }) => revision);
    if (leaving.length > 0 || leavingTags(running, istio).length > 0) {
      const { namespaces, pods } = facts.followers!;
      const unread = [namespaces, pods].find(({ state }) => state === "unreadable");
      if (unread?.state === "unreadable")
        problem(`nobody can tell whether anything still uses what would go: ${unread.reason}`, {
          fix: "use credentials that may list namespaces and pods in the whole cluster",
        });
      const labelled = itemsOf(asRead(namespaces), "the namespaces").map(
        ({ metadata: { name, labels = {} } }): LabelledNamespace => ({ name, labels }),
      );
      const proxies = proxiesOf(itemsOf(asRead(pods), "the pods"));
      report(leavingProblems(running, istio, { namespaces: labelled, proxies }), problem);
    }
    const state = running.planes.map(({ revision, version }) => `${revision} (${version ?? "of an unknown version"})`);
    return `${state.join(", ")}${leaving.length === 0 ? "" : `; nothing uses ${leaving.join(", ")} any more`}`;
  },
});

/** What could not be read has been reported. */
function asRead<Value>(found: Read<Value[]>): Read<Value[]> {
  return found.state === "unreadable" ? { state: "absent" } : found;
}

/** Whether the control planes may become what the stack declares. */
export const revisionsChecks: readonly PreflightCheck[] = [upgrade, phase];
