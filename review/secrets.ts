import { defined } from "../base/defined";
import { withoutUserinfo } from "../base/text";
import { unknownValue } from "../policy/rule";
import { type Tree, isTree } from "./objects";

/** Stands for what is secret. */
export const secretValue = "[secret]";

/** Names of fields, environment variables and keys of texts whose value is a credential. */
const credential =
  /(password|passwd|passphrase|secret|token|credentials?|(private|signing|api|access|secret)[_-]?key)$/i;

const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g;

/** Values that only point at a credential, as Kiali's `secret:<name>:<key>` does, or that are a choice and no credential. */
const noCredential = /^$|^secret:[^:]+:[^:]+$|^(true|false|none|token|anonymous)$/i;

/**
 * An object, with its embedded texts parsed, without anything that must not be read: data of Secrets, credentials in texts and
 * environment variables, private keys wherever they stand.
 */
export function withoutSecrets(object: Tree): Tree {
  if (object["kind"] !== "Secret") return hide(object) as Tree;
  const { data, stringData, ...rest } = object;
  return defined({ ...(hide(rest) as Tree), data: hideAll(data), stringData: hideAll(stringData) });
}

function hideAll(data: unknown): unknown {
  if (data === undefined) return undefined;
  return isTree(data) ? Object.fromEntries(Object.keys(data).map((key) => [key, secretValue])) : secretValue;
}

function hide(value: unknown, key = ""): unknown {
  if (typeof value === "string") {
    if (credential.test(key) && !noCredential.test(value) && value !== unknownValue) return secretValue;
    return withoutUserinfo(value)
      .replace(privateKey, secretValue)
      .replace(/(\[(?:encrypted [0-9a-f]{8}|not encrypted)\]) -----BEGIN ENCRYPTED VALUE-----/g, "$1");
  }
  if (Array.isArray(value)) return value.map((item) => hide(item, key));
  if (!isTree(value)) return value;
  // An environment variable or a header: its name shows what its value is.
  const named = typeof value["name"] === "string" ? value["name"] : "";
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, hide(item, name === "value" ? named : name)]),
  );
}
