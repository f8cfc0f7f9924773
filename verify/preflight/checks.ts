import { certificatesChecks } from "./certificates";
import { chartsChecks } from "./charts";
import { clearTextCheck } from "./clear-text";
import { clusterStateChecks } from "./cluster-state";
import { connectionChecks } from "./connection";
import type { PreflightCheck } from "./define";
import { meshAuthorityChecks } from "./mesh-authority";
import { meshConfigurationChecks } from "./mesh-configuration";
import { revisionsChecks } from "./revisions";
import { rightsChecks } from "./rights";
import { versionCheck, versionsChecks } from "./versions";

/** The checks of preflight, in the order of the report. */
export const preflightChecks: readonly PreflightCheck[] = [
  ...connectionChecks,
  versionCheck,
  ...rightsChecks,
  ...clusterStateChecks,
  ...revisionsChecks,
  ...meshConfigurationChecks,
  clearTextCheck,
  ...certificatesChecks,
  ...meshAuthorityChecks,
  ...versionsChecks,
  ...chartsChecks,
];
