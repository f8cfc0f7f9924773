// A provider plugin's executable: whether it starts here, and what version it is.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import * as grpc from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import { empty } from "./wire";

/** How long a plugin may take to print its port, in milliseconds; the kubernetes provider takes a second on two busy cores. */
const startTime = 60_000;

/**
 * The version that a plugin says it has. Starts it for a moment, without an engine.
 *
 * @throws with the reason in a few words if it does not run here: cut short, for another platform, not a plugin.
 */
export async function pluginVersion(executable: string): Promise<string> {
  const child = spawn(executable, [], { stdio: ["pipe", "pipe", "ignore"] });
  // A plugin that has ended does not read its input.
  child.stdin.on("error", () => {});
  const timer = setTimeout(() => child.kill("SIGKILL"), startTime);
  try {
    const port = await new Promise<string>((resolve, reject) => {
      child.on("error", (error: NodeJS.ErrnoException) =>
        reject(new Error(`it cannot be started (${error.code})`, { cause: error })),
      );
      child.on("close", (code, signal) => {
        const how = signal ?? `exit code ${code}`;
        reject(new Error(`it ended at once (${how}), so it is damaged or made for another platform`));
      });
      createInterface({ input: child.stdout }).once("line", resolve);
    });
    if (!/^[0-9]+$/.test(port))
      throw new Error(`it printed ${JSON.stringify(port.slice(0, 80))} in the place of its port`);
    const client = new ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    try {
      return await new Promise<string>((resolve, reject) => {
        const deadline = { deadline: Date.now() + startTime };
        client.getPluginInfo(empty(), new grpc.Metadata(), deadline, (error, info) => {
          if (error === null) resolve(info.getVersion().replace(/^v/, ""));
          else reject(new Error(`it did not tell its version: ${error.details}`, { cause: error }));
        });
      });
    } finally {
      client.close();
    }
  } finally {
    clearTimeout(timer);
    child.kill("SIGKILL");
  }
}
