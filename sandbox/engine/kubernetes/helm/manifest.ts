// What a rendered manifest holds. Manifests with CRDs have megabytes, of which only a few lines matter: the rest is cut
// away before parsing.

import { parse } from "yaml";
import { isMap, mapAt, textAt, type Tree, type TreeMap } from "../tree";

/** The texts of a manifest's documents. */
export function documents(manifest: string): string[] {
  return manifest.split(/^---.*$/m).filter((text) => /^[^#\s]/m.test(text));
}

/** The given keys of a document, parsed. */
export function pick(document: string, keys: readonly string[]): TreeMap {
  const isBlock = /^[A-Za-z"'][^\n]*:(\s|$)/m.test(document) && !/^[{[]/m.test(document);
  const value = parse(isBlock ? cut(document, keys) : document) as Tree;
  return isMap(value) ? value : {};
}

// In block style each key starts a line, and what belongs to it is indented (a list may be not).
function cut(document: string, keys: readonly string[]): string {
  let kept = false;
  return document
    .split("\n")
    .filter((line) => {
      const key = /^["']?([^\s#"'-][^\s"':]*)["']?:(\s|$)/.exec(line)?.[1];
      if (key !== undefined) kept = keys.includes(key);
      return kept;
    })
    .join("\n");
}

/** What a release made, by kind: `<Kind>[.<group>]/<apiVersion>` to sorted names, with a namespace where it is stated. */
export function resourceNames(manifest: string): TreeMap {
  const names = new Map<string, string[]>();
  for (const document of documents(manifest)) {
    const object = pick(document, ["apiVersion", "kind", "metadata"]);
    const [apiVersion, kind] = [textAt(object, "apiVersion"), textAt(object, "kind")];
    if (kind === "") continue;
    const slash = apiVersion.indexOf("/");
    const key = `${kind}${slash < 0 ? "" : `.${apiVersion.slice(0, slash)}`}/${apiVersion}`;
    const namespace = textAt(object, "metadata", "namespace");
    const name = textAt(object, "metadata", "name");
    names.set(key, [...(names.get(key) ?? []), namespace === "" ? name : `${namespace}/${name}`]);
  }
  return Object.fromEntries([...names].map(([key, list]) => [key, list.sort()]));
}

/** The CustomResourceDefinitions in a manifest, with what tells the scope of their kinds. */
export function definitions(manifest: string): TreeMap[] {
  return documents(manifest)
    .filter((document) => document.includes("CustomResourceDefinition"))
    .map((document) => {
      const head = pick(document, ["kind"]);
      const spec = /^spec:[ \t]*\n((?:[ \t]*\n|[ \t]+[^\n]*\n?)*)/m.exec(document)?.[1];
      if (spec === undefined) return pick(document, ["kind", "spec"]);
      const indent = /^[ \t]+(?=\S)/m.exec(spec)?.[0] ?? "";
      const outdented = spec.replaceAll(new RegExp(`^${indent}`, "gm"), "");
      return { ...head, spec: pick(outdented, ["group", "names", "scope"]) };
    })
    .filter((crd) => crd["kind"] === "CustomResourceDefinition" && isMap(mapAt(crd)["spec"]));
}
