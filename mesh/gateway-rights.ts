import { at, isTree, textsAt, treesAt } from "../base/tree";
import { enroute } from "./enroute";
import type { MeshObject } from "./object";

/*
 * What EnRoute's service account may do. EnRoute serves every Ingress without a class annotation, in clear text on port 80, whatever
 * its spec.ingressClassName; an account that may not list Ingresses serves none of them (both seen of the real EnRoute).
 */

/** A rule of a ClusterRole. */
export interface RightsRule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

/** Group of EnRoute's kinds. */
export const enrouteGroup = "enroute.saaras.io";

/**
 * What EnRoute lists and watches, save Ingresses: the informers that serve.go of saarasio/enroute starts. The chart's role also has
 * pods, nodes and ConfigMaps, which nothing there reads.
 */
export const gatewayReads: readonly Pick<RightsRule, "apiGroups" | "resources">[] = [
  { apiGroups: [""], resources: ["endpoints", "secrets", "services"] },
  {
    apiGroups: [enrouteGroup],
    resources: [
      "gatewayhosts",
      "globalconfigs",
      "httpfilters",
      "routefilters",
      "serviceroutes",
      "tlscertificatedelegations",
    ],
  },
];

/** Rules of the role that we give to EnRoute: what it reads, and the status of its hosts, which the chart's role lacks. */
export function gatewayRules(): RightsRule[] {
  return [
    ...gatewayReads.map(({ apiGroups, resources }) => ({
      apiGroups: [...apiGroups],
      resources: [...resources],
      verbs: ["get", "list", "watch"],
    })),
    { apiGroups: [enrouteGroup], resources: ["gatewayhosts/status"], verbs: ["get", "patch", "update"] },
  ];
}

/** Kind of resource that an account may list or not. */
export const ingressResource = { resource: "ingresses", group: "networking.k8s.io" } as const;

/** Whether rules of a role allow to list every Ingress. */
export function listsIngresses(rules: readonly unknown[]): boolean {
  const has = (list: string[], wanted: string) => list.includes(wanted) || list.includes("*");
  return rules.some(
    (rule) =>
      has(textsAt(rule, "apiGroups"), ingressResource.group) &&
      has(textsAt(rule, "resources"), ingressResource.resource) &&
      has(textsAt(rule, "verbs"), "list") &&
      textsAt(rule, "resourceNames").length === 0,
  );
}

/**
 * The ClusterRoleBindings among objects by which a gateway may list Ingresses. The chart's role counts also where it is not among
 * them: it may (0.8.7). A RoleBinding gives one namespace, and EnRoute asks for all of them at once.
 *
 * @param namespace of the gateway
 */
export function ingressGrants<One extends MeshObject>(objects: readonly One[], namespace: string): One[] {
  const role = (name: unknown) =>
    objects.find(({ kind, metadata }) => kind === "ClusterRole" && metadata.name === name);
  return objects.filter((object) => {
    if (object.kind !== "ClusterRoleBinding" || !treesAt(object, "subjects").some(isGateway(namespace))) return false;
    const name = at(object, "roleRef", "name");
    const found = role(name);
    if (found === undefined) return name === enroute.clusterRole || name === "cluster-admin";
    return listsIngresses(treesAt(found, "rules"));
  });
}

/** Whether a subject of a binding is, or takes in, the gateway's service account. */
function isGateway(namespace: string) {
  const groups = ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"];
  return (subject: unknown): boolean => {
    if (!isTree(subject)) return false;
    const { kind, name } = subject;
    return kind === "ServiceAccount"
      ? name === enroute.serviceAccount && subject["namespace"] === namespace
      : kind === "Group"
        ? groups.includes(String(name))
        : kind === "User" && name === `system:serviceaccount:${namespace}:${enroute.serviceAccount}`;
  };
}

/** Whether the pods of a gateway started with the right to list Ingresses, as their annotation has it. */
export type IngressSupport = "served" | "left alone";

export function ingressSupport(ingresses: { reason: string } | undefined): IngressSupport {
  return ingresses === undefined ? "left alone" : "served";
}
