/** Encrypted ingress as a library: see docs/embedding.md. */
export { Environment, listChecks, policyPack } from "./environment";
export type { AdoptOptions, Adoption } from "./adoption";
export type {
  ChangeResult,
  DestroyOptions,
  EnvironmentOptions,
  PreflightOptions,
  PreviewOptions,
  ResourceChange,
  RunOptions,
  UpOptions,
  UpResult,
} from "./options";
export type { StackRecovery, StackStatus } from "./request";
export { explanations, isRolloutError } from "./errors";
export type { Left, RolloutError, RolloutErrorCode } from "./errors";
export type * from "./events";
export { type ComponentProgress, type Progress, advance, startProgress } from "./progress";
export { type Settled, forEachEnvironment } from "./many";
export { OutputValue, type Outputs } from "./outputs";
export type { Settings, SettingsInput } from "../settings/schema";
export type { Problem } from "../settings/error";
export type { StackLock } from "../recovery/locks";
export type { Finding, Issue } from "../base/issue";
export type { Report, Result } from "../base/report";
export type { PreflightReport } from "../verify/preflight";
export type { CheckDescription } from "../verify/select";
