import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { parseDocument } from "yaml";
import { stackFile } from "../base/project-files";
import { type Tree, treeAt } from "../base/tree";

/* The stack file that an adoption writes. What is in it already stays, unless its settings are replaced. */

/** Settings that an adoption reads from the cluster. */
const drafted = [
  ...["istio", "namespaces", "gateway", "hosts", "certificate", "mutualTls"],
  ...["prometheus", "kiali", "bookinfo", "takeOverFrom"],
];

export interface PresentFile {
  /** Path of the file, from anywhere. */
  path: string;
  project: string;
  /** Its text; empty where it is not there. */
  text: string;
  /** Whether it says what is to run. */
  hasSettings: boolean;
  /** What it says beside that, such as which cluster it is. */
  known: Tree;
}

/** A stack file as it is written, or would be. */
export interface WrittenFile {
  path: string;
  text: string;
}

/** The file of a stack, as far as it is there. */
export function readStackFile(folder: string, stack: string, project: string): PresentFile {
  const path = join(folder, stackFile(folder, stack)!);
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const config = Object.entries(treeAt(parseDocument(text).toJS(), "config"));
  const own = config.flatMap(([key, value]) =>
    key.startsWith(`${project}:`) ? [[key.slice(project.length + 1), value] as const] : [],
  );
  return {
    ...{ path, project, text },
    hasSettings: own.some(([key]) => drafted.includes(key)),
    known: Object.fromEntries(own.filter(([key]) => !drafted.includes(key))),
  };
}

/** The file with other settings; all the rest of it stays as it is, comments as well. */
export function withSettings({ path: place, project, text }: PresentFile, settings: Tree, server: string): WrittenFile {
  const document = parseDocument(text);
  if (document.contents === null) document.contents = document.createNode({}) as unknown as typeof document.contents;
  for (const path of drafted.map((key) => ["config", `${project}:${key}`]))
    if (document.hasIn(path)) document.deleteIn(path);
  for (const [key, value] of Object.entries(settings))
    document.setIn(["config", `${project}:${key}`], document.createNode(value));
  if (extname(place) === ".json") return { path: place, text: `${JSON.stringify(document.toJS(), undefined, 2)}\n` };
  const hasSchema = existsSync(join(dirname(place), "schema.json"));
  const header = [
    ...(hasSchema ? [" yaml-language-server: $schema=schema.json"] : []),
    ` Reproduces what ran at ${server} when this stack took it over (enroute-istio adopt).`,
  ];
  if (text === "") document.commentBefore = header.join("\n");
  return { path: place, text: document.toString({ lineWidth: 0 }) };
}

export function writeStackFile({ path, text }: WrittenFile): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
