import semver from "semver";

/**
 * Why Istio must not go from one version to another in one step; undefined if it may. Data planes of two neighbouring minor
 * versions work with one control plane, others are not tested (https://istio.io/latest/docs/releases/supported-releases/).
 * One step back is a roll-back, and fine.
 *
 * @param key the setting that says the version
 */
export function skippedIstioMinor(
  before: string,
  after: string,
  key = "istio.version",
): { message: string; fix: string } | undefined {
  const [from, to] = [semver.parse(before), semver.parse(after)];
  if (from === null || to === null) return undefined;
  if (from.major === to.major && Math.abs(to.minor - from.minor) <= 1) return undefined;
  const isBack = semver.lt(to, from);
  const line = ({ major, minor }: semver.SemVer) => `${major}.${minor}`;
  return {
    message: `Istio would go ${isBack ? "back " : ""}from ${before} to ${after} in one step: sidecars of ${line(from)} are not tested with a control plane of ${line(to)}.`,
    fix: `go one minor version at a time: set ${key} to a release of ${from.major}.${from.minor + (isBack ? -1 : 1)} first, and restart the workloads`,
  };
}

/**
 * How a proxy stands to the control plane that serves it: one minor version behind is supported, one ahead is not ("the data plane
 * cannot be ahead of control plane", same source), and works well enough to roll back through.
 */
export function proxySkew(proxy: string, controlPlane: string): "supported" | "ahead" | "untested" {
  const [data, control] = [semver.parse(proxy), semver.parse(controlPlane)];
  if (data === null || control === null) return "supported";
  const ahead = data.minor - control.minor;
  if (data.major !== control.major || Math.abs(ahead) > 1) return "untested";
  return ahead > 0 ? "ahead" : "supported";
}
