import { controlPlanes, minorLine } from "../../mesh/control-planes";
import { preflightCheck } from "./define";

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

/** What the API server says of itself. */
export interface ServerVersion {
  major?: string;
  minor?: string;
  gitVersion?: string;
}

/** Whether the stack's Istio supports the API server's version. */
export const versionCheck = preflightCheck({
  id: "cluster/version",
  title: "the stack's Istio supports this Kubernetes",
  needs: ["version"],
  subject: "Kubernetes",
  fix: "upgrade the cluster, or choose an older istio.version that supports it",
  docs: {
    meaning:
      "the chosen Istio line does not support this Kubernetes: older is an error, newer than known a warning. The table is in `verify/preflight/versions.ts`, after [Istio's own](https://istio.io/latest/docs/releases/supported-releases/)",
    fix: "upgrade the cluster, or choose another `istio.version`",
  },
  run({ version: server }, { settings }, problem) {
    const version = server.gitVersion ?? `v${server.major}.${server.minor}`;
    const minor = Number.parseInt(server.minor ?? "", 10); // some clouds say "33+"
    const lines = new Set(controlPlanes(settings.istio).map((one) => minorLine(one.version)));
    const texts = [...lines].map((line) => {
      const range = supported[line];
      if (range === undefined) {
        problem(`which Kubernetes versions Istio ${line} supports is not known here`, {
          severity: "warning",
          fix: `see https://istio.io/latest/docs/releases/supported-releases/ whether it supports Kubernetes ${version}`,
        });
        return "";
      }
      const text = `Istio ${line} supports Kubernetes 1.${range.least} to 1.${range.most}`;
      if (server.major === "1" && minor < range.least) problem(`the cluster runs Kubernetes ${version}; ${text}`);
      else if (server.major !== "1" || !(minor <= range.most))
        problem(`the cluster runs Kubernetes ${version}; ${text}`, {
          severity: "warning",
          fix: "try it on a test cluster first, or choose a newer istio.version",
        });
      return text;
    });
    return [version, ...texts].join("; ");
  },
});
