import type { Settings } from "../../settings/schema";
import type { Check } from "../check";
import type { HostProbe } from "../probes/client-leg";
import type { SigningAttempt } from "../probes/identity";
import type { ClusterView } from "../view";

/** What clients saw, by host; undefined where the gateway has no address to connect to. */
export type ClientLegProbes = Record<string, HostProbe> | undefined;

/** What live connections came to. */
export interface Probes {
  clientLeg: ClientLegProbes;
  signing: SigningAttempt;
}

/** Everything that the checks of verify look at. */
export interface VerifyFacts extends ClusterView, Probes {}

/** What the checks go by beside the facts. */
export interface VerifyContext {
  settings: Settings;
  /** The moment to judge validity by. */
  now: Date;
  /** A certificate that ends within so many days is pointed out. */
  days: number;
  /** Certificate of the CA that clients of this stack trust, as PEM, where it is known. */
  caCertificate?: string | undefined;
  /** The stack's name, `organization/project/stack`, where it is known; `*` for an organization that is not. */
  owner?: string | undefined;
}

export type VerifyCheck = Check<VerifyFacts, VerifyContext>;

/** A check of verify; its `run` sees the facts that it needs, and no others. */
export function verifyCheck<const Need extends keyof VerifyFacts>(
  check: Check<VerifyFacts, VerifyContext, Need>,
): VerifyCheck {
  return check;
}
