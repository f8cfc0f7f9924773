import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Import } from "../adoption/imports";
import { type WrittenFile, readStackFile, withSettings, writeStackFile } from "../adoption/stack-file";
import { defined } from "../base/defined";
import type { Issue } from "../base/issue";
import type { Tree } from "../base/tree";
import type { Settings } from "../settings/schema";
import { type RolloutError, failure, isRolloutError } from "./errors";
import { type ChangeResult, type RunOptions, changeResult } from "./options";
import type { Input, Operation, Result } from "./request";

export interface AdoptOptions extends RunOptions {
  /** Writes the stack file and brings the objects into the state. @default only says what it would do */
  apply?: boolean;
  /** Context of the kubeconfig, for a stack file that does not say its cluster yet. */
  context?: string;
  /** Path of a kubeconfig file, for the same. */
  kubeconfig?: string;
  /** Where every chart comes from, such as a mirror: Helm does not write down where it had one from. @default the published repositories */
  chartRepository?: string;
  /** A stack that is gone (`organization/project/stack`), whose mesh and objects this one takes over. */
  takeOverFrom?: string;
  /** Replaces the settings of a stack file that has some already. @default they are kept, and what is there is compared with them */
  force?: boolean;
}

/** What an adoption found, and came to. */
export interface Adoption {
  /** The stack file that reproduces what runs; missing where the stack has its settings already. */
  file?: WrittenFile;
  /** Objects that become resources of the stack. */
  imports: Import[];
  /** What the first update changes; missing where something stands against the adoption. */
  changes?: ChangeResult;
  /** What stands against it (errors), and what is left to its owner or would change (warnings); each with its steps. */
  issues: Issue[];
  /** Whether it was done. */
  done: boolean;
}

/** Another backend, with a stack of the same name in it. */
export interface Place {
  stack?: string;
  settings?: Settings;
  createIfMissing?: boolean;
  env?: Record<string, string>;
}

/** An environment, as far as an adoption goes. */
export interface Adopting {
  stack: string;
  projectName: string;
  /** Folder of the project; missing where the settings come as an object. */
  project?: string;
  settings: () => Promise<Settings>;
  run: <Name extends Operation>(operation: Name, input: Input<Name>, place?: Place) => Promise<Result<Name>>;
}

/** Takes over what runs: see `Environment.adopt`. */
export async function adopt(environment: Adopting, options: AdoptOptions): Promise<Adoption> {
  const { run, stack } = environment;
  const { issues, settings, file } = await settingsFor(environment, options);
  if (settings === undefined) return { ...defined({ file }), imports: [], issues, done: false };
  const tried = await tryOut(environment, settings);
  const found = { ...defined({ file }), ...tried, issues: [...issues, ...tried.issues] };
  const isAgainst = found.issues.some(({ severity }) => severity === "error");
  if (isAgainst || options.apply !== true) return { ...found, done: false };
  if (file !== undefined) writeStackFile(file);
  const imports = await run("import", {}, { createIfMissing: true });
  // By the real state: either what the trial promised holds, or the difference is an issue.
  const changes = changeResult(await run("preview", {}));
  return { ...found, imports, changes, issues: [...found.issues, ...destructive(changes, stack)], done: true };
}

/** The settings of the stack: those that it has, or such that reproduce what runs. */
async function settingsFor(
  { stack, project, projectName, settings, run }: Adopting,
  options: AdoptOptions,
): Promise<{ settings?: Settings; file?: WrittenFile; issues: Issue[] }> {
  if (project === undefined) return { settings: await settings(), issues: [] };
  const present = readStackFile(project, stack, projectName);
  if (present.hasSettings && options.force !== true) return { settings: await settings(), issues: [] };
  const known = clusterOf(stack, present.known, options);
  const { takeOverFrom, chartRepository } = options;
  const owner = fullName(stack, projectName);
  const draft = await run("draft", { known, owner, ...defined({ takeOverFrom, chartRepository }) });
  const { drafted, server, issues } = draft;
  if (drafted === undefined) return { issues };
  const file = withSettings(present, { ...known, ...drafted }, server);
  return { file, issues, ...defined({ settings: draft.settings }) };
}

/** What says which cluster it is. */
function clusterOf(stack: string, known: Tree, { context, kubeconfig }: AdoptOptions): Tree {
  const place: Tree = { ...known, ...defined({ context, kubeconfig }) };
  if (place["context"] === undefined && place["kubeconfig"] === undefined)
    throw failure(
      "settings-invalid",
      `stack ${stack} does not say which cluster it is for`,
      "name its context (--context), or its kubeconfig (--kubeconfig)",
      { problems: [] },
    );
  const needsName = place["context"] === undefined && place["clusterIdentifier"] === undefined;
  return needsName ? { ...place, clusterIdentifier: stack.split("/").at(-1) } : place;
}

/** A stack's name everywhere; a backend of files has one organization only. */
function fullName(stack: string, project: string): string {
  return stack.split("/").length === 3 ? stack : `organization/${project}/${stack.split("/").at(-1)}`;
}

/** Does it all on a state that is thrown away: the engine itself says what the first update would change. */
async function tryOut({ stack, run }: Adopting, settings: Settings): Promise<Omit<Adoption, "file" | "done">> {
  const folder = mkdtempSync(join(tmpdir(), "enroute-istio-adopt-"));
  const env = {
    PULUMI_BACKEND_URL: pathToFileURL(folder).href,
    PULUMI_CONFIG_PASSPHRASE: randomBytes(24).toString("base64url"),
    PULUMI_CONFIG_PASSPHRASE_FILE: "",
  };
  const place: Place = { ...defined({ stack: stack.split("/").at(-1) }), settings, env, createIfMissing: true };
  let imports: Import[] = [];
  try {
    imports = await run("import", {}, place);
    const changes = changeResult(await run("preview", {}, place));
    return { imports, changes, issues: destructive(changes, stack) };
  } catch (error) {
    if (!isRolloutError(error)) throw error;
    if (error.code !== "cluster-not-ready" && error.code !== "release-wedged") throw error;
    return { imports, issues: error.code === "cluster-not-ready" ? [...error.about.findings] : [wedged(error)] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function wedged({ message, next }: RolloutError): Issue {
  const subject = "Helm releases";
  return { id: "releases/unfinished", severity: "error", subject, problem: message, fix: next };
}

/** Deletions and replacements: no first update may begin with one. */
function destructive({ resources }: ChangeResult, stack: string): Issue[] {
  return resources.flatMap(({ resource: { type, name }, change, differs }): Issue[] =>
    change === "delete" || change === "replace"
      ? [
          {
            id: "adoption/replaced",
            severity: "error",
            subject: `${type} ${name}`,
            problem: `the first update would ${change} ${type.split(":").pop()} ${name}${differs.length === 0 ? "" : `, as ${differs.join(", ")} cannot change in place`}`,
            fix: `set it in the stack file as it runs, or leave it out of stack ${stack}; then adopt again`,
          },
        ]
      : [],
  );
}
