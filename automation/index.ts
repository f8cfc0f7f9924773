/** Encrypted ingress as a library: see docs/embedding.md. */
export { Environment, policyPack } from "./environment";
export type {
  ChangeResult,
  DestroyOptions,
  EnvironmentOptions,
  PreviewOptions,
  ResourceChange,
  RunOptions,
  UpOptions,
  UpResult,
} from "./environment";
export type { StackRecovery, StackStatus } from "./request";
export { explanations, isRolloutError } from "./errors";
export type { Left, RolloutError, RolloutErrorCode } from "./errors";
export type * from "./events";
export { type ComponentProgress, type Progress, advance, startProgress } from "./progress";
export { type Settled, forEachEnvironment } from "./many";
export { OutputValue, type Outputs } from "./outputs";
export type { Settings, SettingsInput } from "../settings/schema";
export type { Problem } from "../settings/error";
export type { Finding } from "../base/finding";
export type { Report } from "../base/report";
