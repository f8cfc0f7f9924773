// Completes and checks what a program declares about an object.

import type { Properties } from "../wire";
import type { Cluster } from "./cluster";
import { isBuiltIn, isPatchType, kindOf } from "./kinds";
import { named, type Naming } from "./naming";
import { normalise } from "./normalise";
import { markObject } from "./secretness";
import { at, bareMap, containsUnknown, isMap, mapMap, textAt, withAt, type Tree, type TreeMap } from "./tree";

/** The name of a managed-by label that older states may hold. */
const managedByLabel = "app.kubernetes.io/managed-by";

/**
 * The inputs with a name, a namespace and Kubernetes' own spelling.
 * @throws Error if the declaration cannot be used
 */
export async function checkObject(
  cluster: Cluster,
  type: string,
  news: Properties,
  olds: Properties,
  naming: Naming,
): Promise<Properties> {
  if (cluster.settings.skipUpdateUnreachable && Object.keys(olds).length > 0) {
    if ((await cluster.ifReachable()) === undefined) return olds;
  }
  const [declared, old] = [withServerKeys(bareMap(news)), bareMap(olds)];
  const kind = kindOf(declared);
  if (kind.kind.endsWith("List") && isBuiltIn(kind.apiVersion) && Array.isArray(declared["items"])) {
    throw new Error(`List resources exist for SDK use only, and cannot be managed: ${kind.kind}`);
  }
  let inputs = containsUnknown(declared) ? declared : normalise(declared);
  if (isPatchType(type, kind.kind)) {
    if ((at(inputs, "metadata", "name") ?? "") === "" && !containsUnknown(inputs["metadata"] ?? null)) {
      throw new Error("Patch resources require the .metadata.name field to be set");
    }
  } else {
    inputs = named(inputs, old, naming);
    if (textAt(inputs, "metadata", "generateName") !== "" && textAt(inputs, "metadata", "name") === "") {
      throw new Error("the .metadata.generateName field is not supported in server-side apply mode");
    }
  }
  inputs = await withNamespace(cluster, inputs);
  const label = textAt(old, "metadata", "labels", managedByLabel);
  if (label !== "") inputs = withAt(inputs, ["metadata", "labels", managedByLabel], label);
  cluster.learnKinds([inputs]);
  return markObject(inputs, news);
}

async function withNamespace(cluster: Cluster, inputs: TreeMap): Promise<TreeMap> {
  const metadata = inputs["metadata"] ?? {};
  if (!isMap(metadata) || (metadata["namespace"] ?? "") !== "") return inputs;
  if (!(await cluster.isNamespaced(kindOf(inputs)))) return inputs;
  return withAt(inputs, ["metadata", "namespace"], cluster.defaultNamespace());
}

// The SDK writes "x-kubernetes-…", a key of CRD schemas, with underscores.
function withServerKeys(object: TreeMap): TreeMap {
  const rename = (value: Tree): Tree => {
    if (Array.isArray(value)) return value.map(rename);
    if (!isMap(value)) return value;
    const entries = Object.entries(mapMap(value, rename));
    return Object.fromEntries(
      entries.map(([key, item]) => [key.startsWith("x_kubernetes_") ? key.replaceAll("_", "-") : key, item]),
    );
  };
  return rename(object) as TreeMap;
}
