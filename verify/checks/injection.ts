import type { Result } from "../../base/report";
import { count, listed } from "../../base/text";
import type { Container, Pod } from "../../cluster/kinds";
import { injectionLabels } from "../../mesh/injection";
import { istioTag, meshMembers } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { CannotTell, judge } from "../result";
import type { ClusterView } from "../view";
import { isInjector } from "./control-plane";
import { itemsOf, selects, valueOf } from "./reading";

const injectionKeys = ["istio-injection", "istio.io/rev"];

/** Whether every pod that should be in the mesh is. */
export function checkInjection(view: ClusterView, settings: Settings): Result[] {
  return [
    labels(view, settings),
    revisionWebhook(view, settings),
    podsInMesh(view, settings),
    optedOut(view, settings),
    proxiesReady(view, settings),
    proxiesCurrent(view, settings),
  ];
}

function labels(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "injection/namespace-labels",
      title: "the mesh's namespaces are labelled for injection",
      fix: "run pulumi up --refresh, then restart what runs there: kubectl -n <namespace> rollout restart deployment",
    },
    (problem) => {
      const members = meshMembers(settings);
      for (const { name, injection } of members) {
        const found = valueOf(view.namespaces[name], `namespace ${name}`);
        if (found === undefined) {
          problem(`namespace ${name} does not exist`, "run pulumi up --refresh");
          continue;
        }
        const wanted = injectionLabels(injection);
        const text = (all: Record<string, string>) =>
          injectionKeys.flatMap((key) => (all[key] === undefined ? [] : [`${key}=${all[key]}`])).join(", ");
        if (text(found) !== text(wanted))
          problem(`namespace ${name} has ${text(found) || "no injection label"} instead of ${text(wanted)}`);
      }
      return members.map(({ name }) => name).join(", ");
    },
  );
}

function revisionWebhook(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "injection/revision-webhook",
      title: "a webhook injects the pods of every mesh namespace",
      fix: "install the control plane of that revision, or correct the injection of the namespace in the stack",
    },
    (problem) => {
      const injectors = itemsOf(view.mutatingWebhooks, "MutatingWebhookConfigurations")
        .flatMap(({ webhooks = [] }) => webhooks)
        .filter(isInjector);
      const members = meshMembers(settings);
      for (const { name, injection } of members) {
        // With the label that it should have; that it has it is another check's matter.
        const rest = Object.entries(valueOf(view.namespaces[name], `namespace ${name}`) ?? {}).filter(
          ([key]) => !injectionKeys.includes(key),
        );
        const wanted = injectionLabels(injection);
        const all = { ...Object.fromEntries(rest), ...wanted };
        if (
          !injectors.some((webhook) => selects(webhook.namespaceSelector, all) && selects(webhook.objectSelector, {}))
        )
          problem(
            `no webhook matches ${Object.entries(wanted)
              .map((pair) => pair.join("="))
              .join()} of namespace ${name}: its pods start without a sidecar, and nothing says so`,
          );
      }
      return `${count(injectors.length, "webhook")} for ${members.map(({ name }) => name).join(", ")}`;
    },
  );
}

/** The sidecar of a pod: a container, or where Kubernetes knows native sidecars, an init container that stays. */
export function proxyOf({ spec }: Pod): Container | undefined {
  return [...spec.containers, ...(spec.initContainers ?? [])].find(({ name }) => name === "istio-proxy");
}

/** Pods that run or are about to: not those that have ended or are on their way out. */
export function livePods(pods: readonly Pod[]): Pod[] {
  return pods.filter(
    ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined && status?.phase !== "Succeeded" && status?.phase !== "Failed",
  );
}

function members(view: ClusterView, settings: Settings): Pod[] {
  return meshMembers(settings).flatMap(({ name }) =>
    livePods(itemsOf(view.pods[name], `pods of namespace ${name}`)).map((pod) => ({
      ...pod,
      metadata: { ...pod.metadata, namespace: name },
    })),
  );
}

const isOptedOut = ({ metadata }: Pod) =>
  (metadata.labels?.["sidecar.istio.io/inject"] ?? metadata.annotations?.["sidecar.istio.io/inject"]) === "false";
const nameOf = ({ metadata }: Pod) => `${metadata.namespace}/${metadata.name}`;

function podsInMesh(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "injection/pods-in-mesh",
      title: "every pod of the mesh's namespaces carries a proxy",
      fix: "restart what started before its namespace had the label: kubectl -n <namespace> rollout restart deployment",
    },
    (problem) => {
      const pods = members(view, settings).filter((pod) => !isOptedOut(pod));
      const outside = pods.filter((pod) => proxyOf(pod) === undefined);
      const onHost = outside.filter(({ spec }) => spec.hostNetwork === true);
      const rest = outside.filter(({ spec }) => spec.hostNetwork !== true);
      if (rest.length > 0) problem(`without a proxy: ${listed(rest.map(nameOf))}`);
      if (onHost.length > 0)
        problem(
          `without a proxy, being on the host's network: ${listed(onHost.map(nameOf))}`,
          "Istio injects no pod with hostNetwork: move it to a namespace outside of the mesh",
        );
      return pods.length === 0 ? "no pods yet" : `${count(pods.length, "pod")} with a proxy`;
    },
  );
}

function optedOut(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "injection/opted-out",
      title: "no pod of the mesh's namespaces has opted out",
      severity: "warning",
      fix: "take sidecar.istio.io/inject=false from its pod template, or move it to a namespace outside of the mesh",
    },
    (problem) => {
      const out = members(view, settings).filter((pod) => isOptedOut(pod) && proxyOf(pod) === undefined);
      if (out.length > 0) problem(`speaks plain text by sidecar.istio.io/inject=false: ${listed(out.map(nameOf))}`);
      return "none has";
    },
  );
}

function proxiesReady(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "injection/proxies-ready",
      title: "every proxy is ready",
      fix: "look at: kubectl -n <namespace> logs <pod> -c istio-proxy; a proxy that cannot reach istiod never gets ready",
    },
    (problem) => {
      const pods = members(view, settings).filter((pod) => proxyOf(pod) !== undefined);
      const statusOf = ({ status }: Pod) =>
        [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].find(
          ({ name }) => name === "istio-proxy",
        );
      const starting = pods.filter((pod) => statusOf(pod) === undefined);
      const waiting = pods.filter((pod) => statusOf(pod)?.ready === false);
      if (waiting.length > 0) problem(`not ready: ${listed(waiting.map(nameOf))}`);
      if (starting.length > 0)
        throw new CannotTell(`not started yet: ${listed(starting.map(nameOf))}`, "wait, and verify again");
      return pods.length === 0 ? "no proxies yet" : `${count(pods.length, "proxy").replace("proxys", "proxies")} ready`;
    },
  );
}

function proxiesCurrent(view: ClusterView, settings: Settings): Result {
  const wanted = istioTag(settings);
  return judge(
    {
      check: "injection/proxies-current",
      title: "every proxy is of the version that the stack names",
      severity: "warning",
      fix: "restart what still has the sidecar of before: kubectl -n <namespace> rollout restart deployment",
    },
    (problem) => {
      const pods = members(view, settings).filter((pod) => proxyOf(pod) !== undefined);
      const stale = pods.filter((pod) => tagOf(proxyOf(pod)?.image) !== wanted);
      if (stale.length > 0)
        problem(
          `not ${wanted}: ${listed(stale.map((pod) => `${nameOf(pod)} (${tagOf(proxyOf(pod)?.image) ?? "no tag"})`))}`,
        );
      return pods.length === 0 ? "no proxies yet" : `all ${wanted}`;
    },
  );
}

/** The tag of an image, without variant (`-distroless`) and without digest. */
function tagOf(image: string | undefined): string | undefined {
  return image
    ?.replace(/@.*$/, "")
    .match(/:([\w][\w.-]*)$/)?.[1]
    ?.replace(/-(distroless|debug)$/, "");
}
