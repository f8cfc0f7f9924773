import { defined } from "../../base/defined";
import { count, listed as shorten } from "../../base/text";
import type { Cluster } from "../../cluster/client";
import type { Named, PeerAuthentication } from "../../cluster/kinds";
import { controlPlanes } from "../../mesh/control-planes";
import { enroute } from "../../mesh/enroute";
import { revisionLabel } from "../../mesh/injection";
import { claimedBy } from "../../mesh/ownership";
import { byAge, isDeclared, meshPolicies } from "../../mesh/peer-authentication";
import { expectedReleases } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { explainRelease } from "../checks/releases";
import { itemsOf } from "../checks/reading";
import { admissionChecks } from "./admission";
import { type PreflightCheck, preflightCheck } from "./define";
import { definitionsOf, existing, listed } from "./lookup";
import { namespacesChecks } from "./namespaces";
import { leaveTo } from "./owners";
import { ownershipChecks } from "./ownership";
import { releaseOwnerChecks } from "./release-owners";
import { roomChecks } from "./room";
import { heldOf } from "./stack-view";

const unfinished = preflightCheck({
  id: "releases/unfinished",
  title: "no Helm release of the stack is unfinished",
  needs: ["releases"],
  subject: "Helm releases",
  fix: "npm run recover -- --stack <stack> --yes",
  docs: {
    meaning: "Helm was cut off in the middle of a release (`pending-…`, error), or it failed (warning)",
    fix: "`npm run recover` puts it right",
  },
  run(facts, { settings, claimant }, problem) {
    const deployed = expectedReleases(settings).flatMap(({ name, namespace }) => {
      const release = itemsOf(facts.releases[namespace], `releases of namespace ${namespace}`).find(
        (one) => one.name === name,
      );
      // One that was uninstalled with its history kept is installed again.
      if (release === undefined || release.status === "uninstalled") return [];
      if (release.status === "deployed") return [name];
      const [what, own] = explainRelease(release, namespace, claimant?.owner);
      // Helm refuses to touch a release that is in the middle of something; a failed one it tries again.
      problem(what, { ...own, severity: release.status === "failed" ? "warning" : "error" });
      return [];
    });
    return deployed.length === 0 ? "none of them is there yet" : `deployed: ${deployed.join(", ")}`;
  },
});

const otherPolicy = preflightCheck({
  id: "mesh/other-policy",
  title: "no other mesh-wide policy stands beside ours",
  needs: ["policies", "held"],
  subject: "mesh-wide PeerAuthentication",
  fix: "delete it, after its owner has agreed",
  docs: {
    meaning:
      "another mesh-wide PeerAuthentication: older than ours it would be obeyed instead (error), younger it is ignored (warning)",
    fix: "delete it, after its owner has agreed",
  },
  run(facts, { settings, claimant }, problem) {
    const root = settings.istio.namespace.name;
    const policies = meshPolicies(itemsOf(facts.policies, "the mesh's policies"), root);
    const held = heldOf(facts.held).objects.filter(({ kind }) => kind === "PeerAuthentication");
    // One that was adopted has the name that it had.
    const isOurs = (policy: PeerAuthentication) =>
      isDeclared(policy) || held.some(({ namespace, name }) => namespace === root && name === policy.metadata.name);
    const ours = policies.find(isOurs);
    // What has the name of ours is compared by `ownership/objects`, where the stack is given.
    const isCompared = (policy: PeerAuthentication) => claimant !== undefined && policy.metadata.name === "default";
    for (const { metadata } of byAge(policies.filter((policy) => !isOurs(policy) && !isCompared(policy)))) {
      const isOlder = ours === undefined || metadata.name === "default" || policies[0] !== ours;
      const name = `PeerAuthentication ${root}/${metadata.name}`;
      problem(
        metadata.name === "default"
          ? `${name} exists, and is not ours`
          : isOlder
            ? `${name} is for the whole mesh and older than ours: Istio would ignore ours`
            : `${name} is for the whole mesh, too: it is ignored while ours, the older, is there`,
        {
          subject: name,
          severity: isOlder ? "error" : "warning",
          fix: `kubectl -n ${root} delete peerauthentication ${metadata.name}, after its owner has agreed`,
        },
      );
    }
    return ours === undefined ? "there is none yet" : `${root}/${ours.metadata.name} is ours, and the only one`;
  },
});

/** What is in the cluster under a name that one of our charts uses. */
export interface Owned {
  kind: string;
  object: Named;
  /** Release that must own it. */
  release: string;
  namespace: string;
}

/**
 * The best known of the objects that our charts make. Where the stack is given, all of them are compared, as the engine renders
 * the charts: `ownership/objects`.
 */
export async function readClaims(cluster: Cluster, settings: Settings): Promise<Owned[]> {
  const root = settings.istio.namespace.name;
  const edge = settings.gateway.namespace.name;
  const planes = controlPlanes(settings.istio);
  const admission = "/apis/admissionregistration.k8s.io/v1";
  const rbac = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
  const [kinds, mutating, validating, deployments, gateway, role] = await Promise.all([
    definitionsOf(cluster),
    listed<Named>(cluster, `${admission}/mutatingwebhookconfigurations`, true),
    listed<Named>(cluster, `${admission}/validatingwebhookconfigurations`, true),
    readIstiods(cluster),
    existing<Named>(cluster, `/apis/apps/v1/namespaces/${edge}/deployments/${enroute.deployment}`),
    existing<Named>(cluster, `${rbac}/${enroute.clusterRole}`),
  ]);
  const base = (kind: string, objects: Named[]): Owned[] =>
    objects.map((object) => ({ kind, object, release: "istio-base", namespace: root }));
  const ofIstiod = (kind: string, release: string, objects: Named[]): Owned[] =>
    objects.map((object) => ({ kind, object, release, namespace: root }));
  const ofGateway = (kind: string, objects: (Named | undefined)[]): Owned[] =>
    objects.flatMap((object) =>
      object === undefined ? [] : { kind, object, release: enroute.release, namespace: edge },
    );
  const named = (objects: Named[], name: string) => objects.filter(({ metadata }) => metadata.name === name);
  return [
    // Those of Istio's charts; the Gateway API's and others' are none of ours.
    ...base(
      "CustomResourceDefinition",
      kinds.filter(({ metadata }) => /\.(networking|security|telemetry|extensions)\.istio\.io$/.test(metadata.name)),
    ),
    ...base("ValidatingWebhookConfiguration", named(validating, "istiod-default-validator")),
    ...planes.flatMap(({ release, injector, istiod }) => [
      ...ofIstiod("MutatingWebhookConfiguration", release, named(mutating, injector)),
      ...ofIstiod(
        "Deployment",
        release,
        deployments.filter(({ metadata }) => metadata.namespace === root && metadata.name === istiod),
      ),
    ]),
    ...ofGateway("Deployment", [gateway]),
    ...ofGateway("ClusterRole", [role]),
  ];
}

/** Every istiod of the cluster. */
export function readIstiods(cluster: Cluster): Promise<Named[]> {
  return listed<Named>(cluster, "/apis/apps/v1/deployments?labelSelector=app%3Distiod", true);
}

function ownerOf({ metadata: { annotations = {} } }: Named): string | undefined {
  const name = annotations["meta.helm.sh/release-name"];
  return name === undefined ? undefined : `${annotations["meta.helm.sh/release-namespace"] ?? ""}/${name}`;
}

const ownership = preflightCheck({
  id: "cluster/ownership",
  title: "nothing with the names of our charts belongs to another release",
  needs: ["claims", "meshClaims"],
  withStack: false,
  subject: "the charts' objects",
  fix: "uninstall what made them, or use that release's namespace in the stack",
  docs: {
    meaning:
      "objects with the names of our charts belong to another Helm release, or to none (istioctl): Helm refuses to install over them",
    fix: "uninstall what made them, or hand them to Helm",
  },
  run(facts, _, problem) {
    const claimed = itemsOf(facts.claims, "the owners of what is there");
    const stacks = itemsOf(facts.meshClaims, "the claims of every mesh");
    const foreign = claimed.flatMap((claim) => {
      const owner = ownerOf(claim.object);
      return owner === `${claim.namespace}/${claim.release}` ? [] : [{ ...claim, owner }];
    });
    for (const owner of new Set(foreign.map((claim) => claim.owner))) {
      const theirs = foreign.filter((claim) => claim.owner === owner);
      const names = theirs.map(({ kind, object }) => `${kind} ${object.metadata.name}`);
      const stack = owner === undefined ? undefined : claimedBy(stacks, owner);
      const of = stack === undefined ? "" : ` of stack ${stack}`;
      const who = owner === undefined ? "nobody's Helm release" : `Helm release ${owner}${of}`;
      const [belong, them] = names.length === 1 ? ["belongs", "it"] : ["belong", "them"];
      problem(`${shorten(names, 3)} ${belong} to ${who}: Helm refuses to install over ${them}`, {
        subject: names[0]!,
        fix:
          stack !== undefined
            ? leaveTo(stack)
            : owner === undefined
              ? "uninstall what made them (for istioctl: istioctl uninstall --purge), or hand them to Helm by its labels and annotations (https://istio.io/latest/docs/setup/install/helm/)"
              : `uninstall that release, or use the release's namespace in the stack: helm uninstall ${owner.split("/")[1]} -n ${owner.split("/")[0]}`,
      });
    }
    return claimed.length === 0 ? "none of them is there yet" : `${count(claimed.length, "object")} of ours`;
  },
});

const otherIstio = preflightCheck({
  id: "mesh/other-istio",
  title: "no other Istio runs in the cluster",
  needs: ["istiods", "held", "meshClaims"],
  subject: "istiod",
  fix: "remove it, or give this one another istio.revision",
  docs: {
    meaning: "another istiod runs: of the same revision it is an error, of another one a warning",
    fix: "remove it, or set another `istio.revision`",
  },
  run(facts, { settings, claimant }, problem) {
    const istiods = itemsOf(facts.istiods, "other Istios");
    const { namespace } = settings.istio;
    const planes = controlPlanes(settings.istio);
    const { releases } = heldOf(facts.held);
    // One of ours under another name is `releases/moved`.
    const isOurs = (object: Named) =>
      (object.metadata.namespace === namespace.name && planes.some(({ istiod }) => istiod === object.metadata.name)) ||
      releases.includes(ownerOf(object) ?? "");
    const claims = itemsOf(facts.meshClaims, "the claims of every mesh");
    for (const istiod of istiods.filter((one) => !isOurs(one))) {
      const { metadata } = istiod;
      const stack = claimedBy(claims, ownerOf(istiod) ?? "");
      const other = metadata.labels?.[revisionLabel] ?? "default";
      const same = planes.some(({ revision }) => revision === other);
      problem(
        `another Istio${stack === undefined ? "" : `, of stack ${stack},`} runs in namespace ${metadata.namespace}: Deployment ${metadata.name}, revision ${other}${
          same ? ", as ours would be: both would claim the same namespaces" : ""
        }`,
        {
          subject: `Deployment ${metadata.namespace}/${metadata.name}`,
          ...(same
            ? defined({ fix: stack === undefined ? undefined : leaveTo(stack, claimant) })
            : { severity: "warning", fix: "fine while you move from one to the other; remove it afterwards" }),
        },
      );
    }
    return istiods.length === 0 ? "none yet" : "ours alone";
  },
});

/** Whether what is in the cluster leaves room for the rollout. */
export const clusterStateChecks: readonly PreflightCheck[] = [
  ...roomChecks,
  ...namespacesChecks,
  ...admissionChecks,
  ownership,
  ...ownershipChecks,
  ...releaseOwnerChecks,
  unfinished,
  otherIstio,
  otherPolicy,
];
