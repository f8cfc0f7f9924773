import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ProcessId } from "../processes";
import type { TrafficPrograms } from "./traffic";

/** What the starter tells the supervisor, as JSON in a file whose path is its only argument. */
export interface SupervisorConfig {
  readonly name: string;
  readonly folder: string;
  readonly nodes: number;
  /** End when the starter does, in whatever way it ends. */
  readonly tied: boolean;
  readonly istiodDelaySeconds: number;
  /** Folder with the chart packages to serve. */
  readonly charts: string;
  /** What carries live traffic; without it, pods are simulated and no more. */
  readonly traffic?: TrafficPrograms;
  readonly binaries: {
    readonly controlplane: string;
    readonly kwok: string;
    readonly pilotDiscovery: string;
    readonly helm: string;
    readonly tether: string;
  };
}

/** One process of the sandbox. */
export interface PartState {
  readonly name: string;
  readonly process: ProcessId;
  /** The tether that holds it. */
  readonly tether: ProcessId;
  /** How often it ended by itself and was started again. */
  readonly restarts: number;
}

/** What the supervisor tells everybody, in `<folder>/sandbox.json`. */
export interface SandboxState {
  readonly status: "starting" | "ready" | "stopping" | "failed";
  /** Why it failed. */
  readonly error?: string;
  readonly supervisor: ProcessId;
  readonly serverUrl: string;
  readonly chartRepository: string;
  readonly serviceCidr: string;
  /** Whether requests can be sent through it. */
  readonly traffic: boolean;
  readonly parts: readonly PartState[];
}

export const kubeconfigPath = (folder: string) => join(folder, "kubeconfig");
/** Everything that goes with the cluster when it is taken down. */
export const dataFolder = (folder: string) => join(folder, "data");
export const logFolder = (folder: string) => join(folder, "logs");
export const contextName = (name: string) => `sandbox-${name}`;
/** While this file is there, istiod counts as not ready: for ever, or for as many seconds after its start as it says. */
export const istiodHoldPath = (folder: string) => join(folder, "istiod.hold");
/** While this file is there, the gateway goes on with the certificates of the mesh that it has: a fault, made on purpose. */
export const keepCertificatesPath = (folder: string) => join(folder, "keep-certificates");
/** While this folder is there, what passes through Service addresses is recorded in it. */
export const recordingFolder = (folder: string) => join(folder, "recordings");

const statePath = (folder: string) => join(folder, "sandbox.json");

export function readState(folder: string): SandboxState | undefined {
  try {
    return JSON.parse(readFileSync(statePath(folder), "utf8")) as SandboxState;
  } catch {
    return undefined;
  }
}

export function writeState(folder: string, state: SandboxState): void {
  const partial = `${statePath(folder)}.${process.pid}`;
  writeFileSync(partial, `${JSON.stringify(state, undefined, 2)}\n`);
  renameSync(partial, statePath(folder));
}
