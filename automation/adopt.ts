import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { ConfigMap } from "@pulumi/pulumi/automation";
import { draft } from "../adoption/draft";
import { gatewayValues } from "../adoption/gateway";
import { type Import, type ImportFile, importsOf, withImports } from "../adoption/imports";
import { withoutOwned } from "../adoption/owned";
import { survey } from "../adoption/survey";
import { defined } from "../base/defined";
import { encryptedIn, leavesOf } from "../base/encrypted";
import { type Issue, findingOf } from "../base/issue";
import { programFolder } from "../base/project-files";
import { type Tree, asTree, isTree } from "../base/tree";
import { type Cluster, openCluster, unreachable } from "../cluster/client";
import { SettingsError } from "../settings/error";
import { atFolder, inputOf, loadSettings } from "../settings/load";
import { type Settings, type StackConfiguration, settingsSchema } from "../settings/schema";
import { encryptedIngress } from "../stacks/encrypted-ingress";
import { plannedBy } from "../stacks/planned";
import { stackSettings } from "../stacks/program";
import { writeRegistryLogin } from "../stacks/registry-login";
import { ownOwner } from "../stacks/state";
import { lookUp } from "../verify/preflight/lookup";
import { claimantOf } from "../verify/preflight/stack-view";
import { failure } from "./errors";
import type { AdoptionDraft, DraftInput, Target } from "./request";
import type { Reading } from "./stack-state";

/* The two steps of an adoption that need the SDK: a stack file that reproduces what runs, and the import into the state. */

/** The settings of a stack that reproduces what runs, and what stands against it. Changes nothing. */
export async function draftStack(
  { stack, folder, target: { projectName: project, kubeconfig: path } }: Reading & { target: Target },
  { known, owner, takeOverFrom, chartRepository }: DraftInput,
): Promise<AdoptionDraft> {
  const configurationOf = knownIn(await stack.getAllConfig(), { project, stack: stack.name, folder, known });
  const { kubeconfig = "", context = "" } = inputOf(configurationOf({})) as { kubeconfig?: string; context?: string };
  const cluster = await reach(stack.name, atFolder({ kubeconfig: path ?? kubeconfig, context } as Settings, folder));
  const claimant = claimantOf({ owner }, { takeOverFrom: takeOverFrom ?? "" });
  const found = await survey(cluster);
  const first = draft(found, { claimant, now: new Date(), ...defined({ chartRepository }) });
  const { server } = cluster;
  const { issues } = first;
  if (first.settings === undefined) return { server, issues };
  const shaped = (tree: Tree) => settingsSchema.safeParse(inputOf(configurationOf(tree))).data;
  const settled = withoutOwned(first.settings, shaped);
  issues.push(...settled.issues);
  let drafted = settled.settings;
  try {
    const planned = await plannedBy(loadSettings(configurationOf(drafted)), owner);
    const values = gatewayValues(found, planned);
    if (Object.keys(values).length > 0) {
      const own = withoutOwned({ ...drafted, gateway: { ...asTree(drafted["gateway"]), values } }, shaped);
      drafted = own.settings;
      issues.push(...own.issues);
    }
    return { server, drafted, settings: atFolder(loadSettings(configurationOf(drafted)), folder), issues };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return { server, drafted, issues: [...issues, ...error.problems.map(settingIssue)] };
  }
}

/** The configuration of a stack with other settings beside those that are known: of these, what its file encrypts is in plain text. */
function knownIn(
  config: ConfigMap,
  { project, stack, folder, known }: { project: string; stack: string; folder: string; known: Tree },
): (drafted: Tree) => StackConfiguration {
  const isEncrypted = (value: unknown) => leavesOf(value).some(({ path }) => path.at(-1) === "secure");
  const encryptedKeys = Object.keys(known).filter((key) => isEncrypted(known[key]));
  const text = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  return (drafted) => {
    const all = Object.entries({ ...known, ...drafted }).map(([key, value]) => {
      const fullKey = `${project}:${key}`;
      const plain = encryptedKeys.includes(key) ? config[fullKey]?.value : undefined;
      return [fullKey, plain ?? text(value)] as const;
    });
    const secretKeys = encryptedKeys.map((key) => `${project}:${key}`);
    const configuration = { project, stack, values: Object.fromEntries(all), secretKeys };
    return { ...configuration, encrypted: encryptedIn(folder, configuration) };
  };
}

const settingIssue = ({ key, found, allowed }: SettingsError["problems"][number]): Issue => ({
  id: "adoption/setting",
  severity: "error",
  subject: key,
  problem: `${key}: ${found === undefined ? "nothing" : found} was found, and a stack takes ${allowed}`,
  fix: "change it in the cluster, or write the stack file yourself; then adopt again",
});

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
export async function importStack({
  stack,
  command,
  folder,
  settings,
  target: { settings: given, kubeconfig },
}: Reading & { target: Target }): Promise<Import[]> {
  // With a path that is right from here; the program's own must be as in every other update.
  const lookAt = await settings();
  const cluster = await reach(stack.name, lookAt);
  const place = mkdtempSync(join(tmpdir(), "enroute-istio-import-"));
  const path = join(place, "import.json");
  let imports: Import[] = [];
  const cleanUps: (() => void)[] = [];
  try {
    await stack.preview({
      importFile: path,
      program: async () => {
        const owner = ownOwner();
        const own = given ?? stackSettings(() => {}, folder);
        const known = kubeconfig === undefined ? own : { ...own, kubeconfig };
        cleanUps.push(writeRegistryLogin(known, programFolder(folder), pulumi.getStack()));
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
    cleanUps.forEach((cleanUp) => cleanUp());
    rmSync(place, { recursive: true, force: true });
  }
}
