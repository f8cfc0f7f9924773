import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parse, stringify } from "yaml";
import { projectDefinition, projectFile, stackFile, stackFolder, stacksOf } from "../base/project-files";
import type { Report } from "./progress";
import { type SandboxEndpoints, forSandbox } from "./stacks";

/**
 * Writes the Pulumi project that the sandbox works in: the checkout's program, with the checkout's stacks as they are in
 * the sandbox. What `pulumi config set` changed there stays until the checkout's own file changes.
 *
 * @returns the project's folder.
 */
export function writeProject(checkout: string, folder: string, sandbox: SandboxEndpoints, report: Report): string {
  const project = join(folder, "project");
  const [source, definition] = [projectFile(checkout), projectDefinition(checkout)];
  if (source === undefined || definition === undefined) throw new Error(`${checkout} has no Pulumi.yaml`);
  const { main = "." } = definition;
  mkdirSync(join(project, stackFolder(definition)), { recursive: true });
  write(join(project, basename(source)), stringify({ ...definition, main: join(checkout, main) }));
  for (const stack of stacksOf(checkout)) {
    const file = stackFile(checkout, stack)!;
    try {
      writeStack(join(checkout, file), join(project, file), sandbox);
    } catch (error) {
      report(`${basename(file)} cannot be used in the sandbox: ${(error as Error).message}`);
    }
  }
  return project;
}

function writeStack(source: string, target: string, sandbox: SandboxEndpoints): void {
  const text = readFileSync(source, "utf8");
  const mark = createHash("sha256").update(text).update(JSON.stringify(sandbox)).digest("hex");
  const markPath = `${target}.source`;
  if (readIfThere(markPath) === mark) {
    return;
  }
  const content = forSandbox(parse(text), sandbox) as Record<string, unknown>;
  // The key to what is encrypted in the state already.
  const written = readIfThere(target);
  const salt = written === undefined ? undefined : (parse(written) as Record<string, unknown>)["encryptionsalt"];
  write(target, stringify(salt === undefined ? content : { encryptionsalt: salt, ...content }));
  write(markPath, mark);
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** In one step, as another command may be reading it. */
function write(path: string, text: string): void {
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, text);
  renameSync(partial, path);
}
