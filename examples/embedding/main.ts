/**
 * npx tsx examples/embedding/main.ts <folder> [port]
 *
 * Serves one environment for each `<name>.json` of the folder: the settings of a stack as docs/environments.md describes them.
 * Backend and secrets come from the environment (PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE).
 */
import { readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { Environment, type SettingsInput } from "enroute-istio";
import { createService } from "./service";

async function main(folder: string | undefined, port: number): Promise<void> {
  if (folder === undefined) throw new Error("usage: npx tsx examples/embedding/main.ts <folder> [port]");
  const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
  const environments = files.map((file): [string, Environment] => {
    const name = basename(file, ".json");
    const settings = JSON.parse(readFileSync(join(folder, file), "utf8")) as SettingsInput;
    return [name, new Environment({ stack: name, settings, createIfMissing: true })];
  });
  const service = createService(new Map(environments));
  const address = await service.listen({ host: "127.0.0.1", port });
  console.log(`${environments.length} environments at ${address}`);
  const end = () => void service.close();
  process.once("SIGINT", end).once("SIGTERM", end);
}

main(process.argv[2], Number(process.argv[3] ?? 8080)).catch((error: unknown) => {
  console.error((error as Error).message);
  process.exitCode = 1;
});
