import type { Result } from "../../base/report";
import { count } from "../../base/text";
import type { HelmRelease } from "../../cluster/helm-releases";
import { enroute } from "../../mesh/enroute";
import { expectedReleases, istiodName } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { judge } from "../result";
import type { ClusterView } from "../view";
import { itemsOf, valueOf } from "./reading";

/** Whether Helm has deployed everything, in the versions that the stack names. */
export function checkReleases(view: ClusterView, settings: Settings): Result[] {
  return [deployed(view, settings), versions(view, settings)];
}

function deployed(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "releases/deployed",
      title: "every Helm release is deployed",
      fix: "run pulumi up",
    },
    (problem) => {
      const expected = expectedReleases(settings);
      for (const { name, namespace } of expected) {
        const release = itemsOf(view.releases[namespace], `releases of namespace ${namespace}`).find(
          (candidate) => candidate.name === name,
        );
        if (release === undefined) problem(`release ${name} is not in namespace ${namespace}`);
        else if (release.status !== "deployed") {
          const { what, wayOut } = explainRelease(release, namespace);
          problem(what, wayOut);
        }
      }
      return `${count(expected.length, "release")} deployed: ${expected.map(({ name }) => name).join(", ")}`;
    },
  );
}

/** What is the matter with a release that is not deployed, and what helps. */
export function explainRelease(release: HelmRelease, namespace: string): { what: string; wayOut: string } {
  const { name, revision, status, description } = release;
  const words = description === undefined ? "" : ` (Helm: ${description})`;
  const what = `release ${name} in namespace ${namespace} is ${status} at revision ${revision}${words}`;
  const recover =
    "npm run recover -- --stack <stack> --yes (where it is installed: enroute-istio recover), then pulumi up";
  if (status === "failed")
    return {
      what,
      wayOut: `pulumi up tries again; if Helm refuses to, or a refresh has made Pulumi forget the failure: ${recover}`,
    };
  return {
    what: `${what}: Helm was cut off in the middle, or is at work right now`,
    wayOut: `if no other update is running: ${recover}`,
  };
}

function versions(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "releases/versions",
      title: "the installed charts are the versions that the stack names",
      fix: "run pulumi up",
    },
    (problem) => {
      // By the label that the charts put on what they install: it says what is there, not what was meant to be.
      const labelled: Record<string, () => Record<string, string> | undefined> = {
        "istio-base": () =>
          itemsOf(view.validatingWebhooks, "ValidatingWebhookConfigurations").find(
            ({ metadata }) => metadata.name === "istiod-default-validator",
          )?.metadata.labels,
        istiod: () => deploymentLabels(view, settings.istio.namespace.name, istiodName(settings)),
        [enroute.release]: () => deploymentLabels(view, settings.gateway.namespace.name, enroute.deployment),
        prometheus: () => deploymentLabels(view, settings.istio.namespace.name, "prometheus-server"),
        "kiali-server": () => deploymentLabels(view, settings.istio.namespace.name, "kiali"),
      };
      const seen = expectedReleases(settings).flatMap(({ name, chart, version }) => {
        const found = labelled[name]?.()?.["helm.sh/chart"];
        // What is missing altogether is another check's matter.
        if (found === undefined) return [];
        // A label holds no "+": charts write build metadata with "_".
        if (found !== `${chart}-${version}`.replaceAll("+", "_"))
          problem(`release ${name} has chart ${found} instead of ${chart}-${version}`);
        return [found];
      });
      return seen.length === 0 ? "no object carries a chart's label" : seen.join(", ");
    },
  );
}

function deploymentLabels(view: ClusterView, namespace: string, name: string): Record<string, string> | undefined {
  return valueOf(view.deployments[namespace], `Deployments of namespace ${namespace}`)?.find(
    ({ metadata }) => metadata.name === name,
  )?.metadata.labels;
}
