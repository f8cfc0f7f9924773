// Which parts of an object are secret: the provider works on bare data, and marks its results again.

import { containsSecret, isObject, Secret, type Properties, type Value } from "../wire";
import { kindOf } from "./kinds";
import { bareMap, mapMap, type Tree, type TreeMap } from "./tree";

/**
 * Marks in `values` what is secret in `inputs`, key by key. A list with any secret becomes a secret as a whole, as its
 * elements may have moved.
 */
export function markSecrets(values: TreeMap, inputs: Properties): Properties {
  return mapMap<Tree, Value>(values, (value, key) => {
    const input = Object.hasOwn(inputs, key) ? inputs[key] : undefined;
    if (input === undefined) return value;
    if (isObject(value) && isObject(input)) return markSecrets(value, input);
    return containsSecret(input) ? new Secret(value) : value;
  });
}

/** As `markSecrets`; and the data of a Kubernetes Secret always is secret. */
export function markObject(object: TreeMap, inputs: Properties): Properties {
  const marked = markSecrets(object, inputs);
  const { apiVersion, kind } = kindOf(bareMap(marked));
  if (apiVersion !== "v1" || kind !== "Secret") return marked;
  return mapMap(marked, (value, key) =>
    (key === "data" || key === "stringData") && !(value instanceof Secret) ? new Secret(value) : value,
  );
}
