import semver from "semver";

/*
 * Data: which releases of Istio and Envoy are supported, until when, and which have known vulnerabilities. Renovate does not know this
 * table: it is looked up by hand with each release. State: November 2026.
 */

/** A line of releases, such as 1.31. */
export interface SupportedLine {
  /** Day of its first release. */
  released: string;
  /** Last day of its support, as announced or expected; missing where nothing is published. */
  endOfLife?: string;
  /** Kubernetes versions (the minor of 1.x) that it supports; missing where nothing is published. */
  kubernetes?: { least: number; most: number };
  /** Where that is from. */
  source: string;
}

const supportTable = "https://istio.io/latest/docs/releases/supported-releases/";

/**
 * Istio's lines. A line is supported until six weeks after the second one that follows it (support policy, same page); where no day is
 * announced, that is counted from the tag of istio.io/api, which precedes the release.
 */
export const istioLines: Readonly<Record<string, SupportedLine>> = {
  "1.28": {
    released: "2025-11-05",
    endOfLife: "2026-05-31",
    kubernetes: { least: 30, most: 34 },
    source: "https://endoflife.date/istio",
  },
  "1.29": {
    released: "2026-02-16",
    endOfLife: "2026-10-12",
    kubernetes: { least: 31, most: 35 },
    source: supportTable,
  },
  "1.30": {
    released: "2026-05-18",
    endOfLife: "2026-12-02",
    kubernetes: { least: 32, most: 36 },
    source: `${supportTable}; end: six weeks after the tag of 1.32.0 (21 October 2026)`,
  },
  "1.31": {
    released: "2026-08-20",
    endOfLife: "2027-02-28",
    kubernetes: { least: 32, most: 36 },
    source: `https://istio.io/latest/news/releases/1.31.x/announcing-1.31/; end: "~Feb 2027 (Expected)", ${supportTable}`,
  },
  "1.32": { released: "2026-10-21", source: "the tag of istio.io/api; its row of the table is not looked up yet" },
};

/** Last days of Envoy's lines, each about a year after its release (https://github.com/envoyproxy/envoy/blob/main/RELEASES.md). */
export const envoyEnds: Readonly<Record<string, string>> = {
  "1.27": "2024-07-27",
  "1.28": "2024-10-19",
  "1.29": "2025-01-16",
  "1.30": "2025-04-16",
  "1.31": "2025-07-19",
  "1.32": "2025-10-15",
  "1.33": "2026-01-14",
  "1.34": "2026-04-15",
  "1.35": "2026-07-23",
  "1.36": "2026-10-14",
  "1.37": "2027-01-13",
  "1.38": "2027-04-23",
};

/** A published vulnerability of Istio, or of the Envoy in its sidecars. */
export interface Advisory {
  id: string;
  what: string;
  /** Affected versions, as semver ranges. */
  affected: string;
  /** The first release of each line without it. */
  fixed: readonly string[];
  /** Only where the cluster has this definition; missing: wherever the version runs. */
  definition?: string;
  source: string;
}

export const istioAdvisories: readonly Advisory[] = [
  {
    id: "CVE-2026-47774",
    what: "a request exhausts the memory of a sidecar",
    affected: "1.30.0",
    fixed: ["1.30.1"],
    source: "https://istio.io/latest/news/releases/1.30.x/announcing-1.30.1/",
  },
  {
    id: "ISTIO-SECURITY-2026-006",
    what: "an EnvoyFilter exhausts the memory of istiod",
    affected: "1.29.0 - 1.29.6 || 1.30.0 - 1.30.3",
    fixed: ["1.29.7", "1.30.4"],
    source: "https://istio.io/latest/news/security/istio-security-2026-006/",
  },
  {
    id: "GHSA-qm8v-g4f9-qhjx",
    what: "sidecars send plain text where the CA of a BackendTLSPolicy cannot be found",
    affected: "1.30.0 - 1.30.3 || 1.31.0",
    fixed: ["1.30.4", "1.31.1"],
    definition: "backendtlspolicies.gateway.networking.k8s.io",
    source: "https://istio.io/latest/news/releases/1.31.x/announcing-1.31.1/",
  },
];

/** How long before the end of its support a version is warned of. */
export const endWarningDays = 30;

/** Whether a day is over, or how many days are left until it is. */
export function daysUntil(day: string, now: Date): number {
  return Math.ceil((Date.parse(`${day}T23:59:59Z`) - now.getTime()) / 86_400_000);
}

/** Advisories of a version of Istio, in a cluster with some definitions. */
export function advisoriesOf(version: string, definitions: readonly string[]): Advisory[] {
  return istioAdvisories.filter(
    ({ affected, definition }) =>
      semver.satisfies(version, affected) && (definition === undefined || definitions.includes(definition)),
  );
}

/** The release to go to from a version that an advisory names: of its own line, else the newest that is named. */
export function fixedRelease(version: string, { fixed }: Advisory): string {
  return fixed.find((one) => semver.minor(one) === semver.minor(version)) ?? fixed.at(-1)!;
}

/** Why the support of a line ends, in words; undefined where it goes on, or where that is not known. */
export function endText({ endOfLife }: Pick<SupportedLine, "endOfLife">, now: Date): string | undefined {
  if (endOfLife === undefined) return undefined;
  const left = daysUntil(endOfLife, now);
  if (left > endWarningDays) return undefined;
  return left < 0 ? `has been out of support since ${endOfLife}` : `is supported until ${endOfLife}`;
}
