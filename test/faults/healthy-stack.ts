import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import type { Sandbox } from "../../sandbox/cluster";
import { type Settings } from "../../settings/schema";
import { loadSettings } from "../../settings/load";
import { type VerifyOptions, verify } from "../../verify/verify";
import { pulumi, sharedSandbox, succeed } from "../engine/sandbox-fixture";
import { makeStack } from "../engine/stacks";
import { configuration } from "../unit/stack-files";
import { Seeds } from "./seeds";

export const stack = "faults";

/** A stack that is rolled out and well: the ground that faults are seeded in. */
export interface HealthyStack {
  settings: Settings;
  options: VerifyOptions;
  seeds: Seeds;
  chartRepository: string;
}

/** Nobody answers for the pods, which are simulated: neither what clients see nor what is in force can be told. */
export const notToTell = [
  "effect/inbound",
  "effect/gateway-outbound",
  "effect/plain-text",
  "client-leg/certificate",
  "client-leg/minimum-version",
  "client-leg/plain-http",
];

/**
 * Rolls out the sandbox's stack, with a second gateway pod, an exception, a namespace for the gateway alone and a CA of ours, for all files of faults.
 *
 * @param own sandbox; the shared one, where every pod is simulated, if left out.
 */
export async function rollOut(own?: Sandbox): Promise<HealthyStack> {
  const sandbox = own ?? (await sharedSandbox());
  await makeStack(
    stack,
    (config) => {
      (config["gateway"] as { replicas: number }).replicas = 2;
      (config["istio"] as { ca: object }).ca = { issuer: "generated" };
      (config["namespaces"] as object[]).push({ name: "ledger", onlyFromGateway: true });
      config["mutualTls"] = {
        exceptions: [
          {
            namespace: "bookinfo",
            workload: { app: "ratings" },
            ports: [9080],
            mode: "PERMISSIVE",
            reason: "a fault needs one",
            owner: "tests",
            until: "2999-12-31",
          },
        ],
      };
    },
    "sandbox",
    sandbox,
  );
  const { code, stdout, stderr } = await pulumi(["up", "--yes", "--skip-preview", "--stack", stack], { sandbox });
  assert.equal(code, 0, stdout + stderr);
  const path = join(sandbox.folder, "project", "stacks", `Pulumi.${stack}.yaml`);
  const { config } = parse(readFileSync(path, "utf8")) as { config: Record<string, unknown> };
  const caCertificate = await succeed("pulumi", ["stack", "output", "caCertificate", "--stack", stack], { sandbox });
  return {
    settings: loadSettings(configuration(config, stack)),
    // The Services' addresses are of this machine.
    options: { caCertificate, dialServices: true },
    seeds: new Seeds(sandbox.kubeconfig),
    chartRepository: sandbox.chartRepository,
  };
}

/** Takes the stack away again. */
export async function takeDown(): Promise<void> {
  const { code, stdout, stderr } = await pulumi(["destroy", "--yes", "--skip-preview", "--stack", stack]);
  assert.equal(code, 0, stdout + stderr);
}

export interface Outcome {
  failed: string[];
  unknown: string[];
  evidence: string;
}

/** Verifies until it comes to what is expected, as a cluster takes its time; gives the last outcome after half a minute. */
export async function verifyUntil(
  { settings, options }: Pick<HealthyStack, "settings" | "options">,
  isExpected: (outcome: Outcome) => boolean,
): Promise<Outcome> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const { results } = await verify(settings, options);
    const failed = results.filter(({ status }) => status === "failed");
    const outcome = {
      failed: failed.map(({ check }) => check),
      unknown: results.filter(({ status }) => status === "unknown").map(({ check }) => check),
      evidence: failed.map(({ check, evidence }) => `${check}: ${evidence}`).join("\n"),
    };
    if (isExpected(outcome) || Date.now() > deadline) return outcome;
    await sleep(250);
  }
}
