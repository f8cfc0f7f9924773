/**
 * What the comparison with the cluster adds to a preview: npm run bench:comparison -- [runs]
 *
 * The program of `pulumi preview`, with the stack's own view of its preflight and without it, in turns: on an empty cluster, where
 * every chart is rendered, and on one that is rolled out. The engine and the plugins start again for each.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { LocalWorkspace, Stack } from "@pulumi/pulumi/automation";
import { startSandbox } from "../sandbox/cluster";
import { sandboxEnvironment } from "../sandbox/environment";
import { reportTo } from "../sandbox/progress";
import { atFolder } from "../settings/load";
import { clusterProvider, encryptedIngress } from "../stacks/encrypted-ingress";
import { plannedBy, renderedBy } from "../stacks/planned";
import { stackSettings } from "../stacks/program";
import { heldByStack, ownOwner } from "../stacks/state";
import { errorsOf, preflight } from "../verify/preflight";
import { median } from "./median";

const report = reportTo(process.stderr);
const stackName = "sandbox";

/** As stacks/program.ts, but that it can leave the comparison out. */
async function program(folder: string, isCompared: boolean): Promise<void> {
  const settings = stackSettings(() => {}, folder);
  const lookAt = atFolder(settings, folder);
  const owner = ownOwner();
  const cluster = clusterProvider(settings);
  const held = heldByStack();
  const stack = {
    owner,
    providerFolder: folder,
    held: () => held,
    planned: () => plannedBy(settings, owner),
    rendered: (release: Parameters<typeof renderedBy>[0]) => held.then(() => renderedBy(release, cluster, undefined)),
  };
  const findings = await preflight(lookAt, isCompared ? { stack } : {});
  await held;
  const errors = errorsOf(findings);
  if (errors.length > 0) throw new Error(errors.map(({ problem }) => problem).join("\n"));
  encryptedIngress(settings, lookAt, { owner, cluster });
}

async function main(): Promise<void> {
  const runs = Number(process.argv[2] ?? 7);
  if (!Number.isInteger(runs) || runs < 1) throw new Error("usage: npm run bench:comparison -- [number of runs]");
  const sandbox = await startSandbox({ name: `comparison-${process.pid}`, tied: true, report });
  try {
    Object.assign(process.env, await sandboxEnvironment(sandbox));
    const folder = join(sandbox.folder, "project");
    const stack = await Stack.createOrSelect(stackName, await LocalWorkspace.create({ workDir: folder }));
    const seconds = async (isCompared: boolean) => {
      const begin = Date.now();
      await stack.preview({ program: () => program(folder, isCompared) });
      return (Date.now() - begin) / 1000;
    };
    const pairs = async (what: string) => {
      for (const isCompared of [false, true]) await seconds(isCompared);
      const added: number[] = [];
      const without: number[] = [];
      for (let run = 0; run < runs; run++) {
        report(`${what}: pair ${run + 1} of ${runs}`);
        const isFirst = run % 2 === 0;
        const [one, other] = [await seconds(isFirst), await seconds(!isFirst)];
        const [compared, plain] = isFirst ? [one, other] : [other, one];
        added.push(compared - plain);
        without.push(plain);
      }
      const [middle, low, high] = [median(added), Math.min(...added), Math.max(...added)].map((value) =>
        value.toFixed(2),
      );
      console.log(
        `${what.padEnd(20)} ${median(without).toFixed(2)} s without it; it adds ${middle} s (${low} … ${high})`,
      );
    };
    console.log(`median of ${runs} pairs (lowest … highest), ${process.platform} ${process.arch}`);
    await pairs("empty cluster");
    await stack.up({ program: () => program(folder, true) });
    await pairs("rolled out");
  } finally {
    await sandbox.stop();
    rmSync(sandbox.folder, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error((error as Error).message);
  process.exitCode = 1;
});
