import { unrevised } from "./control-planes";
import { injectionLabel, optOutKey, revisionLabel } from "./injection";
import { defaultIstioNamespace } from "./istio";
import type { LabelSelector } from "./label-selector";

/*
 * A revision tag: a name that namespaces follow, and that moves from one control plane to another. It is a webhook of its own, as
 * `istioctl tag set` and the chart istiod make it (templates/revision-tags-mwc.yaml of chart istiod 1.31). As an object of the stack it
 * moves in one write; as a value of two Helm releases it would be deleted before the other one could make it.
 */

/** The label by which a tag's webhook names it. */
export const tagLabel = "istio.io/tag";

/** Name of a tag's MutatingWebhookConfiguration. */
export function tagWebhookName(tag: string, rootNamespace: string): string {
  return `istio-revision-tag-${tag}${rootNamespace === defaultIstioNamespace ? "" : `-${rootNamespace}`}`;
}

interface TagArgs {
  tag: string;
  /** The revision that it points to. */
  revision: string;
  /** Name of that revision's Service. */
  istiod: string;
  rootNamespace: string;
}

/** The webhooks of a tag. istiod adds its CA to those that carry the label of its revision. */
export function tagWebhook({ tag, revision, istiod, rootNamespace }: TagArgs) {
  const [injection, rev] = [injectionLabel, revisionLabel];
  const notOptedOut = { key: optOutKey, operator: "NotIn", values: ["false"] };
  const isTag = { key: rev, operator: "In", values: [tag] };
  const without = (key: string) => ({ key, operator: "DoesNotExist" });
  const webhook = (prefix: string, namespaces: LabelSelector, pods: LabelSelector) => ({
    name: `${prefix}.sidecar-injector.istio.io`,
    clientConfig: { service: { name: istiod, namespace: rootNamespace, path: "/inject", port: 443 } },
    sideEffects: "None",
    rules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] }],
    failurePolicy: "Fail",
    reinvocationPolicy: "Never",
    admissionReviewVersions: ["v1"],
    namespaceSelector: namespaces,
    objectSelector: pods,
  });
  const all = (...matchExpressions: NonNullable<LabelSelector["matchExpressions"]>) => ({ matchExpressions });
  return {
    metadata: {
      name: tagWebhookName(tag, rootNamespace),
      labels: { [tagLabel]: tag, [rev]: revision, app: "sidecar-injector" },
    },
    webhooks: [
      webhook("rev.namespace", all(isTag, without(injection)), all(notOptedOut)),
      webhook("rev.object", all(without(rev), without(injection)), all(notOptedOut, isTag)),
      // The tag `default` serves what follows no revision.
      ...(tag === unrevised
        ? [
            webhook("namespace", all({ key: injection, operator: "In", values: ["enabled"] }), all(notOptedOut)),
            webhook(
              "object",
              all(without(injection), without(rev)),
              all({ key: optOutKey, operator: "In", values: ["true"] }, without(rev)),
            ),
          ]
        : []),
    ],
  };
}
