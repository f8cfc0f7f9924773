/* Modules that only some operations need: loading them takes longer than reading a stack's outputs (SDKs 0.5 s, client-node 0.5 s). */
/* eslint-disable @typescript-eslint/no-require-imports */
import type * as clusterModule from "../cluster/client";
import type * as recoverModule from "../recovery/recover";
import type * as fileEditsModule from "../settings/file-edits";
import type * as settingsModule from "../settings/load";
import type * as programModule from "../stacks/program";
import type * as upgradePlanModule from "../settings/upgrade-plan";
import type * as preflightModule from "../verify/preflight";
import type * as registryModule from "../verify/registry";
import type * as restartsModule from "../verify/restarts";
import type * as verifyModule from "../verify/verify";
import type * as adoptModule from "./adopt";
import type * as destroyableModule from "./destroyable";
import type * as forgetModule from "./forget";

export const program = () => require("../stacks/program") as typeof programModule;
export const settings = () => require("../settings/load") as typeof settingsModule;
export const cluster = () => require("../cluster/client") as typeof clusterModule;
export const preflight = () => require("../verify/preflight") as typeof preflightModule;
export const fileEdits = () => require("../settings/file-edits") as typeof fileEditsModule;
export const upgradePlan = () => require("../settings/upgrade-plan") as typeof upgradePlanModule;
export const restarts = () => require("../verify/restarts") as typeof restartsModule;
export const registry = () => require("../verify/registry") as typeof registryModule;
export const verify = () => require("../verify/verify") as typeof verifyModule;
export const recovery = () => require("../recovery/recover") as typeof recoverModule;
export const adoption = () => require("./adopt") as typeof adoptModule;
export const forgetting = () => require("./forget") as typeof forgetModule;
export const destroyable = () => require("./destroyable") as typeof destroyableModule;
