import { count, listed } from "../../base/text";
import type { Container, Pod } from "../../cluster/kinds";
import {
  injectionLabelKeys,
  injectionLabels,
  injectionText,
  isInjected,
  isOptedOut,
  neverInjected,
  revisionLabel,
} from "../../mesh/injection";
import type { ControlPlane } from "../../mesh/control-planes";
import { placeOf } from "../../mesh/object";
import { waitsForRestart } from "../../mesh/revisions";
import { controlPlaneFor, meshMembers } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { CannotTell, notThere } from "../check";
import type { ClusterView } from "../view";
import { type VerifyCheck, verifyCheck } from "./define";
import { isInjector } from "./control-plane";
import { restarting } from "./fixes";
import { itemsOf, selects, valueOf } from "./reading";

const labels = verifyCheck({
  id: "injection/namespace-labels",
  title: "the mesh's namespaces are labelled for injection",
  needs: ["namespaces"],
  subject: "the mesh's namespaces",
  fix: "run pulumi up --refresh; injection/pods-in-mesh names what has to restart afterwards",
  docs: {
    meaning:
      "each has exactly the injection label of the stack, and is no namespace that Istio never injects (`kube-system` and the like)",
    fix: "`pulumi up --refresh`, then restart the workloads",
  },
  run(view, { settings }, problem) {
    const members = meshMembers(settings);
    for (const { name, injection } of members) {
      const found = valueOf(view.namespaces[name], `namespace ${name}`);
      if (found === undefined) {
        problem(`namespace ${name} does not exist`, {
          subject: `Namespace ${name}`,
          fix: "run pulumi up --refresh",
        });
        continue;
      }
      const wanted = injectionLabels(injection);
      const [is, ought] = [injectionText(found), injectionText(wanted)];
      // A label that the stack does not set, an update does not take away.
      const foreign = injectionLabelKeys.filter((label) => label in found && !(label in wanted));
      if (is !== ought)
        problem(`namespace ${name} has ${is || "no injection label"} instead of ${ought}`, {
          subject: `Namespace ${name}`,
          ...(foreign.length === 0
            ? {}
            : {
                fix: `agree with whoever set it: kubectl label namespace ${name} ${foreign.map((label) => `${label}-`).join(" ")}; then run pulumi up --refresh`,
              }),
        });
      else if (!isInjected({ metadata: { name, labels: found } }))
        problem(`Istio injects no pod of namespace ${name}, whatever its labels`, {
          subject: `Namespace ${name}`,
          fix: `use another namespace than ${neverInjected.join(", ")}`,
        });
    }
    return members.map(({ name }) => name).join(", ");
  },
});

const revisionWebhook = verifyCheck({
  id: "injection/revision-webhook",
  title: "a webhook injects the pods of every mesh namespace",
  needs: ["namespaces", "mutatingWebhooks"],
  subject: "the mesh's namespaces",
  fix: "install the control plane of that revision, or correct the injection of the namespace in the stack",
  docs: {
    meaning: "a webhook matches that label; a revision without one injects nothing, silently",
    fix: "install that revision, or correct the stack",
  },
  run(view, { settings }, problem) {
    const injectors = itemsOf(view.mutatingWebhooks, "MutatingWebhookConfigurations")
      .flatMap(({ webhooks = [] }) => webhooks)
      .filter(isInjector);
    const members = meshMembers(settings);
    const missing: string[] = [];
    for (const { name, injection } of members) {
      const labelled = valueOf(view.namespaces[name], `namespace ${name}`);
      if (labelled === undefined) missing.push(name);
      // With the label that it should have; that it has it is another check's matter.
      const rest = Object.entries(labelled ?? {}).filter(([key]) => !injectionLabelKeys.includes(key));
      const wanted = injectionLabels(injection);
      const all = { ...Object.fromEntries(rest), ...wanted };
      if (!injectors.some((webhook) => selects(webhook.namespaceSelector, all) && selects(webhook.objectSelector, {})))
        problem(
          `no webhook matches ${Object.entries(wanted)
            .map((pair) => pair.join("="))
            .join()} of namespace ${name}: its pods start without a sidecar, and nothing says so`,
        );
    }
    if (missing.length > 0) throw notThere(`no namespace ${listed(missing)}`, "injection/namespace-labels");
    return `${count(injectors.length, "webhook")} for ${members.map(({ name }) => name).join(", ")}`;
  },
});

/** The sidecar of a pod: a container, or where Kubernetes knows native sidecars, an init container that stays. */
export function proxyOf({ spec }: Pod): Container | undefined {
  return [...spec.containers, ...(spec.initContainers ?? [])].find(({ name }) => name === "istio-proxy");
}

/** Why a pod has not the sidecar of its control plane; undefined where it has. */
export function restartReason(pod: Pod, { revision, tag }: Pick<ControlPlane, "revision" | "tag">): string | undefined {
  const found = { revision: pod.metadata.annotations?.[revisionLabel], version: tagOf(proxyOf(pod)?.image) };
  return waitsForRestart(found, { revision, tag: tagOf(`:${tag}`)! });
}

/** Pods that run or are about to: not those that have ended or are on their way out. */
export function livePods(pods: readonly Pod[]): Pod[] {
  return pods.filter(
    ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined && status?.phase !== "Succeeded" && status?.phase !== "Failed",
  );
}

/** The pods of the mesh's namespaces, at least one: the gateway's are always there, or `gateway/replicas` fails. */
function members(view: Pick<ClusterView, "pods">, settings: Settings): Pod[] {
  const pods = meshMembers(settings).flatMap(({ name }) =>
    livePods(itemsOf(view.pods[name], `pods of namespace ${name}`)).map((pod) => ({
      ...pod,
      metadata: { ...pod.metadata, namespace: name },
    })),
  );
  if (pods.length === 0) throw notThere("no pod in the mesh's namespaces", "gateway/replicas");
  return pods;
}

/** Those of them with a proxy, at least one. */
export function withProxy(view: Pick<ClusterView, "pods">, settings: Settings): Pod[] {
  const pods = members(view, settings).filter((pod) => proxyOf(pod) !== undefined);
  if (pods.length === 0) throw notThere("no pod with a proxy", "injection/pods-in-mesh");
  return pods;
}

const podsInMesh = verifyCheck({
  id: "injection/pods-in-mesh",
  title: "every pod of the mesh's namespaces carries a proxy",
  needs: ["pods"],
  subject: "the mesh's namespaces",
  fix: "restart what started before its namespace had the label",
  docs: {
    meaning: "every pod has the container `istio-proxy`, as container or as init container; those without are named",
    fix: "restart them: they started before the label",
  },
  run(view, { settings }, problem) {
    const pods = members(view, settings).filter((pod) => !isOptedOut(pod));
    const outside = pods.filter((pod) => proxyOf(pod) === undefined);
    const onHost = outside.filter(({ spec }) => spec.hostNetwork === true);
    const rest = outside.filter(({ spec }) => spec.hostNetwork !== true);
    if (rest.length > 0)
      problem(`without a proxy: ${listed(rest.map(placeOf))}`, {
        fix: `restart what started before its namespace had the label: ${restarting(rest)}`,
      });
    if (onHost.length > 0)
      problem(`without a proxy, being on the host's network: ${listed(onHost.map(placeOf))}`, {
        fix: "Istio injects no pod with hostNetwork: move it to a namespace outside of the mesh",
      });
    if (pods.length === 0) throw notThere("every pod has opted out", "injection/opted-out");
    return `${count(pods.length, "pod")} with a proxy`;
  },
});

const optedOut = verifyCheck({
  id: "injection/opted-out",
  title: "no pod of the mesh's namespaces has opted out",
  severity: "warning",
  needs: ["pods"],
  subject: "the mesh's namespaces",
  fix: "take sidecar.istio.io/inject=false from its pod template, or move it to a namespace outside of the mesh",
  docs: { meaning: "no pod says `sidecar.istio.io/inject: false`", fix: "move it out of the mesh's namespaces" },
  run(view, { settings }, problem) {
    const pods = members(view, settings);
    const out = pods.filter((pod) => isOptedOut(pod) && proxyOf(pod) === undefined);
    if (out.length > 0)
      problem(`speaks plain text by sidecar.istio.io/inject=false: ${listed(out.map(placeOf))}`, {
        fix: `take sidecar.istio.io/inject=false from its pod template, or move it to a namespace outside of the mesh; then ${restarting(out)}`,
      });
    return `none of ${count(pods.length, "pod")}`;
  },
});

const proxiesReady = verifyCheck({
  id: "injection/proxies-ready",
  title: "every proxy is ready",
  needs: ["pods"],
  subject: "the mesh's namespaces",
  fix: "see its log; a proxy that cannot reach istiod never gets ready",
  docs: { meaning: "every proxy is ready", fix: "its log; often it cannot reach istiod" },
  run(view, { settings }, problem) {
    const pods = withProxy(view, settings);
    const statusOf = ({ status }: Pod) =>
      [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].find(
        ({ name }) => name === "istio-proxy",
      );
    const starting = pods.filter((pod) => statusOf(pod) === undefined);
    const waiting = pods.filter((pod) => statusOf(pod)?.ready === false);
    const [first] = waiting;
    if (first !== undefined)
      problem(`not ready: ${listed(waiting.map(placeOf))}`, {
        fix: `see why, where a proxy that cannot reach istiod never gets ready: kubectl -n ${first.metadata.namespace} logs ${first.metadata.name} -c istio-proxy`,
      });
    if (starting.length > 0)
      throw new CannotTell(`not started yet: ${listed(starting.map(placeOf))}`, "wait, and verify again");
    return `${count(pods.length, "proxy")} ready`;
  },
});

const proxiesCurrent = verifyCheck({
  id: "injection/proxies-current",
  title: "every proxy is of the control plane that its namespace follows, and of its version",
  severity: "warning",
  needs: ["pods"],
  subject: "the mesh's namespaces",
  fix: "restart what still has the sidecar of before",
  docs: {
    meaning:
      "every proxy is of the revision that its namespace follows, and of its version: after an upgrade, running pods keep the old one, and those that wait for a restart are named",
    fix: "restart the workloads",
  },
  run(view, { settings }, problem) {
    const pods = withProxy(view, settings);
    const wanted = new Map(
      meshMembers(settings).map(({ name, injection }) => [
        name,
        // Of a revision that is not the stack's, its version is not known.
        controlPlaneFor(settings, injection),
      ]),
    );
    const stale = pods.flatMap((pod) => {
      const plane = wanted.get(pod.metadata.namespace ?? "");
      const why = plane && restartReason(pod, plane);
      return why === undefined ? [] : [{ pod, plane: plane!, why }];
    });
    for (const tag of new Set(stale.map(({ plane }) => plane.tag))) {
      const own = stale.filter(({ plane }) => plane.tag === tag);
      problem(`not ${tag}: ${listed(own.map(({ pod, why }) => `${placeOf(pod)} (${why})`))}`, {
        fix: `restart what still has the sidecar of before: ${restarting(own.map(({ pod }) => pod))}`,
      });
    }
    const tags = new Set([...wanted.values()].flatMap((plane) => plane?.tag ?? []));
    return tags.size === 0 ? "of control planes that are not the stack's" : `all ${[...tags].join(" or ")}`;
  },
});

/** The tag of an image, without variant (`-distroless`) and without digest. */
export function tagOf(image: string | undefined): string | undefined {
  return image
    ?.replace(/@.*$/, "")
    .match(/:([\w][\w.-]*)$/)?.[1]
    ?.replace(/-(distroless|debug)$/, "");
}

/** Whether every pod that should be in the mesh is. */
export const injectionChecks: readonly VerifyCheck[] = [
  labels,
  revisionWebhook,
  podsInMesh,
  optedOut,
  proxiesReady,
  proxiesCurrent,
];
