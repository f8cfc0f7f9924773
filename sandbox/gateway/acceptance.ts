import { readFileSync } from "node:fs";
import { type IncomingMessage, get } from "node:http";
import { join } from "node:path";
import { envoyFiles } from "./envoy-config";

/*
 * Whether Envoy has accepted the configuration that it was given last. Each file names its version; of the last one that was good,
 * Envoy says the version in its statistics. A file that it refuses leaves it with the one before.
 */

/** What is configured by a file, by the name that Envoy's statistics have for it. */
const kinds = { "listener_manager.lds": envoyFiles.listeners, "cluster_manager.cds": envoyFiles.clusters } as const;
type Kind = keyof typeof kinds;

/** Answer of /stats?format=json&type=TextReadouts. */
interface Stats {
  readonly stats: readonly { readonly name?: string; readonly value?: string | number }[];
}

/** Answer of /config_dump?resource=dynamic_listeners. */
interface ListenersDump {
  readonly configs?: readonly { readonly error_state?: { readonly details?: string } }[];
}

export interface EnvoyAdmin {
  readonly address: string;
  readonly port: number;
}

/** Why Envoy does not work with the configuration in the folder; undefined if it does. */
export async function configurationProblem(folder: string, admin: EnvoyAdmin): Promise<string | undefined> {
  const wanted = Object.fromEntries(
    Object.entries(kinds).map(([kind, file]) => [kind, versionOf(readFileSync(join(folder, file), "utf8"))]),
  ) as Record<Kind, string>;
  let stats: Stats;
  try {
    stats = (await ask(admin, "/stats?format=json&type=TextReadouts&filter=version_text$")) as Stats;
  } catch (error) {
    return `Envoy does not answer: ${(error as Error).message}`;
  }
  const stale = staleKinds(wanted, stats);
  if (stale.length === 0) {
    return undefined;
  }
  const dump = await ask(admin, "/config_dump?resource=dynamic_listeners&mask=error_state.details").catch(() => ({}));
  return refusal(stale, dump as ListenersDump);
}

/** What Envoy has another version of than it was given. */
export function staleKinds(wanted: Readonly<Record<Kind, string>>, { stats }: Stats): Kind[] {
  return (Object.keys(kinds) as Kind[]).filter(
    (kind) => stats.find(({ name }) => name === `${kind}.version_text`)?.value !== wanted[kind],
  );
}

/** Envoy tells why it refused a listener; of clusters only its log does. */
export function refusal(stale: readonly Kind[], dump: ListenersDump): string {
  // Of a listener without a former version there is a second entry, without a name.
  const details = (dump.configs ?? []).flatMap(({ error_state: error }) => error?.details?.trim() ?? []);
  if (stale.includes("listener_manager.lds") && details.length > 0) {
    return `Envoy refuses its configuration: ${[...new Set(details)].join("; ")}`;
  }
  return `Envoy has not accepted its ${stale.map((kind) => kinds[kind].replace(".json", "")).join(" and ")}; its log may say why`;
}

function versionOf(text: string): string {
  return (JSON.parse(text) as { version_info: string }).version_info;
}

async function ask({ address, port }: EnvoyAdmin, path: string): Promise<unknown> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = get({ host: address, port, path, timeout: 2000, agent: false }, resolve);
    request.on("error", reject).on("timeout", () => request.destroy(new Error("no answer within 2 s")));
  });
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) {
    text += chunk as string;
  }
  return JSON.parse(text) as unknown;
}
