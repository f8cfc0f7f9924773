import { authorizationChecks } from "./authorization";
import { certificatesChecks } from "./certificates";
import { clearTextChecks } from "./clear-text";
import { clientLegChecks } from "./client-leg";
import { controlPlaneChecks } from "./control-plane";
import type { VerifyCheck } from "./define";
import { effectChecks } from "./effect";
import { gatewayPodChecks } from "./gateway-pod";
import { globalConfigChecks } from "./global-config";
import { hostsChecks } from "./hosts";
import { identityChecks } from "./identity";
import { injectionChecks } from "./injection";
import { ownershipChecks } from "./ownership";
import { releasesChecks } from "./releases";
import { strictChecks } from "./strict";

/** The checks of verify, in the order of the report. */
export const verifyChecks: readonly VerifyCheck[] = [
  ...ownershipChecks,
  ...releasesChecks,
  ...controlPlaneChecks,
  ...injectionChecks,
  ...gatewayPodChecks,
  ...strictChecks,
  ...authorizationChecks,
  ...effectChecks,
  ...globalConfigChecks,
  ...hostsChecks,
  ...clearTextChecks,
  ...certificatesChecks,
  ...clientLegChecks,
  ...identityChecks,
];
