import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { draft } from "../adoption/draft";
import { gatewayValues } from "../adoption/gateway";
import { type Import, type ImportFile, importsOf, withImports } from "../adoption/imports";
import { survey } from "../adoption/survey";
import { type Issue, findingOf } from "../base/issue";
import { type Tree, asTree, isTree } from "../base/tree";
import { type Cluster, openCluster, unreachable } from "../cluster/client";
import { SettingsError } from "../settings/error";
import { atFolder, loadSettings } from "../settings/load";
import type { Settings } from "../settings/schema";
import { encryptedIngress } from "../stacks/encrypted-ingress";
import { plannedBy } from "../stacks/planned";
import { stackSettings } from "../stacks/program";
import { ownOwner } from "../stacks/state";
import { lookUp } from "../verify/preflight/lookup";
import { claimantOf } from "../verify/preflight/stack-view";
import { failure } from "./errors";
import type { AdoptionDraft, Request } from "./request";
import type { Reading } from "./stack-state";

/* The two steps of an adoption that need the SDK: a stack file that reproduces what runs, and the import into the state. */

/** What {@link draftStack} goes by. */
export interface DraftRequest {
  /** Settings that the stack has already: which cluster it is. */
  known: Tree;
  /** Where every chart comes from. */
  chartRepository?: string;
  /** A stack that is gone. */
  takeOverFrom?: string;
  /** The stack's full name. */
  owner: string;
}

/** The settings of a stack that reproduces what runs, and what stands against it. Changes nothing. */
export async function draftStack(
  { stack, projectName, kubeconfig: path }: Request,
  folder: string,
  { known, owner, takeOverFrom, chartRepository }: DraftRequest,
): Promise<AdoptionDraft> {
  const { kubeconfig = "", context = "" } = known as { kubeconfig?: string; context?: string };
  const place = atFolder({ kubeconfig: path ?? kubeconfig, context } as Settings, folder);
  const cluster = await reach(stack, place);
  const claimant = claimantOf({ owner }, { takeOverFrom: takeOverFrom ?? "" });
  const found = await survey(cluster);
  const { settings, issues } = draft(found, {
    ...{ claimant, now: new Date() },
    ...(chartRepository === undefined ? {} : { chartRepository }),
  });
  const { server } = cluster;
  if (settings === undefined) return { server, issues };
  const check = (tree: Tree) => settingsOf({ ...known, ...tree }, { project: projectName, stack });
  try {
    const planned = await plannedBy(check(settings), owner);
    const values = gatewayValues(found, planned);
    if (Object.keys(values).length > 0) settings["gateway"] = { ...asTree(settings["gateway"]), values };
    check(settings);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    issues.push(...error.problems.map(settingIssue));
  }
  return { server, settings, issues };
}

const settingIssue = ({ key, found, allowed }: SettingsError["problems"][number]): Issue => ({
  id: "adoption/setting",
  severity: "error",
  subject: key,
  problem: `${key}: ${found === undefined ? "nothing" : found} was found, and a stack takes ${allowed}`,
  fix: "change it in the cluster, or write the stack file yourself; then adopt again",
});

function settingsOf(tree: Tree, where: { project: string; stack: string }): Settings {
  const values = Object.entries(tree).map(([key, value]) => [
    `${where.project}:${key}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return loadSettings({ ...where, values: Object.fromEntries(values) as Record<string, string>, secretKeys: [] });
}

async function reach(stack: string, place: Pick<Settings, "kubeconfig" | "context">): Promise<Cluster> {
  const cluster = openCluster(place);
  const refuse = (issue: Issue) =>
    failure("cluster-unreachable", `stack ${stack}: ${issue.problem}`, issue.fix, { findings: [findingOf(issue)] });
  if ("problem" in cluster) throw refuse(cluster);
  try {
    await cluster.get("/version");
  } catch (error) {
    throw refuse(unreachable(place, cluster, error));
  }
  return cluster;
}

/**
 * Brings what is in the cluster into the stack's state, by Pulumi's own import: nothing in the cluster changes. What the state
 * has already stays as it is.
 */
export async function importStack(
  { stack, command, folder, settings }: Reading,
  { settings: given, kubeconfig }: Request,
): Promise<Import[]> {
  // With a path that is right from here; the program's own must be as in every other update.
  const lookAt = await settings();
  const cluster = await reach(stack.name, lookAt);
  const place = mkdtempSync(join(tmpdir(), "enroute-istio-import-"));
  const path = join(place, "import.json");
  let imports: Import[] = [];
  try {
    await stack.preview({
      importFile: path,
      program: async () => {
        const owner = ownOwner();
        const said = given ?? stackSettings(() => {}, folder);
        const known = kubeconfig === undefined ? said : { ...said, kubeconfig };
        const planned = await plannedBy(known, owner);
        const [found, live] = await Promise.all([survey(cluster), lookUp(cluster, planned.objects)]);
        imports = importsOf({ planned, found, live }, known, claimantOf({ owner }, known));
        encryptedIngress({ ...known, verifyAfterUp: false }, lookAt, { owner });
      },
    });
    const file = withImports(JSON.parse(readFileSync(path, "utf8")) as ImportFile, imports);
    if (file === undefined) return [];
    writeFileSync(path, JSON.stringify(file));
    const options = ["--yes", "--skip-preview", "--protect=false", "--generate-code=false", "--suppress-outputs"];
    await command.run(["import", "--stack", stack.name, "--file", path, ...options], folder, {});
    const taken = (file.resources ?? []).filter(isTree);
    return imports.filter(({ type, name }) =>
      taken.some((one) => one["type"] === type && (one["logicalName"] ?? one["name"]) === name),
    );
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
