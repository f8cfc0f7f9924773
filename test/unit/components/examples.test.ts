import assert from "node:assert/strict";
import * as k8s from "@pulumi/kubernetes";
import * as components from "../../../components";
import { componentArguments } from "../../../settings/arguments";
import { run } from "../mocks";
import { examples } from "./examples";

describe("the examples of the components", () => {
  it("are of every component, and every component checks its arguments", () => {
    const classes = Object.entries(components as Record<string, unknown>).flatMap(([name, value]) =>
      typeof value === "function" && /extends .*ComponentResource/.test(String(value)) ? [name] : [],
    );
    assert.deepEqual(Object.keys(examples).sort(), classes.sort());
    assert.deepEqual(Object.keys(componentArguments).sort(), classes.sort());
  });

  for (const [name, example] of Object.entries(examples))
    it(`run: ${name}`, async () => {
      const { resources } = await run(() => example(new k8s.Provider("cluster")));
      const made = resources.filter(({ type }) => type.endsWith(`:${name}`) && type.startsWith("enroute-istio:"));
      assert.equal(made.length, 1);
      const below = resources.filter(({ type }) => type.startsWith("kubernetes:"));
      assert.ok(below.length > 0);
      for (const { type, name: child, parent } of below) assert.notEqual(parent, "", `${type} ${child} has a parent`);
    });

  for (const name of Object.keys(examples))
    it(`is refused by ${name} with an unknown argument, as the settings refuse it`, async () => {
      const Component = (components as unknown as Record<string, new (...args: unknown[]) => unknown>)[name]!;
      const make = () => run(() => new Component("x", { wrong: 1 }, { provider: new k8s.Provider("cluster") }));
      await assert.rejects(make, (error: Error) => {
        assert.ok(error instanceof components.ArgumentsError);
        assert.match(
          error.message,
          new RegExp(`of ${name} x are wrong[^]*- wrong\\n +found: +1\\n +allowed: unknown key`),
        );
        return true;
      });
    });
});
