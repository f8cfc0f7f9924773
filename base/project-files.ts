import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, extname, join, parse as pathParts, resolve } from "node:path";
import { parseYaml } from "./yaml";

/* Files of a Pulumi project, found as the pulumi CLI (3.246, sdk/go/common/workspace/paths.go) finds them. */

/** In the CLI's order: it takes the first that is there. */
const extensions = [".json", ".yaml", ".yml"];

/** Path of the file of the project in a folder; undefined where there is none. */
export function projectFile(folder: string): string | undefined {
  return extensions.map((extension) => join(folder, `Pulumi${extension}`)).find((path) => existsSync(path));
}

/** What a project's file says, as far as it matters here. */
export interface ProjectDefinition {
  name?: unknown;
  main?: string;
  stackConfigDir?: string;
}

/** What the file of the project in a folder says; undefined where there is none. Throws where it cannot be read. */
export function projectDefinition(folder: string): ProjectDefinition | undefined {
  const path = projectFile(folder);
  return path === undefined ? undefined : (parseYaml(readFileSync(path, "utf8")) ?? {});
}

/** The folder that the engine runs a project's program and plugins in: that of `main`, where the project's file names one. */
export function programFolder(folder: string): string {
  const main = resolve(folder, projectDefinition(folder)?.main ?? ".");
  return statSync(main, { throwIfNoEntry: false })?.isFile() === true ? dirname(main) : main;
}

/** Name of a stack without its organization and project, which its full name, `organization/project/stack`, has before it. */
export function stackNameOf(stack: string): string {
  return stack.split("/").pop()!;
}

/** A stack's full name; with `*` for an organization that its name does not tell. The project is asked for where it is needed. */
export function fullStackName(stack: string, project: () => string): string {
  return stack.split("/").length === 3 ? stack : `*/${project()}/${stackNameOf(stack)}`;
}

/** Folder of the stacks' files, from the project's. */
export function stackFolder({ stackConfigDir }: ProjectDefinition): string {
  return stackConfigDir ?? ".";
}

/**
 * Path of a stack's file, from the folder of its project; undefined where there is no project. It has the extension of the
 * project's file: the CLI reads no other.
 */
export function stackFile(folder: string, stack: string): string | undefined {
  const [file, definition] = [projectFile(folder), projectDefinition(folder)];
  if (file === undefined || definition === undefined) return undefined;
  return join(stackFolder(definition), `Pulumi.${stackNameOf(stack)}${extname(file)}`);
}

/** The stacks of the project in a folder that have files; none where there is no project. */
export function stacksOf(folder: string): string[] {
  const file = projectFile(folder);
  const place = join(folder, stackFolder(projectDefinition(folder) ?? {}));
  if (file === undefined || !existsSync(place)) return [];
  const extension = extname(file);
  return readdirSync(place).flatMap((name) => {
    const [, stack] = /^Pulumi\.(.+)$/.exec(basename(name, extension)) ?? [];
    // `Pulumi.<stack>.deploy.yaml` is another kind of file.
    return stack === undefined || extname(name) !== extension || stack.endsWith(".deploy") ? [] : [stack];
  });
}

/** A file of the stack that the CLI does not read, because of its extension; undefined where there is none. */
export function misnamedStackFile(folder: string, stack: string): string | undefined {
  const file = stackFile(folder, stack);
  if (file === undefined) return undefined;
  const { dir, name } = pathParts(file);
  const others = extensions.map((extension) => join(dir, `${name}${extension}`)).filter((path) => path !== file);
  return others.find((path) => existsSync(join(folder, path)));
}
