import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findDamage, isThere, restore, statePlace } from "../../../recovery/state-file";

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
  const find = () => findDamage({ folder, project: "enroute-istio", name: "dev" });

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
      assert.equal(damage.state!.backup, `${file}.bak`);
      assert.deepEqual(damage.others, []);
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
    assert.match(find()!.state!.backup, /dev-2\.checkpoint\.json$/);
  });

  // The file backend writes a file's attributes in place; a kill in between leaves them empty, and "failed to load checkpoint: EOF".
  for (const [what, path] of [
    ["the state", "stacks/enroute-istio/dev.json.attrs"],
    ["an entry of the history", "history/enroute-istio/dev/dev-1.history.json.attrs"],
    ["the backend", "meta.yaml.attrs"],
  ] as const)
    it(`whose attributes of ${what} were cut short stays, and they go`, () => {
      const file = write("stacks/enroute-istio/dev.json", whole(1));
      const attributes = write(path, "");
      const damage = find()!;
      assert.deepEqual(damage, { others: [attributes] });
      restore(damage);
      assert.equal(readFileSync(file, "utf8"), whole(1));
      assert.equal(existsSync(attributes), false);
      assert.equal(find(), undefined);
    });

  it("stays where an entry of its history was cut short, which is kept aside", () => {
    write("stacks/enroute-istio/dev.json", whole(1));
    const entry = write("history/enroute-istio/dev/dev-1.history.json", '{"kind":"upd');
    write("history/enroute-istio/dev/dev-2.history.json", '{"kind":"update"}');
    restore(find()!);
    const names = readdirSync(dirname(entry)).sort();
    assert.deepEqual([names.length, names[1]], [2, "dev-2.history.json"]);
    assert.match(names[0]!, /^dev-1\.history\.json\.damaged-\d+$/);
    assert.equal(find(), undefined);
  });

  it("without any whole copy is an error that says where it is", () => {
    write("stacks/enroute-istio/dev.json", "");
    assert.throws(find, /cut short, and it has no intact copy: .*dev\.json/);
  });

  it("is there also where the CLI compresses it", () => {
    const place = { folder, project: "enroute-istio", name: "dev" };
    assert.equal(isThere(place), false);
    write("stacks/enroute-istio/dev.json.gz", "");
    assert.equal(isThere(place), true);
    assert.equal(isThere({ ...place, name: "de" }), false);
  });
});

describe("the place of a stack's state", () => {
  const place = (url: string | undefined, stack = "dev") =>
    statePlace({ url, folder: "/work/project" }, { project: "enroute-istio", stack });

  for (const [url, folder] of [
    ["file:///var/state", "/var/state/.pulumi"],
    ["file:///var/state?metadata=skip", "/var/state/.pulumi"],
    ["file:///var/my%20state", "/var/my state/.pulumi"],
    ["file://~", join(homedir(), ".pulumi")],
    ["file://~/state", join(homedir(), "state/.pulumi")],
    ["file://.", "/work/project/.pulumi"],
    ["file://../state", "/work/state/.pulumi"],
  ])
    it(`is the folder of ${url}`, () =>
      assert.deepEqual(place(url), { folder: folder!, project: "enroute-istio", name: "dev" }));

  it("is no folder where the backend is none", () => {
    for (const url of ["s3://state", "https://api.pulumi.com", undefined]) assert.equal(place(url), undefined);
  });

  it("is that of the project that the stack's own name says", () => {
    assert.deepEqual(place("file:///var/state", "organization/shop/dev"), {
      folder: "/var/state/.pulumi",
      project: "shop",
      name: "dev",
    });
  });
});
