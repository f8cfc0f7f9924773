// Brings declared objects into the form in which the API server gives them back, so that only real changes show as differences.

import { isBuiltIn, kindOf } from "./kinds";
import { canonicalQuantity } from "./quantity";
import { at, isMap, mapAt, mapMap, unknownValue, without, type Tree, type TreeMap } from "./tree";

const serverMetadata = [
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "generation",
  "managedFields",
  "resourceVersion",
  "uid",
];

/**
 * The object as the API server would write it. Kubernetes' own types only: a custom resource loses nothing but metadata
 * that belongs to the server. Unlike the official provider this keeps keys that the type does not know.
 */
export function normalise(object: TreeMap): TreeMap {
  const result = withoutServerMetadata(object);
  if (!isBuiltIn(kindOf(object).apiVersion)) return result;
  switch (object["kind"]) {
    case "Secret":
      return normaliseSecret(result);
    case "CustomResourceDefinition":
      return normaliseCrd(result);
    default:
      return isMap(result["spec"]) ? { ...result, spec: quantities(result["spec"]) } : result;
  }
}

function withoutServerMetadata(object: TreeMap): TreeMap {
  const metadata = at(object, "metadata");
  if (!isMap(metadata)) return object;
  return {
    ...object,
    metadata: without(metadata, ...serverMetadata),
  };
}

function normaliseSecret(object: TreeMap): TreeMap {
  const { stringData, ...rest } = object;
  if (stringData === unknownValue) return { ...rest, data: unknownValue };
  const data = mapMap(mapAt(object, "data"), (value) =>
    typeof value === "string" ? Buffer.from(value, "base64").toString("base64") : value,
  );
  const text = isMap(stringData)
    ? mapMap(stringData, (value) => (typeof value === "string" ? Buffer.from(value).toString("base64") : value))
    : {};
  if ((!isMap(stringData) && !isMap(object["data"])) || object["data"] === unknownValue) return object;
  return { ...rest, data: { ...data, ...text } };
}

function normaliseCrd(object: TreeMap): TreeMap {
  const rest = without(object, "status");
  if (!isMap(rest["spec"]) || rest["spec"]["preserveUnknownFields"] !== false) return rest;
  return { ...rest, spec: without(rest["spec"], "preserveUnknownFields") };
}

// Where the types of Kubernetes have quantities: by key, as the provider has no schema at hand.
const quantityMaps = new Set(["limits", "requests", "hard", "capacity", "overhead"]);
const quantityValues = new Set(["sizeLimit", "averageValue", "targetAverageValue", "divisor"]);

function quantities(value: Tree): Tree {
  if (Array.isArray(value)) return value.map(quantities);
  if (!isMap(value)) return value;
  return mapMap(value, (item, key) => {
    if (quantityMaps.has(key) && isMap(item)) return mapMap(item, quantity);
    return quantityValues.has(key) ? quantity(item) : quantities(item);
  });
}

function quantity(value: Tree): Tree {
  if (typeof value === "number") return canonicalQuantity(String(value));
  return typeof value === "string" ? canonicalQuantity(value) : quantities(value);
}
