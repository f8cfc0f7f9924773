import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { encryptedIngress } from "../../../stacks/encrypted-ingress";
import { plannedBy } from "../../../stacks/planned";
import { run } from "../mocks";
import { stackFile, stackNames } from "../stack-files";

describe("what a program would make", () => {
  for (const name of stackNames)
    it(`is all that it registers for ${name}, and nothing of it reaches the run that counts`, async () => {
      const owner = "acme/enroute-istio/test";
      const settings = stackFile(name);
      const { result: planned, resources } = await run(async () => {
        const found = await plannedBy(settings, owner);
        encryptedIngress(settings, settings, { owner });
        return found;
      });
      const registered = resources.filter(({ type }) => type.startsWith("kubernetes:") && !type.endsWith("Patch"));
      const text = ({ kind, metadata }: { kind?: string; metadata?: { name: string; namespace?: string } }) =>
        `${kind} ${metadata?.namespace ?? ""}/${metadata?.name}`;
      assert.deepEqual(
        planned.objects.map((object) => text({ ...object, metadata: object })).sort(),
        registered
          .filter(({ type }) => !type.endsWith(":Release"))
          .map(({ inputs }) => text(inputs))
          .sort(),
      );
      assert.deepEqual(
        planned.releases.map(({ name: release }) => release).sort(),
        registered
          .filter(({ type }) => type.endsWith(":Release"))
          .map((release) => release.name)
          .sort(),
      );
    });

  it("leaves the SDK as it was: its monitor, its stack, and whether it is a preview", async () => {
    await run(
      async () => {
        const before = [pulumi.runtime.getMonitor(), pulumi.getStack(), pulumi.runtime.isDryRun()];
        await plannedBy(stackFile("sandbox"), "a/b/c");
        assert.deepEqual([pulumi.runtime.getMonitor(), pulumi.getStack(), pulumi.runtime.isDryRun()], before);
      },
      { stack: "counts" },
    );
  });
});
