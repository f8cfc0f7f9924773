import { durationSeconds } from "../base/duration";
import { pathText } from "../base/encrypted";
import { at } from "../base/tree";
import { controlPlanes, unrevised } from "../mesh/control-planes";
import { discoverySelectorsOf, isDiscovered, selectorByName, undiscovered } from "../mesh/discovery";
import { ttlProblem } from "../mesh/enroute";
import { exceptionProblems } from "../mesh/mutual-tls-policies";
import { type Override, type Path, allowedText, hiddenBranches, leafByLeaf, overridesOf } from "../mesh/overrides";
import { nearest } from "./builders";
import { type ChartValues, chartValues, effectiveMeshConfig } from "./effective";
import { type Problem, oncePerKey, problem, publicProblem } from "./error";
import { maxTtl, meshWideTtl, wantedNamespaces, workloadTtl } from "./expected";
import { withSecrets } from "./marks";
import type { Settings } from "./schema";

/* Settings that say one thing in two ways: where the two differ, one of them would be false in outputs, policies and verify. */

/** What a stack adds to the values of a chart, and a setting, or the rollout itself, decides. */
export function overrideProblems(settings: Settings): Problem[] {
  const found = overridesIn(settings).map(({ said, override }) =>
    publicProblem(pathText(said), at(settings, ...said), allowedText(override)),
  );
  // The components compare what they know: a secret is something else than what is decided, whatever is in it.
  const encrypted = overridesIn(withSecrets(settings, () => new Sealed())).map(({ said, override: { owned } }) =>
    problem(
      pathText(said),
      undefined,
      `a value that is not encrypted: ${owned.key ?? "the rollout"} decides it, so it is no secret. Set it without --secret, or leave it out. ${owned.why}`,
    ),
  );
  const branches = chartValues(settings).flatMap(({ section, settled, effective, saidAt }) =>
    hiddenBranches(settled, effective).map((path) =>
      publicProblem(pathText(saidAt(path) ?? [section, "values", ...path]), "an Output", leafByLeaf),
    ),
  );
  // A branch that is taken away as a whole is one slip, however much was in it.
  return oncePerKey([...branches, ...found, ...encrypted]);
}

/** Stands for a secret, of which a component knows nothing. */
class Sealed {}

/** Where the values of a stack's charts say something else than what is owned, and as which keys of the settings. */
export function overridesIn(settings: Settings): { override: Override; said: Path }[] {
  return chartValues(settings).flatMap(({ section, settled, effective, owned, saidAt }) =>
    overridesOf(settled, effective, owned).map((override) => ({
      override,
      said: saidAt(override.path) ?? [section, "values", ...override.path],
    })),
  );
}

/** Namespaces, and Helm values, that name a control plane which the stack does not have. */
export function revisionProblems(settings: Settings): Problem[] {
  const { istio } = settings;
  const tagged = istioValues(settings).saidAt(["revisionTags"]);
  const problems =
    tagged === undefined || (istio.revisions === undefined && istio.tags === undefined)
      ? []
      : [
          problem(
            pathText(tagged),
            undefined,
            "nothing beside istio.revisions or istio.tags: set istio.tags instead. A tag of two Helm releases could not move without a gap",
          ),
        ];
  if (istio.revisions === undefined) return problems;
  const known = [...controlPlanes(istio).map(({ revision }) => revision), ...Object.keys(istio.tags ?? {})];
  const followers = [
    { key: "gateway.namespace", ...settings.gateway.namespace },
    ...settings.namespaces.map((namespace, index) => ({ key: `namespaces[${index}]`, ...namespace })),
  ];
  for (const { key, injection } of followers) {
    if (injection === undefined) continue;
    const asked = injection === "enabled" ? unrevised : injection.revision;
    if (known.includes(asked)) continue;
    const guess = nearest(asked, known);
    problems.push(
      problem(
        `${key}.injection`,
        injection,
        `a revision of istio.revisions or a tag of istio.tags (${known.join(", ")})${guess === undefined ? "" : `; did you mean ${guess}?`} No other injects, so that its pods would start without a sidecar`,
      ),
    );
  }
  return problems;
}

/** Where istiod would look at less than the mesh. Of namespaces whose labels others set, preflight decides. */
export function discoveryProblems(settings: Settings): Problem[] {
  const path = ["meshConfig", "discoverySelectors"];
  const key = istioValues(settings).saidAt(path);
  if (key === undefined) return [];
  const found = effectiveMeshConfig(settings)["discoverySelectors"];
  if (found !== undefined && discoverySelectorsOf({ discoverySelectors: found }) === undefined)
    return [publicProblem(pathText(key), found, "a list of label selectors { matchLabels?, matchExpressions? }")];
  const missed = wantedNamespaces(settings).filter(
    ({ name, labels, create }) =>
      isDiscovered(discoverySelectorsOf({ discoverySelectors: found }), { name, labels }, create === true) === false,
  );
  if (missed.length === 0) return [];
  const names = missed.map(({ name }) => name);
  const where = missed.map((one) => `${one.key}.labels`).join(", ");
  return [
    publicProblem(
      pathText(key),
      found,
      `selectors that match every namespace of the mesh, and none matches ${names.join(", ")}: ${undiscovered}. Add ${selectorByName(...names)}, or a label that one of them asks for to ${where}`,
    ),
  ];
}

function istioValues(settings: Settings): ChartValues {
  return chartValues(settings).find(({ section }) => section === "istio")!;
}

/** Lives of workload certificates that istiod would not sign. */
export function workloadTtlProblems(settings: Settings): Problem[] {
  const own = settings.gateway.workloadCertificate?.ttl;
  const everywhere = meshWideTtl(settings);
  const max = maxTtl(settings);
  const values = istioValues(settings);
  const problems: Problem[] = [];
  if (own !== undefined) {
    const why = ttlProblem(own, max);
    if (why !== undefined) problems.push(problem("gateway.workloadCertificate.ttl", own, why));
  }
  const seconds = (text: string) => durationSeconds(text) ?? Infinity;
  const variable = values.saidAt(["env", "MAX_WORKLOAD_CERT_TTL"]);
  if (variable !== undefined && durationSeconds(max) === undefined)
    problems.push(publicProblem(pathText(variable), max, "a duration of hours, minutes and seconds such as 2160h"));
  else if (everywhere !== undefined && seconds(everywhere) > seconds(max))
    problems.push(
      publicProblem(
        pathText(values.saidAt(["meshConfig", "defaultConfig", "proxyMetadata", "SECRET_TTL"])!),
        everywhere,
        `a duration of at most ${max}, the most that istiod signs (MAX_WORKLOAD_CERT_TTL)`,
      ),
    );
  else if (
    everywhere === undefined &&
    variable !== undefined &&
    seconds(workloadTtl(settings)) > seconds(max) &&
    own === undefined
  )
    problems.push(
      publicProblem(
        pathText(variable),
        max,
        `${workloadTtl(settings)} or more, the life that proxies ask for, or a shorter one in istio.meshConfig.defaultConfig.proxyMetadata.SECRET_TTL: istiod refuses longer ones`,
      ),
    );
  return problems;
}

/** Exceptions from STRICT that Istio would ignore, or that are for a place without sidecars. */
export function mutualTlsProblems(settings: Settings): Problem[] {
  const { exceptions } = settings.mutualTls;
  const root = settings.istio.namespace.name;
  const members = [settings.gateway.namespace, ...settings.namespaces].map(({ name }) => name);
  const strangers = exceptions.flatMap(({ namespace }, index) => {
    if (members.includes(namespace) || namespace === root) return [];
    const guess = nearest(namespace, members);
    const hint = guess === undefined ? "" : `; did you mean ${guess}?`;
    return [
      problem(
        `mutualTls.exceptions[${index}].namespace`,
        namespace,
        `a namespace of the mesh (${members.join(", ")})${hint} Elsewhere no pod has a sidecar, and plain text is taken anyway`,
      ),
    ];
  });
  const ignored = exceptionProblems(exceptions, root).map(({ index, problem: why }) =>
    problem(`mutualTls.exceptions[${index}]`, exceptions[index], why),
  );
  const closed = settings.namespaces.filter(({ onlyFromGateway }) => onlyFromGateway === true).map(({ name }) => name);
  const nameless = exceptions.flatMap(({ namespace }, index) =>
    closed.includes(namespace)
      ? [
          problem(
            `mutualTls.exceptions[${index}].namespace`,
            namespace,
            "a namespace without onlyFromGateway: a request in plain text has no identity, and would get 403 there",
          ),
        ]
      : [],
  );
  return [...strangers, ...ignored, ...nameless];
}
