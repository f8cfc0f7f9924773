import { Command, InvalidArgumentError } from "commander";
import { chaos } from "./engine/chaos";
import { sharedSandbox, stopSharedSandbox } from "./engine/sandbox-fixture";
import { makeStack } from "./engine/stacks";

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1000)
    throw new InvalidArgumentError("a whole number from 1 to 1000");
  return value;
}

const command = new Command("npm run chaos --")
  .description(
    "Cuts rollouts off at random points, on a sandbox of their own, and checks that the next one heals them.",
  )
  .option("--rounds <count>", "how many kills; each round takes about a minute", count, 10)
  .option("--seed <number>", "same seed, same kills", count, 1)
  .parse();
const { rounds, seed } = command.opts<{ rounds: number; seed: number }>();

async function main(): Promise<void> {
  await sharedSandbox();
  try {
    const done = await chaos({ stack: await makeStack("chaos"), rounds, seed, report: (line) => console.log(line) });
    const byItself = done.filter(({ healed }) => healed === "by itself").length;
    console.log(
      `${done.length} kills, ${done.length} healed: ${byItself} by itself, ${done.length - byItself} with recover (seed ${seed})`,
    );
  } finally {
    await stopSharedSandbox();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
