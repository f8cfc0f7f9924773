import * as pulumi from "@pulumi/pulumi";
import { version } from "@pulumi/pulumi/package.json";
import { sdkProblem } from "../base/sdk";
import { refusal } from "../components/refusal";

/*
 * What is used of the SDK though it marks it internal (3.246 and 3.276): nothing public does it. All of it is here, and is tried
 * before the program begins. The rest of the product imports @pulumi/pulumi and its automation alone, which lint enforces.
 */

/** The SDK's memory of one running program. */
export type Store = Record<string, unknown> & { settings: { monitor?: object; options: object } };

export interface SdkInternals {
  /** Runs a program with a store of its own, beside the one that counts. */
  withLocalStorage<Result>(this: void, program: () => Result): Result;
  /** The store of the program that asks. */
  getStore(this: void): Store;
  /** An engine's monitor that answers by mocks: setMocks would replace that of the run that counts. */
  MockMonitor: new (mocks: pulumi.runtime.Mocks) => object;
  /** Waits until all that a program registers is registered. */
  waitForRPCs(this: void): Promise<void>;
  /** Whether a key of the configuration, or a part of its value, was given as a secret. */
  isConfigSecret(this: void, key: string): boolean;
}

/** Where they are. Modules are loaded when asked for: a missing one is a finding. */
export interface SdkModules {
  version: string;
  runtime: unknown;
  log: object;
  state: () => unknown;
  mocks: () => unknown;
}

/* eslint-disable @typescript-eslint/no-require-imports */
const installed: SdkModules = {
  version,
  runtime: pulumi.runtime,
  log: pulumi.log,
  state: () => require("@pulumi/pulumi/runtime/state") as unknown,
  mocks: () => require("@pulumi/pulumi/runtime/mocks") as unknown,
};
/* eslint-enable */

let tried: SdkInternals | undefined;

/**
 * The SDK's internals.
 *
 * @throws a refusal that names the SDK's version, all that it lacks, and the versions that are tested
 */
export function sdk(): SdkInternals {
  return (tried ??= internalsOf(installed));
}

/** As {@link sdk}, of given modules. */
export function internalsOf({ version: found, runtime, log, state, mocks }: SdkModules): SdkInternals {
  const internals = Object.assign({}, ...[runtime, loaded(state), loaded(mocks)]) as SdkInternals;
  const places = {
    withLocalStorage: "runtime/state",
    getStore: "runtime/state",
    MockMonitor: "runtime/mocks",
    waitForRPCs: "runtime/settings",
    isConfigSecret: "runtime/config",
  } as const;
  const missing = Object.entries(places).flatMap(([name, place]) =>
    typeof internals[name as keyof SdkInternals] === "function" ? [] : [`${name} of ${place}`],
  );
  if (missing.length === 0) missing.push(...misbehaviour(internals));
  if (Object.getOwnPropertyDescriptor(log, "debug")?.writable !== true) missing.push("log.debug that can be replaced");
  const problem = sdkProblem(found, missing);
  if (problem !== undefined) throw refusal(problem);
  return internals;
}

/** What is there, but does something else. */
function misbehaviour({ withLocalStorage, getStore, isConfigSecret, MockMonitor }: SdkInternals): string[] {
  const doubts: [string, () => boolean][] = [
    [
      "withLocalStorage of runtime/state that gives a program a store of its own",
      () => {
        const own = withLocalStorage(() => getStore());
        return own !== getStore() && typeof own.settings.options === "object";
      },
    ],
    [
      "isConfigSecret of runtime/config that tells secret keys from others",
      () =>
        withLocalStorage(() => {
          pulumi.runtime.setAllConfig({ "a:secret": "", "a:plain": "" }, ["a:secret"]);
          return isConfigSecret("a:secret") && !isConfigSecret("a:plain");
        }),
    ],
    [
      "MockMonitor of runtime/mocks with registerResource",
      () =>
        "registerResource" in
        new MockMonitor({ newResource: ({ name }) => ({ id: name, state: {} }), call: () => ({}) }),
    ],
  ];
  return doubts.flatMap(([lack, holds]) => (attempt(holds) === true ? [] : [lack]));
}

/** A module, or nothing where the SDK has moved it. */
const loaded = (load: () => unknown): unknown => attempt(load) ?? {};

function attempt<Value>(action: () => Value): Value | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
