import { parse } from "yaml";

/** What a YAML text of a project holds, read as the pulumi CLI reads it: with merge keys (`<<: *name`). Throws where it is no YAML. */
export function parseYaml(text: string): unknown {
  return parse(text, { merge: true });
}
