/**
 * How long the first build takes, part by part: npm run bench:build
 *
 * Builds everything that the sandbox runs with empty caches of compiled packages and binaries, in a temporary folder. Modules
 * that were downloaded before are not downloaded again. The kubernetes provider comes last, so its line is what it adds.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { buildBinaries } from "../sandbox/build";
import { duration, reportTo } from "../sandbox/progress";

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "enroute-build-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  process.once("SIGINT", () => process.exit(130));
  process.env["XDG_CACHE_HOME"] = join(folder, "built");
  process.env["GOCACHE"] = join(folder, "compiled");
  const report = reportTo(process.stderr);
  const started = Date.now();
  let last = started;
  await buildBinaries({
    report: (line, passing) => {
      report(line, passing);
      const [, part] = /^\[\d+\/\d+\] (\S+): built in/.exec(line) ?? [];
      if (part === undefined) return;
      console.log(`${part.padEnd(28)} ${duration(Date.now() - last).padStart(12)}`);
      last = Date.now();
    },
  });
  console.log(`${"together".padEnd(28)} ${duration(Date.now() - started).padStart(12)}  (${cpus().length} cores)`);
}

main().catch((error: unknown) => {
  console.error((error as Error).message);
  process.exitCode = 1;
});
