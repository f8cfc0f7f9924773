/**
 * npx tsx examples/embedding/main.ts <folder> [port]
 *
 * Serves one environment for each `<name>.json` of the folder: the settings of a stack as docs/environments.md describes them. In
 * the folder of a Pulumi project, for each of its stack files; that is also the default (PULUMI_OPTION_CWD, as for pulumi).
 * Backend and secrets come from the environment (PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE).
 */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Environment, type SettingsInput } from "enroute-istio";
import { createService } from "./service";

function environmentsIn(folder: string): Map<string, Environment> {
  const project = join(folder, "Pulumi.yaml");
  const isProject = existsSync(project);
  const [, stacks = "."] = (isProject && /^stackConfigDir: *(\S+)$/m.exec(readFileSync(project, "utf8"))) || [];
  const form = isProject ? /^Pulumi\.([\w-]+)\.yaml$/ : /^(.+)\.json$/;
  const names = readdirSync(join(folder, stacks)).flatMap((file) => form.exec(file)?.[1] ?? []);
  if (names.length === 0) throw new Error(`no settings (<name>.json) and no Pulumi project with stacks in ${folder}`);
  return new Map(
    names.map((stack) => {
      const its = isProject ? { project: folder } : { settings: settingsIn(join(folder, `${stack}.json`)) };
      return [stack, new Environment({ stack, createIfMissing: true, ...its })];
    }),
  );
}

const settingsIn = (file: string) => JSON.parse(readFileSync(file, "utf8")) as SettingsInput;

async function main(folder = process.env["PULUMI_OPTION_CWD"], port = "8080"): Promise<void> {
  if (folder === undefined) throw new Error("usage: npx tsx examples/embedding/main.ts <folder> [port]");
  const environments = environmentsIn(folder);
  const service = createService(environments);
  const address = await service.listen({ host: "127.0.0.1", port: Number(port) });
  console.log(`${environments.size} environments at ${address}`);
  const end = () => void service.close();
  process.once("SIGINT", end).once("SIGTERM", end);
}

main(...process.argv.slice(2)).catch((error: unknown) => {
  console.error((error as Error).message);
  process.exitCode = 1;
});
