import { createInterface } from "node:readline/promises";
import type { ChangeResult, RunOptions } from "../automation/options";
import { exit } from "./exit-codes";
import type { ChangeOptions, CommonOptions } from "./options";
import { changesText, openView } from "./view";

/* What the commands print, and how they ask for confirmation. */

const isTerminal = () => process.stdout.isTTY && process.stdin.isTTY;
export const useColour = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
export const print = (value: unknown) =>
  console.log(typeof value === "string" ? value : JSON.stringify(value, undefined, 2));

/** Runs an operation with its progress on the screen, and with Ctrl-C: once to stop gracefully, twice to drop everything. */
export async function watched<Result>(
  { stack, json }: CommonOptions,
  operation: (options: RunOptions) => Promise<Result>,
): Promise<Result> {
  // With --json the standard output is the result's alone.
  const view = openView(json === true ? withoutTerminal(process.stderr) : process.stdout, stack, { colour: useColour });
  const stop = new AbortController();
  const kill = new AbortController();
  const interrupt = () => {
    if (stop.signal.aborted) {
      view.note(
        "dropping everything: what was in progress is left in an unknown state (enroute-istio recover examines it)",
      );
      kill.abort();
    } else {
      view.note("stopping: operations in progress finish, no new one starts. Ctrl-C again drops everything");
      stop.abort();
    }
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  try {
    return await operation({ onEvent: view.take, signal: stop.signal, killSignal: kill.signal });
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
    view.close();
  }
}

function withoutTerminal(stream: NodeJS.WriteStream) {
  return { write: (text: string) => stream.write(text) };
}

export function changeText({ resources, changes }: ChangeResult): string {
  const lines = resources.map(({ resource: { type, name }, change, differs }) => {
    const why = differs.length === 0 || change === "create" ? "" : `: ${differs.join(", ")}`;
    return `  ${change.padEnd(8)} ${type} ${name}${why}`;
  });
  return [...lines, changesText(changes, "preview")].join("\n");
}

const questions = {
  up: "Roll this out to stack $?",
  destroy: "Destroy everything that stack $ deployed?",
  upgrade: "Do this on stack $?",
  forget: "Is that cluster gone for good, and is stack $ to forget all that was in it?",
};

/** Whether the user agrees: by --yes, or by an answer at a terminal, after seeing what would change. */
export async function agreed(
  options: ChangeOptions,
  what: keyof typeof questions,
  look: (watch: RunOptions) => Promise<unknown>,
): Promise<boolean> {
  if (options.yes === true) return true;
  if (!isTerminal() || options.json === true) {
    console.error(
      `Cannot ask for confirmation: not a terminal.\n  fix: ${what === "forget" || what === "upgrade" ? "check what is listed above" : `check enroute-istio preview --stack ${options.stack}`}, then pass --yes`,
    );
    process.exitCode = exit.notRun;
    return false;
  }
  if (what === "up") {
    const result = (await watched(options, look)) as ChangeResult;
    print(changeText(result));
  } else await look({});
  const asking = createInterface({ input: process.stdin, output: process.stdout });
  const question = questions[what].replace("$", options.stack);
  // To destroy or forget, the stack's name has to be typed.
  const wanted = what === "up" || what === "upgrade" ? "yes" : options.stack;
  const answer = await asking.question(`${question} Type ${wanted} to go on: `);
  asking.close();
  if (answer.trim() !== wanted) print("Nothing was changed.");
  return answer.trim() === wanted;
}

export function printOutputs(outputs: object): void {
  for (const [name, value] of Object.entries(outputs)) {
    const text = String(value);
    print(text.includes("\n") ? `${name}:\n${text.trimEnd().replace(/^/gm, "  ")}` : `${name.padEnd(24)} ${text}`);
  }
}
