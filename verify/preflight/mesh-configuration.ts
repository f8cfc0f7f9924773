import type { Named } from "../../cluster/kinds";
import { textsAt } from "../../base/tree";
import { discoverySelectorsOf, isDiscovered, selectorByName, undiscovered } from "../../mesh/discovery";
import { controlPlanes, defaultControlPlane, revisionOf, unrevised } from "../../mesh/control-planes";
import { injectionLabels, injectorOf } from "../../mesh/injection";
import { effectiveIstiod, effectiveMeshConfig } from "../../settings/effective";
import { type MeshMember, meshMembers, wantedNamespaces } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { isInjector } from "../checks/control-plane";
import { itemsOf, selects, valueOf } from "../checks/reading";
import { type PreflightCheck, preflightCheck } from "./define";

const discovery = preflightCheck({
  id: "mesh/discovery",
  title: "istiod looks at every namespace of the mesh",
  needs: ["namespaces"],
  when: {
    text: "istio.meshConfig.discoverySelectors",
    holds: (settings) => discoverySelectorsOf(effectiveMeshConfig(settings)) !== undefined,
  },
  subject: "istio.meshConfig.discoverySelectors",
  fix: "add a selector to istio.meshConfig.discoverySelectors that matches it",
  docs: {
    meaning:
      "`discoverySelectors` match no label that a namespace of the mesh has, or will have: no policy would count there, and without the root namespace STRICT would be off everywhere",
    fix: "add a selector, or a label of the namespace (`labels`)",
  },
  run(facts, { settings }, problem) {
    const selectors = discoverySelectorsOf(effectiveMeshConfig(settings));
    const names = wantedNamespaces(settings).map(({ key, name, labels }) => {
      const found = valueOf(facts.namespaces[name], `namespace ${name}`)?.metadata.labels;
      if (isDiscovered(selectors, { name, labels: { ...found, ...labels } }) !== true)
        problem(`no selector of istio.meshConfig.discoverySelectors matches namespace ${name}: ${undiscovered}`, {
          subject: `Namespace ${name}`,
          fix: `add ${selectorByName(name)} to istio.meshConfig.discoverySelectors, or a label that one of them asks for to ${key}.labels`,
        });
      return name;
    });
    return names.join(", ");
  },
});

/** Whether the rollout itself brings what injects the pods of a namespace: its revision, or a tag of it. */
function isOwnRevision({ name, injection }: MeshMember, settings: Settings): boolean {
  const asked = injectorOf({ metadata: { name, labels: injectionLabels(injection) } });
  if (asked === undefined) return false;
  return (
    revisionOf(asked, settings.istio) !== undefined ||
    textsAt(effectiveIstiod(settings), "revisionTags").includes(asked)
  );
}

/** Whether a webhook belongs to the release of this stack: what becomes of it, the settings tell. */
function isOwnRelease({ metadata: { annotations = {} } }: Named, { istio }: Settings): boolean {
  return (
    controlPlanes(istio).some(({ release }) => release === annotations["meta.helm.sh/release-name"]) &&
    annotations["meta.helm.sh/release-namespace"] === istio.namespace.name
  );
}

function revisionsOfOthers(settings: Settings): MeshMember[] {
  return meshMembers(settings).filter((member) => !isOwnRevision(member, settings));
}

const revision = preflightCheck({
  id: "mesh/revision",
  title: "a control plane injects the pods of every namespace",
  needs: ["injectors"],
  when: {
    text: "an injection by another revision than istio.revision",
    holds: (settings) => revisionsOfOthers(settings).length > 0,
  },
  subject: "injection",
  fix: "correct injection, or install that control plane first",
  docs: {
    meaning:
      "a namespace asks for a revision or tag that neither the stack nor the cluster has: its pods would start without a sidecar, and nothing would say so",
    fix: "correct its `injection`; install that control plane first; or have the stack make the tag (`istio.tags`)",
  },
  run(facts, { settings }, problem) {
    const injectors = itemsOf(facts.injectors, "the webhooks that inject")
      .filter((configuration) => !isOwnRelease(configuration, settings))
      .flatMap(({ webhooks = [] }) => webhooks)
      .filter(isInjector);
    const seen = revisionsOfOthers(settings).map(({ name, injection }) => {
      const labels = injectionLabels(injection);
      const label = Object.entries(labels).map((pair) => pair.join("="))[0]!;
      const key = wantedNamespaces(settings).find((one) => one.name === name)!.key;
      const own = defaultControlPlane(settings.istio).revision;
      if (!injectors.some(({ namespaceSelector }) => selects(namespaceSelector, labels)))
        problem(`no control plane injects pods of namespace ${name} (${label}): they would start without a sidecar`, {
          subject: `Namespace ${name}`,
          fix: `leave ${key}.injection out, so that it follows this stack's control plane (${own === unrevised ? "the default one" : own}); or install that one first, or have the tag made: istio.tags`,
        });
      return `${name} by ${label}`;
    });
    return seen.join(", ");
  },
});

/** Whether what the stack asks of the mesh's configuration fits the cluster. */
export const meshConfigurationChecks: readonly PreflightCheck[] = [discovery, revision];
