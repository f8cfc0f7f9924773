import semver from "semver";

/**
 * Why Istio must not go from one version to another in one step; undefined if it may. Data planes of two neighbouring minor
 * versions work with one control plane, others are not tested (https://istio.io/latest/docs/releases/supported-releases/).
 */
export function skippedIstioMinor(before: string, after: string): { message: string; fix: string } | undefined {
  const [from, to] = [semver.parse(before), semver.parse(after)];
  if (from === null || to === null) return undefined;
  const stays = from.major === to.major;
  if (stays && to.minor >= from.minor && to.minor <= from.minor + 1) return undefined;
  if (semver.lt(to, from))
    return {
      message: `Istio would go back from ${before} to ${after}: its objects may be of a kind that the older one does not know.`,
      fix: `keep istio.version at ${before} or above; a patch release of ${from.major}.${from.minor} is fine`,
    };
  const next = `${from.major}.${from.minor + 1}`;
  return {
    message: `Istio would go from ${before} to ${after} in one step: sidecars of ${from.major}.${from.minor} are not tested with a control plane of ${to.major}.${to.minor}.`,
    fix: `upgrade one minor version at a time: set istio.version to a release of ${next} first, and restart the workloads`,
  };
}
