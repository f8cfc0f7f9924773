import type * as pulumiModule from "@pulumi/pulumi";
import type { Settings } from "../settings";
import type { ProgramResource } from "../policy/objects";
import { unknownValue } from "../policy/rule";
import { sdkProblem } from "../base/sdk";
import { isTree } from "./objects";
import { type Program, loadProgram } from "./program-contract";
import type { MaskedConfiguration } from "./stack-file";

/*
 * Runs programs in a process of its own, against Pulumi's mocks, and lists what they would create: no engine, no cluster, no
 * secrets. Each version of the program has its own process, because modules are loaded once per process.
 */

/** What the parent asks for. */
export interface CollectRequest {
  id: number;
  /** Folder with the program. */
  program: string;
  configuration: MaskedConfiguration;
  /** The time at which certificates are judged, RFC 3339. */
  now: string;
}

/** What a program would create. */
export interface Collected {
  resources: ProgramResource[];
  /** Objects that the stack gives up, as `Kind namespace/name`. */
  deletions: string[];
}

/** Carries the number of its request. */
export type CollectReply = { id: number } & ({ collected: Collected } | { problem: string });

async function collect({ program, configuration, now }: CollectRequest): Promise<Collected> {
  const pulumi = sdkOf(program);
  const { encryptedIngress, ...loading } = loadProgram(program);
  const settings = loadMasked(loading, configuration, new Date(now));
  const resources: ProgramResource[] = [];
  const isProtected = new Map<string, boolean>();
  const formerTypes = new Map<string, string[]>();
  const keepsName = new Set<string>();
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs, id }) => {
        // A resource with an id is read from the cluster, not made.
        if (id === undefined || id === "") {
          const protect = isProtected.get(`${type} ${name}`) ?? false;
          const former = formerTypes.get(`${type} ${name}`) ?? [];
          const more = {
            ...(former.length === 0 ? {} : { formerTypes: former }),
            ...(keepsName.has(`${type} ${name}`) ? { keepsName: true } : {}),
          };
          resources.push({ type, name, props: settle(pulumi, inputs), protect, ...more });
        }
        return { id: `${name}-id`, state: inputs as Record<string, unknown> };
      },
      call: () => ({}),
    },
    configuration.project,
    configuration.stack,
    // As in a preview, what only a provider knows stays unknown.
    true,
  );
  // The mocks do not get it.
  const monitor = monitorOf(pulumi, program);
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    const id = `${request.getType()} ${request.getName()}`;
    isProtected.set(id, request.getProtect());
    if (request.getIgnorechangesList().includes("metadata.name")) keepsName.add(id);
    formerTypes.set(
      id,
      request.getAliasesList().flatMap((alias) => alias.getSpec()?.getType() ?? []),
    );
    return register(request, callback);
  };
  // Placeholders need no sealing, and a secret within a chart's values would hide all of them.
  encryptedIngress({ ...settings, secretPaths: [] });
  await pulumi.runtime.disconnect();
  // Older programs have no such setting.
  const { deletionProtection } = settings as Partial<Settings>;
  return { resources, deletions: (deletionProtection?.except ?? []).map(({ object }) => object) };
}

/** What of the SDK's monitor is used: it is not public (3.246 and 3.276). */
interface Monitor {
  registerResource(
    request: {
      getType(): string;
      getName(): string;
      getProtect(): boolean;
      getIgnorechangesList(): string[];
      getAliasesList(): { getSpec(): { getType(): string } | undefined }[];
    },
    callback: unknown,
  ): unknown;
}

function monitorOf(pulumi: Sdk, program: string): Monitor {
  const monitor = pulumi.runtime.getMonitor() as unknown as Partial<Monitor> | undefined;
  if (typeof monitor?.registerResource === "function") return monitor as Monitor;
  const { version } = load(program, "@pulumi/pulumi/package.json") as { version: string };
  throw new pulumi.RunError(sdkProblem(version, ["registerResource of the monitor that setMocks makes"]));
}

/** The settings of a configuration with placeholders: problems with a placeholder do not count. */
function loadMasked(
  { loadSettings, settingsSchema }: Pick<Program, "loadSettings" | "settingsSchema">,
  configuration: MaskedConfiguration,
  now: Date,
): Settings {
  try {
    return loadSettings(configuration, now);
  } catch (error) {
    const { name, problems } = error as { name: string; problems?: { key: string }[] };
    const isAboutSecrets = (key: string) => configuration.masked.some((path) => key === path);
    if (name !== "SettingsError" || !(problems ?? []).every(({ key }) => isAboutSecrets(key))) throw error;
    const own = Object.entries(configuration.values).filter(([key]) => key.startsWith(`${configuration.project}:`));
    const input = own.map(([key, value]) => [key.slice(configuration.project.length + 1), json(value)]);
    const parsed = settingsSchema.safeParse(Object.fromEntries(input));
    if (!parsed.success) throw error;
    return parsed.data;
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Resolves what mocks leave in inputs: unknown values, and secrets. */
function settle(pulumi: Sdk, value: unknown): unknown {
  if (value === undefined || value === pulumi.runtime.unknownValue || pulumi.unknown === value) return unknownValue;
  if (Array.isArray(value)) return value.map((item) => settle(pulumi, item));
  if (!isTree(value)) return pulumi.isUnknown(value) ? unknownValue : value;
  if (pulumi.isUnknown(value)) return unknownValue;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[key, settle(pulumi, item)]])),
  );
}

type Sdk = typeof pulumiModule;

/** The SDK that the program itself loads: that of another folder would not see its resources. */
const sdkOf = (program: string) => load(program, "@pulumi/pulumi") as Sdk;

/** A module as the program would load it. */
function load(program: string, name: string): unknown {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return require(require.resolve(name, { paths: [program] }));
}

// One after the other: Pulumi's runtime is one per process.
let last: Promise<void> = Promise.resolve();
process.on("message", (request: CollectRequest) => {
  last = last.then(() => answer(request));
});

async function answer(request: CollectRequest): Promise<void> {
  const { masked } = request.configuration;
  const reply = await collect(request)
    .then((collected): CollectReply => ({ id: request.id, collected }))
    .catch((error: unknown): CollectReply => {
      const { message, name, stack } = error as Error;
      const isPlain = name === "SettingsError" || sdkOf(request.program).RunError.isInstance(error);
      const hint =
        masked.length === 0
          ? ""
          : `\n  A review reads no secrets; placeholders stood for ${masked.join(", ")}. What is public (a certificate, an address) is better left unencrypted.`;
      return { id: request.id, problem: `${isPlain ? message : (stack ?? message)}${hint}` };
    });
  process.send!(reply);
}
