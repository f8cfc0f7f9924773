import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { checkDocuments } from "./generate/checks";
import { componentDocuments } from "./generate/components";
import { exportDocuments } from "./generate/exports";
import { pluginDocuments } from "./generate/plugin";
import { settingsDocuments } from "./generate/settings";

/* `npm run docs`: writes what is generated from the code. A test compares it with what is in the repository. */

const root = join(__dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

/** Each gives the text of files by their path in the repository, and may read the files as they are. */
const generators = [checkDocuments, componentDocuments, exportDocuments, pluginDocuments, settingsDocuments];

/** Every generated file by its path, formatted. */
export async function generated(): Promise<Record<string, string>> {
  const files = generators.flatMap((generate) => Object.entries(generate(read)));
  const options = await resolveConfig(join(root, "package.json"));
  const formatted = files.map(async ([path, text]) => [path, await format(text, { ...options, filepath: path })]);
  return Object.fromEntries(await Promise.all(formatted)) as Record<string, string>;
}

async function main() {
  for (const [path, text] of Object.entries(await generated())) writeFileSync(join(root, path), text);
}

if (require.main === module) void main();
