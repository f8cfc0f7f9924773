import { count, listed } from "../../base/text";
import type { HelmRelease } from "../../cluster/helm-releases";
import type { Named } from "../../cluster/kinds";
import { controlPlanes } from "../../mesh/control-planes";
import { enroute } from "../../mesh/enroute";
import { stackArgument } from "../../settings/commands";
import { expectedReleases } from "../../settings/expected";
import { notThere } from "../check";
import type { ClusterView } from "../view";
import { type VerifyCheck, verifyCheck } from "./define";
import { updating } from "./fixes";
import { itemsOf, valueOf } from "./reading";

const deployed = verifyCheck({
  id: "releases/deployed",
  title: "every Helm release is deployed",
  needs: ["releases"],
  subject: "Helm releases",
  fix: "run pulumi up --refresh, which makes it again",
  docs: {
    meaning: "Helm's latest revision of every release of the stack is `deployed`",
    fix: "`npm run recover -- --stack <stack> --yes`, then `pulumi up`; where it is gone, `pulumi up --refresh`",
  },
  run(view, { settings, owner }, problem) {
    const expected = expectedReleases(settings);
    for (const { name, namespace } of expected) {
      const release = itemsOf(view.releases[namespace], `releases of namespace ${namespace}`).find(
        (candidate) => candidate.name === name,
      );
      if (release === undefined)
        problem(`release ${name} is not in namespace ${namespace}`, { subject: `release ${namespace}/${name}` });
      else if (release.status !== "deployed") {
        problem(...explainRelease(release, namespace, owner));
      }
    }
    return `${count(expected.length, "release")} deployed: ${expected.map(({ name }) => name).join(", ")}`;
  },
});

/** What is wrong with a release that is not deployed, and its fix. */
export function explainRelease(
  release: HelmRelease,
  namespace: string,
  owner: string | undefined,
): [string, { subject: string; fix: string }] {
  const { name, revision, status, description } = release;
  const words = description === undefined ? "" : ` (Helm: ${description})`;
  const subject = `release ${namespace}/${name}`;
  const problem = `release ${name} in namespace ${namespace} is ${status} at revision ${revision}${words}`;
  const stack = owner === undefined ? "<stack>" : stackArgument(owner);
  const recover = `npm run recover -- --stack ${stack} --yes (where it is installed: enroute-istio recover), then pulumi up`;
  if (status === "failed")
    return [
      problem,
      {
        subject,
        fix: `pulumi up tries again; if Helm refuses to, or a refresh has made Pulumi forget the failure: ${recover}`,
      },
    ];
  return [
    `${problem}: Helm was cut off in the middle, or is at work right now`,
    { subject, fix: `if no other update is running: ${recover}` },
  ];
}

const versions = verifyCheck({
  id: "releases/versions",
  title: "the installed charts are the versions that the stack names",
  needs: ["deployments", "validatingWebhooks", "releases"],
  subject: "Helm releases",
  fix: "run pulumi up",
  docs: {
    meaning: "the label `helm.sh/chart` on what is installed is the version of the stack",
    fix: "`pulumi up`, if the stack was changed since; else `helm rollback`",
  },
  run(view, { settings }, problem) {
    // By the label that the charts put on what they install: it says what is there, not what was meant to be.
    const labelled: Record<string, () => Named | undefined> = {
      "istio-base": () =>
        itemsOf(view.validatingWebhooks, "ValidatingWebhookConfigurations").find(
          ({ metadata }) => metadata.name === "istiod-default-validator",
        ),
      ...Object.fromEntries(
        controlPlanes(settings.istio).map(({ release, istiod }) => [
          release,
          () => deployment(view, settings.istio.namespace.name, istiod),
        ]),
      ),
      [enroute.release]: () => deployment(view, settings.gateway.namespace.name, enroute.deployment),
      prometheus: () => deployment(view, settings.istio.namespace.name, "prometheus-server"),
      "kiali-server": () => deployment(view, settings.istio.namespace.name, "kiali"),
    };
    const silent: string[] = [];
    const seen = expectedReleases(settings).flatMap(({ name, namespace, chart, version }) => {
      const found = labelled[name]?.()?.metadata.labels?.["helm.sh/chart"];
      if (found === undefined) {
        silent.push(name);
        return [];
      }
      // A label holds no "+": charts write build metadata with "_".
      if (found !== `${chart}-${version}`.replaceAll("+", "_"))
        problem(`release ${name} has chart ${found} instead of ${chart}-${version}`, {
          subject: `release ${namespace}/${name}`,
          fix: updating(view, namespace, name),
        });
      return [found];
    });
    if (silent.length > 0) throw notThere(`no object with the chart's label of ${listed(silent)}`, "releases/deployed");
    return seen.join(", ");
  },
});

function deployment(view: Pick<ClusterView, "deployments">, namespace: string, name: string): Named | undefined {
  return valueOf(view.deployments[namespace], `Deployments of namespace ${namespace}`)?.find(
    ({ metadata }) => metadata.name === name,
  );
}

/** Whether Helm has deployed everything, in the versions that the stack names. */
export const releasesChecks: readonly VerifyCheck[] = [deployed, versions];
