import type { Sandbox } from "../sandbox/cluster";
import { runTethered } from "../sandbox/tethered";

/** One resource in a run of the engine; times in seconds from the start of the command. */
export interface Step {
  urn: string;
  type: string;
  name: string;
  begin: number;
  end: number;
}

export interface Trace {
  /** From the start of the command to its end, in seconds. */
  seconds: number;
  /** In the order in which they began. */
  steps: Step[];
}

interface EngineEvent {
  resourcePreEvent?: { metadata: Metadata };
  resOutputsEvent?: { metadata: Metadata };
}
interface Metadata {
  urn: string;
  type: string;
}

/** Runs `pulumi` with its events as JSON, each of which the engine writes at once, and notes when each resource began and ended. */
export async function traced(sandbox: Sandbox, env: NodeJS.ProcessEnv, args: readonly string[]): Promise<Trace> {
  const start = performance.now();
  const now = () => (performance.now() - start) / 1000;
  const steps = new Map<string, Step>();
  const show = (line: string) => {
    if (!line.startsWith("{")) return undefined;
    const { resourcePreEvent, resOutputsEvent } = JSON.parse(line) as EngineEvent;
    const { urn, type } = (resourcePreEvent ?? resOutputsEvent)?.metadata ?? { urn: "", type: "" };
    if (urn === "") return undefined;
    const step = steps.get(urn) ?? { urn, type, name: urn.split("::").at(-1)!, begin: now(), end: Number.NaN };
    steps.set(urn, step);
    if (resOutputsEvent !== undefined) step.end = now();
    return undefined;
  };
  const options = { env, show };
  const command = [...args, "--json", "--non-interactive"];
  const { code, stdout, stderr } = await runTethered(sandbox.binaries.tether, "pulumi", command, options);
  if (code !== 0) throw new Error(`pulumi ${command.join(" ")} ended with exit code ${code}:\n${stdout}${stderr}`);
  return { seconds: now(), steps: [...steps.values()] };
}

/** Where the time went: what took a tenth of a second or more, and the time before the first and after the last. */
export function showTrace({ seconds, steps }: Trace): string {
  const own = steps.filter(({ type }) => type !== "pulumi:pulumi:Stack" && !type.startsWith("enroute-istio:"));
  const line = (begin: number, end: number, what: string) =>
    `${begin.toFixed(1).padStart(6)} ${end.toFixed(1).padStart(6)} ${(end - begin).toFixed(1).padStart(6)}  ${what}`;
  const first = Math.min(...own.filter(({ type }) => !type.startsWith("pulumi:")).map(({ begin }) => begin));
  const last = Math.max(...own.map(({ end }) => end));
  return [
    "  from     to   took  (seconds; one run, the median of the rounds)",
    line(0, first, "start of the engine, the program and the plugins; preflight"),
    ...own
      .filter(({ begin, end }) => end - begin >= 0.1)
      .map(({ begin, end, type, name }) => line(begin, end, `${type.split(":").at(-1)} ${name}`)),
    line(last, seconds, "end of the engine"),
  ].join("\n");
}
