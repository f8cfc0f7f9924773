import * as pulumi from "@pulumi/pulumi";
import { defaultTimeoutSeconds } from "../mesh/charts";
import { enroute } from "../mesh/enroute";
import type { ReleaseWait } from "../mesh/release-waits";
import type { Settings } from "../settings/schema";
import type { OnWait } from "../verify/release-waits";

/** Something to show: in passing, in the row of the stack, or to stay among the diagnostics. */
export interface Note {
  text: string;
  stays: boolean;
}

/** How long a wait lasts until it is worth a warning, in seconds; addresses of clouds take their time. */
const patience = { pods: 20, address: 60 };

/** What is known of a release that is being waited for. */
interface Waiting {
  wait: ReleaseWait;
  /** Moment in milliseconds since when something is in the way. */
  stuckSince: number | undefined;
  /** Whether it has been warned of. */
  isTold: boolean;
}

/**
 * What `pulumi up` shows of the waits of releases: each at once in passing; one that does not end by itself as a warning, long before
 * Helm gives up, since its error names no reason and ends the program.
 */
export class WaitNotes {
  private readonly waiting = new Map<string, Waiting>();

  /** @param timeoutOf how long Helm waits for a release, in seconds */
  constructor(private readonly timeoutOf: (release: string) => number) {}

  /** What to show of a release at a moment in milliseconds; nothing where that is known. */
  take(release: string, wait: Parameters<OnWait>[1], now: number): Note | undefined {
    const before = this.waiting.get(release);
    if (wait === undefined || "ended" in wait) {
      this.waiting.delete(release);
      const isLost = wait !== undefined && wait.ended !== "deployed" && before?.isTold === false;
      return isLost ? { text: `${release} has failed, waiting for ${explained(before.wait)}`, stays: true } : undefined;
    }
    const stuckSince = wait.fix === undefined ? undefined : (before?.stuckSince ?? now);
    const limit = Math.min(wait.isForAddress ? patience.address : patience.pods, this.timeoutOf(release) / 2);
    const isDue = before?.isTold !== true && stuckSince !== undefined && now - stuckSince >= limit * 1000;
    this.waiting.set(release, { wait, stuckSince, isTold: isDue || before?.isTold === true });
    if (isDue) return { text: `${release} waits for ${explained(wait)}`, stays: true };
    return wait.text === before?.wait.text ? undefined : { text: `${release} waits for ${wait.text}`, stays: false };
  }
}

function explained({ text, fix }: ReleaseWait): string {
  return `${text}${fix === undefined ? "" : `\n  fix: ${fix}`}`;
}

/** Shows the waits of a stack's releases in the engine's own display. */
export function showWaits({ istio, gateway, prometheus, kiali }: Settings): OnWait {
  const sections: Record<string, { timeoutSeconds?: number } | undefined> = {
    [enroute.release]: gateway,
    prometheus,
    "kiali-server": kiali,
  };
  const notes = new WaitNotes((release) => (sections[release] ?? istio).timeoutSeconds ?? defaultTimeoutSeconds);
  return (release, wait) => {
    const note = notes.take(release, wait, Date.now());
    if (note === undefined) return;
    void (note.stays ? pulumi.log.warn(note.text) : pulumi.log.info(note.text, undefined, undefined, true));
  };
}
