import assert from "node:assert/strict";
import { join } from "node:path";
import type { Settings } from "../../settings/schema";
import { preflight } from "../../verify/preflight";
import { verify } from "../../verify/verify";
import { pulumi, run, succeed } from "../engine/sandbox-fixture";
import { type HealthyStack, notToTell, rollOut, stack, takeDown, verifyUntil } from "./healthy-stack";
import { type Fault, faults, obstacles } from "./table";

const program = join(__dirname, "../../cli/main.ts");

/** Commands of a fix, as they stand in it. What is for a stack that was changed since is not for this one. */
function commandsOf(fix: string): string[] {
  const own = fix.replaceAll("if the stack was changed since, run pulumi up;", "");
  const forms = [
    "kubectl [^;,()]+",
    "helm rollback \\S+ \\d+ -n [a-z0-9-]+",
    "npm run recover -- --stack <stack> --yes",
    "pulumi up(?: --refresh)?",
  ];
  return [...own.matchAll(new RegExp(forms.join("|"), "g"))].map(([command]) => command.trim());
}

async function follow(command: string): Promise<void> {
  const [name = "", ...args] = command.split(" ");
  if (name === "npm") {
    const { code, stdout, stderr } = await run(process.execPath, [
      ...["--import", "tsx", program, "recover", "--stack", stack, "--yes"],
    ]);
    assert.equal(code, 0, stdout + stderr);
    return;
  }
  if (name !== "pulumi") {
    await succeed(name, args);
    return;
  }
  const { code, stdout, stderr } = await pulumi([...args, "--yes", "--skip-preview", "--stack", stack]);
  assert.equal(code, 0, stdout + stderr);
}

// Each check is broken, found by the checks that are meant for it and by no other, and passes when its fix was followed to the letter.
describe("each fault is found, and its fix puts it right:", function () {
  this.timeout(180_000);
  let healthy: HealthyStack;

  before(async function () {
    this.timeout(0); // the first build takes minutes
    healthy = await rollOut();
  });
  after(takeDown);

  const isWell = async (why = "") => {
    const { failed, unknown, evidence } = await verifyUntil(
      healthy,
      (outcome) => outcome.failed.length === 0 && outcome.unknown.length === notToTell.length,
    );
    assert.deepEqual(failed, [], `${why}\n${evidence}`);
    assert.deepEqual(unknown, notToTell);
  };

  /** Verifies until what the fault is meant for fails, and nothing else does; and what is to be done about it. */
  async function fixesOf({ found, hidden = [], settings = (own) => own }: Fault): Promise<string[]> {
    const own = settings(healthy.settings);
    const sorted = (names: string[]) => [...names].sort();
    const unknown = sorted([...notToTell, ...hidden]);
    const outcome = await verifyUntil(
      { ...healthy, settings: own },
      (seen) => sorted(seen.failed).join() === sorted(found).join() && sorted(seen.unknown).join() === unknown.join(),
    );
    assert.deepEqual(sorted(outcome.failed), sorted(found), outcome.evidence);
    assert.deepEqual(sorted(outcome.unknown), unknown);
    const { results } = await verify(own, healthy.options);
    return results.filter(({ status }) => status === "failed").flatMap(({ issues }) => issues.map(({ fix }) => fix));
  }

  it("is not asked for where all is well", () => isWell());

  for (const fault of faults)
    it(fault.name, async () => {
      const heal = await fault.break(healthy.seeds);
      const fixes = await fixesOf(fault).catch(async (error: unknown) => {
        await heal();
        throw error;
      });
      if (fault.fixedBy !== undefined) {
        await heal();
        await isWell();
        assert.match(fixes.join("; "), fault.fixedBy === "settings" ? /in the stack|istio\.|namespaces\[/ : /\w/);
        return;
      }
      const commands = [...new Set(fixes)].flatMap(commandsOf);
      assert.notDeepEqual(commands, [], fixes.join("\n"));
      try {
        for (const command of commands) await follow(command);
        await isWell(commands.join("\n"));
      } catch (error) {
        // The next fault needs a stack that is well.
        await heal().catch(() => {});
        await verifyUntil(healthy, ({ failed }) => failed.length === 0);
        throw error;
      }
    });

  describe("that preflight finds", () => {
    for (const { name, break: seed, found, fixedBy, settings = (own: Settings) => own } of obstacles)
      it(name, async () => {
        const fixes = async (of = settings(healthy.settings)) =>
          (await preflight(of)).filter(({ check }) => check === found).map(({ fix }) => fix);
        assert.deepEqual(await fixes(healthy.settings), []);
        const heal = await seed(healthy.seeds);
        const told = await fixes().catch(async (error: unknown) => {
          await heal();
          throw error;
        });
        if (fixedBy !== undefined) {
          await heal();
          assert.notDeepEqual(told, []);
          assert.deepEqual(await fixes(healthy.settings), []);
          if (fixedBy === "settings") assert.match(told.join("; "), /\.values/);
          return;
        }
        const commands = told.flatMap(commandsOf);
        try {
          assert.notDeepEqual(commands, [], told.join("\n"));
          for (const command of commands) await follow(command);
          assert.deepEqual(await fixes(), [], commands.join("\n"));
        } catch (error) {
          await heal().catch(() => {});
          throw error;
        }
      });
  });
});
