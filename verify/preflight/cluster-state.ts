import type { Finding } from "../../base/finding";
import { type Cluster, isAbsent } from "../../cluster/client";
import { helmReleases } from "../../cluster/helm-releases";
import type { Named, PeerAuthentication } from "../../cluster/kinds";
import { enroute } from "../../mesh/enroute";
import { skippedIstioMinor } from "../../mesh/istio-upgrade";
import { expectedReleases, istiodName } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { explainRelease } from "../checks/releases";
import { byAge, meshPolicies } from "../checks/strict";

type List<Item> = { items: Item[] };

/** What a list holds; nothing where its kind is not installed. */
export async function listed<Item>(cluster: Cluster, path: string, metadata = false): Promise<Item[]> {
  try {
    return (await cluster.get<List<Item>>(path, { metadata })).items;
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** An object, or nothing where it, its namespace or its kind is not there. */
export async function existing<Value>(cluster: Cluster, path: string): Promise<Value | undefined> {
  try {
    return await cluster.get<Value>(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Whether the nodes are ready to take pods. */
export async function nodeFindings(cluster: Cluster): Promise<Finding[]> {
  type Node = Named & { status?: { conditions?: { type: string; status: string }[] } };
  const nodes = await listed<Node>(cluster, "/api/v1/nodes");
  const isReady = ({ status }: Node) =>
    status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") === true;
  const unready = nodes.filter((node) => !isReady(node)).map(({ metadata }) => metadata.name);
  if (unready.length === 0 && nodes.length > 0) return [];
  return [
    {
      check: "cluster/nodes",
      severity: unready.length === nodes.length ? "error" : "warning",
      problem:
        nodes.length === 0
          ? "the cluster has no nodes: no pod would ever start"
          : `${unready.length} of ${nodes.length} nodes are not ready: ${unready.join(", ")}`,
      fix: "add or repair nodes: kubectl describe node <name> tells what is the matter",
    },
  ];
}

/** Whether Helm is in the middle of something, or left something broken. */
export async function releaseFindings(cluster: Cluster, settings: Settings): Promise<Finding[]> {
  const expected = expectedReleases(settings);
  const namespaces = [...new Set(expected.map(({ namespace }) => namespace))];
  const findings = await Promise.all(
    namespaces.map(async (namespace) =>
      (await helmReleases(cluster, namespace))
        .filter(
          ({ name, status }) =>
            // One that was uninstalled with its history kept is installed anew.
            status !== "deployed" &&
            status !== "uninstalled" &&
            expected.some((wanted) => wanted.name === name && wanted.namespace === namespace),
        )
        .map((release): Finding => {
          const { what, wayOut } = explainRelease(release, namespace);
          // Helm refuses to touch a release that is in the middle of something; a failed one it tries again.
          const severity = release.status === "failed" ? "warning" : "error";
          return { check: "releases/unfinished", severity, problem: what, fix: wayOut };
        }),
    ),
  );
  return findings.flat();
}

/** Whether the istiod that runs would be upgraded over a minor version. */
export async function upgradeFindings(cluster: Cluster, settings: Settings): Promise<Finding[]> {
  const path = `/apis/apps/v1/namespaces/${settings.istio.namespace.name}/deployments/${istiodName(settings)}`;
  const istiod = await existing<Named>(cluster, path);
  // By the label that the chart puts on it: it says what is there, not what was meant to be.
  const version = /^istiod-(.+)$/.exec(istiod?.metadata.labels?.["helm.sh/chart"] ?? "")?.[1];
  const skipped = version === undefined ? undefined : skippedIstioMinor(version, settings.istio.version);
  return skipped === undefined
    ? []
    : [
        {
          check: "mesh/istio-upgrade",
          severity: "error",
          problem: skipped.message.replace(/\.$/, ""),
          fix: skipped.fix,
        },
      ];
}

/**
 * A policy for the whole mesh that somebody else made: of two, Istio obeys the older.
 *
 * @param isCompared whether another look compares what has the name of ours
 */
export async function policyFindings(cluster: Cluster, settings: Settings, isCompared = false): Promise<Finding[]> {
  const root = settings.istio.namespace.name;
  const path = `/apis/security.istio.io/v1/namespaces/${root}/peerauthentications`;
  const policies = meshPolicies(await listed<PeerAuthentication>(cluster, path), root);
  // The annotation is on every policy of ours (MeshMutualTls).
  const isOurs = ({ metadata }: PeerAuthentication) =>
    metadata.name === "default" && metadata.annotations?.["enroute-istio/reason"] !== undefined;
  const ours = policies.find(isOurs);
  const others = policies.filter((policy) => !isOurs(policy) && !(isCompared && policy.metadata.name === "default"));
  return byAge(others).map(({ metadata }): Finding => {
    const isOlder = ours === undefined || metadata.name === "default" || policies[0] !== ours;
    return {
      check: "mesh/other-policy",
      severity: isOlder ? "error" : "warning",
      problem:
        metadata.name === "default"
          ? `PeerAuthentication ${root}/default exists, and is not ours`
          : isOlder
            ? `PeerAuthentication ${root}/${metadata.name} is for the whole mesh and older than ours: Istio would ignore ours`
            : `PeerAuthentication ${root}/${metadata.name} is for the whole mesh, too: it is ignored while ours, the older, is there`,
      fix: `kubectl -n ${root} delete peerauthentication ${metadata.name}, after its owner has agreed`,
    };
  });
}

interface Owned {
  kind: string;
  object: Named;
  /** Release that must own it. */
  release: string;
  namespace: string;
}

/** Another Istio of the cluster: of the same revision it would claim the same namespaces. */
export async function otherIstioFindings(cluster: Cluster, settings: Settings): Promise<Finding[]> {
  const deployments = await listed<Named>(cluster, "/apis/apps/v1/deployments?labelSelector=app%3Distiod", true);
  const { namespace, revision } = settings.istio;
  return otherIstios(deployments, namespace.name, istiodName(settings), revision);
}

/**
 * The best known of the objects that our charts make, in the hands of somebody else: Helm would refuse to install over them. The
 * program compares all of them, as its engine renders the charts ({@link StackView}).
 */
export async function ownershipFindings(cluster: Cluster, settings: Settings): Promise<Finding[]> {
  const root = settings.istio.namespace.name;
  const edge = settings.gateway.namespace.name;
  const istiod = istiodName(settings);
  const revision = settings.istio.revision;
  const injector = `istio-sidecar-injector${revision === undefined ? "" : `-${revision}`}`;
  const admission = "/apis/admissionregistration.k8s.io/v1";
  const rbac = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
  const [kinds, mutating, validating, deployments, gateway, role] = await Promise.all([
    listed<Named>(cluster, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", true),
    listed<Named>(cluster, `${admission}/mutatingwebhookconfigurations`, true),
    listed<Named>(cluster, `${admission}/validatingwebhookconfigurations`, true),
    listed<Named>(cluster, "/apis/apps/v1/deployments?labelSelector=app%3Distiod", true),
    existing<Named>(cluster, `/apis/apps/v1/namespaces/${edge}/deployments/${enroute.deployment}`),
    existing<Named>(cluster, `${rbac}/${enroute.clusterRole}`),
  ]);
  const base = (kind: string, objects: Named[]): Owned[] =>
    objects.map((object) => ({ kind, object, release: "istio-base", namespace: root }));
  const ofIstiod = (kind: string, objects: Named[]): Owned[] =>
    objects.map((object) => ({ kind, object, release: "istiod", namespace: root }));
  const ofGateway = (kind: string, objects: (Named | undefined)[]): Owned[] =>
    objects.flatMap((object) =>
      object === undefined ? [] : { kind, object, release: enroute.release, namespace: edge },
    );
  const named = (objects: Named[], name: string) => objects.filter(({ metadata }) => metadata.name === name);
  const claimed = [
    // Those of Istio's charts; the Gateway API's and others' are none of ours.
    ...base(
      "CustomResourceDefinition",
      kinds.filter(({ metadata }) => /\.(networking|security|telemetry|extensions)\.istio\.io$/.test(metadata.name)),
    ),
    ...base("ValidatingWebhookConfiguration", named(validating, "istiod-default-validator")),
    ...ofIstiod("MutatingWebhookConfiguration", named(mutating, injector)),
    ...ofIstiod(
      "Deployment",
      deployments.filter(({ metadata }) => metadata.namespace === root && metadata.name === istiod),
    ),
    ...ofGateway("Deployment", [gateway]),
    ...ofGateway("ClusterRole", [role]),
  ];
  const foreign = claimed.flatMap((claim) => {
    const owner = ownerOf(claim.object);
    return owner === `${claim.namespace}/${claim.release}` ? [] : [{ ...claim, owner }];
  });
  const owners = [...new Set(foreign.map(({ owner }) => owner))];
  return owners.map((owner): Finding => {
    const theirs = foreign.filter((claim) => claim.owner === owner);
    const names = theirs.map(({ kind, object }) => `${kind} ${object.metadata.name}`);
    const shown = names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
    const who = owner === undefined ? "nobody's Helm release" : `Helm release ${owner}`;
    return {
      check: "cluster/ownership",
      severity: "error",
      problem: `${shown} ${names.length === 1 ? "belongs" : "belong"} to ${who}: Helm refuses to install over ${names.length === 1 ? "it" : "them"}`,
      fix:
        owner === undefined
          ? "uninstall what made them (for istioctl: istioctl uninstall --purge), or hand them to Helm by its labels and annotations (https://istio.io/latest/docs/setup/install/helm/)"
          : `uninstall that release, or use the release's namespace in the stack: helm uninstall ${owner.split("/")[1]} -n ${owner.split("/")[0]}`,
    };
  });
}

function ownerOf({ metadata: { annotations = {} } }: Named): string | undefined {
  const name = annotations["meta.helm.sh/release-name"];
  return name === undefined ? undefined : `${annotations["meta.helm.sh/release-namespace"] ?? ""}/${name}`;
}

function otherIstios(deployments: Named[], root: string, istiod: string, revision = "default"): Finding[] {
  return deployments
    .filter(({ metadata }) => !(metadata.namespace === root && metadata.name === istiod))
    .map(({ metadata }): Finding => {
      const other = metadata.labels?.["istio.io/rev"] ?? "default";
      const same = other === revision;
      return {
        check: "mesh/other-istio",
        severity: same ? "error" : "warning",
        problem: `another Istio runs in namespace ${metadata.namespace}: Deployment ${metadata.name}, revision ${other}${
          same ? ", as ours would be: both would claim the same namespaces" : ""
        }`,
        fix: same
          ? "remove it, or give this one another istio.revision"
          : "fine while you move from one to the other; remove it afterwards",
      };
    });
}
