/** Encrypted ingress as a library: see docs/embedding.md. */
export { Environment, listChecks, policyPack } from "./environment";
export type { AdoptOptions, Adoption } from "./adoption";
export type { PhaseName, SettingsEdit, Upgrade, UpgradeOptions, UpgradePhase, WaitingWorkload } from "./upgrade";
export type { Import } from "../adoption/imports";
export type { WrittenFile } from "../adoption/stack-file";
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
  VerifyRunOptions,
} from "./options";
export type { ClusterLeft, StackRecovery, StackStatus } from "./request";
export { type Standing, standingOf } from "./status";
export { explanations, isRolloutError } from "./errors";
export type { ErrorAbout, Left, PlainError, RolloutError, RolloutErrorCode, RolloutFailure } from "./errors";
export type * from "./events";
export { type ComponentProgress, type Progress, advance, startProgress } from "./progress";
export { type Settled, forEachEnvironment } from "./many";
export { OutputValue, type Outputs } from "./outputs";
export type { Settings, SettingsInput } from "../settings/schema";
export { type Eventual, type Settable, secret } from "../settings/marks";
export type { Path } from "../base/encrypted";
export type { Problem } from "../settings/error";
export type { StackLock } from "../recovery/locks";
export type { StackOutputs } from "../stacks/encrypted-ingress";
export type { Finding, Issue, Severity } from "../base/issue";
export type { PartialRun, Report, ReportSummary, Result, Status } from "../base/report";
export type { PreflightReport } from "../verify/preflight";
export type { CheckingCommand } from "../verify/registry";
export type { CheckDescription } from "../verify/select";
export { receiptHtml } from "../verify/receipt/html";
export type { CertificateLife, HostProof, Leg, LegProof, PortProof, Receipt } from "../verify/receipt/receipt";
export type { Workload } from "../verify/receipt/workloads";
export type { VerifyOptions } from "../verify/verify";
