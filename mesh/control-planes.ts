import semver from "semver";
import { skippedIstioMinor } from "./istio-upgrade";

/*
 * The control planes of a mesh: one, or several revisions side by side, of which each has its own istiod, webhooks and configuration
 * (https://istio.io/latest/docs/setup/upgrade/canary/). Names are those of the charts `istiod` and `base`.
 */

/** Name of the revision of a control plane that has none; the chart takes it as an empty one. */
export const unrevised = "default";

/** A control plane as a stack declares it. */
export interface DeclaredRevision {
  revision: string;
  version: string;
  tag?: string | undefined;
  release?: string | undefined;
}

/** What a stack declares of its control planes: one by `version`, or several by `revisions`. */
export interface DeclaredControlPlanes {
  version?: string | undefined;
  revision?: string | undefined;
  tag?: string | undefined;
  revisions?: readonly DeclaredRevision[] | undefined;
  defaultRevision?: string | undefined;
  /** The revision that each tag points to. */
  tags?: Readonly<Record<string, string>> | undefined;
}

/** One control plane, with every name that follows from its revision. */
export interface ControlPlane {
  /** `default` where it has none. */
  revision: string;
  version: string;
  /** Tag of its images: istiod's and its sidecars'. */
  tag: string;
  /** Name of its Helm release. */
  release: string;
  /** Name of its Deployment and Service. */
  istiod: string;
  /** Name of the ConfigMap with its mesh configuration. */
  configMap: string;
  /** Name of its injector's MutatingWebhookConfiguration, in root namespace `istio-system`. */
  injector: string;
}

/** `-<revision>`; nothing where there is none. */
const suffix = (revision: string) => (revision === unrevised ? "" : `-${revision}`);

/** Name of a revision's Deployment and Service. */
export const istiodOf = (revision: string) => `istiod${suffix(revision)}`;

/** Name of a revision's Helm release, where the stack gives it no other. */
export const releaseOf = istiodOf;

/** The control planes that are declared, in the order of the stack. */
export function controlPlanes(declared: DeclaredControlPlanes): ControlPlane[] {
  const { version = "", revision = unrevised, tag, revisions } = declared;
  // The one control plane has always had this release, whatever its revision.
  const all = revisions ?? [{ revision, version, tag, release: "istiod" }];
  return all.map((one) => ({
    revision: one.revision,
    version: one.version,
    tag: one.tag ?? one.version,
    release: one.release ?? releaseOf(one.revision),
    istiod: istiodOf(one.revision),
    configMap: `istio${suffix(one.revision)}`,
    injector: `istio-sidecar-injector${suffix(one.revision)}`,
  }));
}

/**
 * The control plane that validates Istio's objects, and that namespaces follow which say nothing else: `defaultRevision`, else
 * the first.
 */
export function defaultControlPlane(declared: DeclaredControlPlanes): ControlPlane {
  const all = controlPlanes(declared);
  return all.find(({ revision }) => revision === declared.defaultRevision) ?? all[0]!;
}

/** The newest version among them: Istio's kinds, which all of them share, are of this one. */
export function newestVersion(declared: DeclaredControlPlanes): string {
  const versions = controlPlanes(declared).map(({ version }) => version);
  return versions.reduce((newest, one) => (isNewer(one, newest) ? one : newest));
}

/** What in the values of the charts differs from one control plane of a mesh to the next. */
export function chartIdentity(
  { revision, tag }: Pick<ControlPlane, "revision" | "tag">,
  validating: Pick<ControlPlane, "revision">,
): { tag: string; revision: string | undefined; defaultRevision: string } {
  return { tag, revision: revision === unrevised ? undefined : revision, defaultRevision: validating.revision };
}

/** The line of a version, such as `1.31`. */
export const minorLine = (version: string) => `${semver.major(version)}.${semver.minor(version)}`;

const isNewer = (one: string, other: string) =>
  semver.valid(one) !== null && semver.valid(other) !== null && semver.gt(one, other);

/** The revision that a label `istio.io/rev` leads to: its own, or that of a tag. Undefined where neither is declared. */
export function revisionOf(label: string, declared: DeclaredControlPlanes): string | undefined {
  const { tags = {} } = declared;
  const revision = Object.hasOwn(tags, label) ? tags[label]! : label;
  return controlPlanes(declared).some((one) => one.revision === revision) ? revision : undefined;
}

/** A problem with a key of what is declared. */
export interface DeclarationProblem {
  key: string;
  found: unknown;
  allowed: string;
}

/** Control planes and tags that cannot be together. */
export function declarationProblems(declared: DeclaredControlPlanes): DeclarationProblem[] {
  const { version, revision, tag, revisions, defaultRevision, tags = {} } = declared;
  const problems: DeclarationProblem[] = [];
  const wrong = (key: string, found: unknown, allowed: string) => problems.push({ key, found, allowed });
  if (revisions === undefined) {
    if (version === undefined) wrong("version", undefined, "missing; the exact version of Istio, such as 1.31.0");
    if (defaultRevision !== undefined)
      wrong("defaultRevision", defaultRevision, "nothing without revisions: the one control plane is the default");
  } else {
    for (const [key, found] of Object.entries({ version, revision, tag }))
      if (found !== undefined) wrong(key, found, `nothing beside revisions: each of them has its own ${key}`);
    problems.push(...revisionsProblems(revisions));
  }
  const names = controlPlanes(declared).map((one) => one.revision);
  const known = `one of ${revisions === undefined ? "the one control plane" : "revisions"} (${names.join(", ")})`;
  if (revisions !== undefined && defaultRevision !== undefined && !names.includes(defaultRevision))
    wrong("defaultRevision", defaultRevision, known);
  for (const [name, target] of Object.entries(tags)) {
    if (!names.includes(target)) wrong(`tags.${name}`, target, known);
    if (names.includes(name))
      wrong(`tags.${name}`, target, `a tag of another name than a revision: both would inject the pods of ${name}`);
  }
  return problems;
}

function revisionsProblems(revisions: readonly DeclaredRevision[]): DeclarationProblem[] {
  const problems: DeclarationProblem[] = [];
  const all = controlPlanes({ revisions });
  all.forEach(({ revision, release, version }, index) => {
    const at = `revisions[${index}]`;
    const earlier = all.slice(0, index);
    if (earlier.some((one) => one.revision === revision))
      problems.push({ key: `${at}.revision`, found: revision, allowed: "each revision once" });
    else if (earlier.some((one) => one.release === release))
      problems.push({
        key: `${at}.release`,
        found: revisions[index]!.release,
        allowed: `each Helm release once; ${release} is revision ${earlier.find((one) => one.release === release)!.revision}'s`,
      });
    const far = earlier.find((one) => skippedIstioMinor(one.version, version) !== undefined);
    if (far !== undefined)
      problems.push({
        key: `${at}.version`,
        found: version,
        allowed: `a release of the minor version of revision ${far.revision} (${far.version}), or of one next to it: others are not tested side by side`,
      });
  });
  return problems;
}
