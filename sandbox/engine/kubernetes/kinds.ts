// What the provider knows about kinds without asking a server.

import { textAt, type Tree, type TreeMap } from "./tree";

/** A kind of object, and the resource type that was declared with it. */
export interface Kind {
  /** Such as "v1" or "apps/v1". */
  readonly apiVersion: string;
  readonly kind: string;
}

/** The group of an apiVersion; "" for the core group. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? "" : apiVersion.slice(0, slash);
}

/** The kind that an object states. */
export function kindOf(object: Tree | undefined): Kind {
  return { apiVersion: textAt(object, "apiVersion"), kind: textAt(object, "kind") };
}

/** The kind that a resource type such as "kubernetes:core/v1:NamespacePatch" stands for. */
export function kindOfType(type: string): Kind {
  const [, apiVersion = "", name = ""] = type.split(":");
  return { apiVersion: apiVersion.replace(/^core\//, ""), kind: name.replace(/(?<=.)Patch$/, "") };
}

/** Whether a resource type owns only some fields of an object that something else made. */
export function isPatchType(type: string, kind: string): boolean {
  return type.split(":")[2] === `${kind}Patch`;
}

/** "apps/v1/Deployment", as the provider's messages write a kind. */
export function kindName({ apiVersion, kind }: Kind): string {
  return `${apiVersion}/${kind}`;
}

/** The namespace and name by which the provider identifies an object: "namespace/name", or "name" if it has no namespace. */
export function idOf(object: TreeMap): string {
  const namespace = textAt(object, "metadata", "namespace");
  const name = textAt(object, "metadata", "name");
  return namespace === "" ? name : `${namespace}/${name}`;
}

/** The reverse of `idOf`. */
export function parseId(id: string): { namespace: string; name: string } {
  const slash = id.indexOf("/");
  return slash < 0 ? { namespace: "", name: id } : { namespace: id.slice(0, slash), name: id.slice(slash + 1) };
}

// Groups that Kubernetes itself serves, with those of their kinds that have no namespace.
const builtIn: Record<string, readonly string[]> = {
  "": ["Namespace", "Node", "PersistentVolume", "ComponentStatus"],
  "admissionregistration.k8s.io": [
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
  ],
  "apiextensions.k8s.io": ["CustomResourceDefinition"],
  "apiregistration.k8s.io": ["APIService"],
  apps: [],
  "authentication.k8s.io": ["TokenReview", "SelfSubjectReview"],
  "authorization.k8s.io": ["SubjectAccessReview", "SelfSubjectAccessReview", "SelfSubjectRulesReview"],
  autoscaling: [],
  batch: [],
  "certificates.k8s.io": ["CertificateSigningRequest", "ClusterTrustBundle"],
  "coordination.k8s.io": [],
  "discovery.k8s.io": [],
  "events.k8s.io": [],
  "flowcontrol.apiserver.k8s.io": ["FlowSchema", "PriorityLevelConfiguration"],
  "networking.k8s.io": ["IngressClass", "IPAddress", "ServiceCIDR"],
  "node.k8s.io": ["RuntimeClass"],
  policy: [],
  "rbac.authorization.k8s.io": ["ClusterRole", "ClusterRoleBinding"],
  "resource.k8s.io": ["DeviceClass", "ResourceSlice"],
  "scheduling.k8s.io": ["PriorityClass"],
  "storage.k8s.io": ["StorageClass", "VolumeAttachment", "CSIDriver", "CSINode", "VolumeAttributesClass"],
};

/** Whether Kubernetes itself serves the apiVersion; custom resources are left as they are. */
export function isBuiltIn(apiVersion: string): boolean {
  return Object.hasOwn(builtIn, groupOf(apiVersion));
}

/** Whether a kind of Kubernetes itself has a namespace; undefined for custom resources. */
export function builtInScope({ apiVersion, kind }: Kind): boolean | undefined {
  const group = groupOf(apiVersion);
  return isBuiltIn(apiVersion) ? !builtIn[group]?.includes(kind) : undefined;
}
