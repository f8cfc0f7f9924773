import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findDamage, restore } from "../../../recovery/state-file";

describe("a state file", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "state-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const write = (path: string, text: string, minutesAgo = 0) => {
    const full = join(folder, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
    const time = new Date(Date.now() - minutesAgo * 60_000);
    utimesSync(full, time, time);
    return full;
  };
  const whole = (serial: number) => JSON.stringify({ version: 3, checkpoint: { serial } });
  const find = () => findDamage(folder, "enroute-istio", "dev");

  it("that is whole, or not there, is left alone", () => {
    assert.equal(find(), undefined);
    write("stacks/enroute-istio/dev.json", whole(1));
    assert.equal(find(), undefined);
  });

  for (const [what, text] of [
    ["empty", ""],
    ["cut short", whole(3).slice(0, -5)],
    ["of something else", "{}"],
  ] as const)
    it(`that is ${what} gives way to the newest whole copy, and is kept`, () => {
      const file = write("stacks/enroute-istio/dev.json", text);
      write("stacks/enroute-istio/dev.json.bak", whole(2), 1);
      write("history/enroute-istio/dev/dev-1.checkpoint.json", whole(1), 5);
      const damage = find()!;
      assert.equal(damage.backup, `${file}.bak`);
      restore(damage);
      assert.equal(readFileSync(file, "utf8"), whole(2));
      const kept = readdirSync(dirname(file)).find((name) => name.includes(".damaged-"))!;
      assert.equal(readFileSync(join(dirname(file), kept), "utf8"), text);
      assert.equal(find(), undefined);
    });

  it("falls back on the history where the other copy is damaged, too", () => {
    write("stacks/enroute-istio/dev.json", "");
    write("stacks/enroute-istio/dev.json.bak", "");
    write("history/enroute-istio/dev/dev-1.checkpoint.json", whole(1), 9);
    write("history/enroute-istio/dev/dev-2.checkpoint.json", whole(2), 5);
    assert.match(find()!.backup, /dev-2\.checkpoint\.json$/);
  });

  it("without any whole copy is an error that says where it is", () => {
    write("stacks/enroute-istio/dev.json", "");
    assert.throws(find, /cut short, and there is no whole copy of it: .*dev\.json/);
  });
});
