import semver from "semver";
import type { Finding } from "../../base/finding";

/**
 * Kubernetes versions (the minor of 1.x) that each Istio line supports.
 * Source: https://istio.io/latest/docs/releases/supported-releases/ (May 2026). Its row for 1.31 was not published then; taken
 * is its row for the development branch that became 1.31, which agrees with the least version that `istioctl` 1.31 accepts.
 */
const supported: Record<string, { least: number; most: number }> = {
  "1.28": { least: 30, most: 34 },
  "1.29": { least: 31, most: 35 },
  "1.30": { least: 32, most: 36 },
  "1.31": { least: 32, most: 36 },
};

/** Whether the API server's version is one that the stack's Istio supports. */
export function versionFindings(
  istioVersion: string,
  server: { major?: string; minor?: string; gitVersion?: string },
): Finding[] {
  const line = `${semver.major(istioVersion)}.${semver.minor(istioVersion)}`;
  const range = supported[line];
  const version = server.gitVersion ?? `v${server.major}.${server.minor}`;
  const minor = Number.parseInt(server.minor ?? "", 10); // some clouds say "33+"
  const finding = (severity: Finding["severity"], problem: string, fix: string): Finding[] => [
    { check: "cluster/version", severity, problem, fix },
  ];
  if (range === undefined)
    return finding(
      "warning",
      `which Kubernetes versions Istio ${line} supports is not known here`,
      "look at https://istio.io/latest/docs/releases/supported-releases/ whether it supports Kubernetes " + version,
    );
  const text = `Istio ${line} supports Kubernetes 1.${range.least} to 1.${range.most}`;
  if (server.major === "1" && minor < range.least)
    return finding(
      "error",
      `the cluster runs Kubernetes ${version}; ${text}`,
      "upgrade the cluster, or choose an older istio.version that supports it",
    );
  if (server.major !== "1" || !(minor <= range.most))
    return finding(
      "warning",
      `the cluster runs Kubernetes ${version}; ${text}`,
      "try it on a test cluster first, or choose a newer istio.version",
    );
  return [];
}
