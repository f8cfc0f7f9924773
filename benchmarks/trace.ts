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
