import assert from "node:assert/strict";
import { chmodSync, copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { version as tlsVersion } from "@pulumi/tls/package.json";
import { pluginVersion } from "../../../sandbox/engine/plugin";

describe("a plugin's executable", function () {
  this.timeout(60_000);

  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "enroute-plugin-"))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  function file(name: string, content: string | Buffer): string {
    const path = join(folder, name);
    writeFileSync(path, content);
    chmodSync(path, 0o755);
    return path;
  }

  it("is asked for its version", async () => {
    const main = resolve(__dirname, "../../../sandbox/engine/tls/main.ts");
    const plugin = file("tls", `#!/bin/sh\nexec ${process.execPath} --import tsx ${main} 127.0.0.1:1\n`);
    assert.equal(await pluginVersion(plugin), tlsVersion);
  });

  const broken: [string, () => string, RegExp][] = [
    ["is not there", () => join(folder, "none"), /it cannot be started \(ENOENT\)/],
    [
      "may not be executed",
      () => (chmodSync(file("plain", "x"), 0o644), join(folder, "plain")),
      /it cannot be started \(EACCES\)/,
    ],
    [
      "is for another platform",
      () => file("other", Buffer.from("cffaedfe07000001", "hex")),
      /\(exit code 127\), so it is damaged or made for another platform/,
    ],
    [
      "is cut short",
      () => {
        const path = join(folder, "cut");
        copyFileSync(process.execPath, path);
        truncateSync(path, 4_000_000);
        return path;
      },
      /it ended at once \(SIG(SEGV|BUS)\)/,
    ],
    ["fails", () => file("fails", "#!/bin/sh\nexit 3\n"), /it ended at once \(exit code 3\)/],
    [
      "is no plugin",
      () => file("hello", "#!/bin/sh\necho hello; exec sleep 60\n"),
      /it printed "hello" in the place of its port/,
    ],
  ];
  for (const [what, make, reason] of broken) {
    it(`is refused with the reason when it ${what}`, () => assert.rejects(pluginVersion(make()), reason));
  }
});
