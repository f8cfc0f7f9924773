import type { Cluster } from "../../cluster/client";
import type { Container, Deployment, Named } from "../../cluster/kinds";
import { isRegistry, registryChart } from "../../mesh/charts";
import { controlPlanes, minorLine } from "../../mesh/control-planes";
import { enroute } from "../../mesh/enroute";
import { advisoriesOf, endText, envoyEnds, fixedRelease, istioAdvisories, istioLines } from "../../mesh/support";
import { servingEnvoy } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { itemsOf, valueOf } from "../checks/reading";
import { type PreflightCheck, preflightCheck } from "./define";
import { existing } from "./lookup";

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
      "the chosen Istio line does not support this Kubernetes: older is an error, newer than known a warning. The table is in `mesh/support.ts`, after [Istio's own](https://istio.io/latest/docs/releases/supported-releases/)",
    fix: "upgrade the cluster, or choose another `istio.version`",
  },
  run({ version: server }, { settings }, problem) {
    const version = server.gitVersion ?? `v${server.major}.${server.minor}`;
    const minor = Number.parseInt(server.minor ?? "", 10); // some clouds say "33+"
    const lines = new Set(controlPlanes(settings.istio).map((one) => minorLine(one.version)));
    const texts = [...lines].map((line) => {
      const range = istioLines[line]?.kubernetes;
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

const istio = preflightCheck({
  id: "versions/istio",
  title: "Istio is supported for a while, and has no vulnerability that is known here",
  severity: "warning",
  needs: ["definitions"],
  subject: "istio.version",
  fix: "upgrade Istio: docs/upgrades.md",
  docs: {
    meaning:
      "the support of Istio's line has ended or ends within 30 days, or the version has a published vulnerability; the table is `mesh/support.ts`, and what is not in it is not warned of",
    fix: "[upgrade](upgrades.md) to the release that is named",
  },
  run(facts, { settings, now }, problem) {
    const definitions = itemsOf(facts.definitions, "the definitions that advisories are about");
    const versions = [...new Set(controlPlanes(settings.istio).map(({ version }) => version))];
    for (const version of versions) {
      const line = minorLine(version);
      const end = endText(istioLines[line] ?? {}, now);
      if (end !== undefined) problem(`Istio ${line} ${end}`, { fix: `go to a newer one: ${upgradeCommand}` });
      for (const advisory of advisoriesOf(version, definitions))
        problem(`Istio ${version} has ${advisory.id}: ${advisory.what} (${advisory.source})`, {
          fix: upgradeCommand.replace("<version>", fixedRelease(version, advisory)),
        });
    }
    return versions
      .map((version) => `${version}, ${supportText(istioLines[minorLine(version)]?.endOfLife)}`)
      .join("; ");
  },
});

const upgradeCommand = "enroute-istio upgrade --stack <stack> --to <version>";

const supportText = (end: string | undefined) =>
  end === undefined ? "whose end of support is not known here" : `supported until ${end}`;

const envoy = preflightCheck({
  id: "versions/envoy",
  title: "the gateway's Envoy that the stack pins is supported for a while",
  severity: "warning",
  needs: ["enroute"],
  when: { text: "gateway.images.envoy.tag", holds: ({ gateway }) => gateway.images.envoy?.tag !== undefined },
  subject: "gateway.images.envoy.tag",
  fix: "pin a release of a line that is supported, such as one of https://github.com/envoyproxy/envoy/blob/main/RELEASES.md",
  docs: {
    meaning:
      "the Envoy that the stack pins for the gateway, which stands in the open, gets no security fixes any more, or for 30 days at most",
    fix: "pin a release of a [supported line](https://github.com/envoyproxy/envoy/blob/main/RELEASES.md)",
  },
  run(_, { settings, now }, problem) {
    const { name, version } = servingEnvoy(settings);
    if (version === undefined) return `${name}, whose version its tag does not say`;
    const endOfLife = envoyEnds[`${version.major}.${version.minor}`];
    const end = endText(endOfLife === undefined ? {} : { endOfLife }, now);
    if (end !== undefined) problem(`${name} ${end}: clients reach it, and it gets no more security fixes then`);
    return `${name}, ${supportText(endOfLife)}`;
  },
});

/** Of the gateway's Deployment in the cluster: what an update would change of its pods. */
function gatewayChanges(settings: Settings, containers: readonly Container[], chart: string | undefined): string[] {
  const { gateway } = settings;
  const wanted = `enroute-${gateway.version}`;
  const images = Object.entries(gateway.images).flatMap(([name, image]) => {
    const tag = image?.tag;
    const found = containers.find((container) => container.name === name)?.image;
    return tag === undefined || found === undefined || found.endsWith(`:${tag}`) ? [] : [`image ${name}: ${tag}`];
  });
  return [...(chart === undefined || chart === wanted ? [] : [`chart ${chart} becomes ${wanted}`]), ...images];
}

const gatewayReplicas = preflightCheck({
  id: "versions/gateway-restart",
  title: "a new EnRoute comes without cutting connections",
  severity: "warning",
  needs: ["enroute"],
  when: { text: "gateway.replicas: 1", holds: ({ gateway }) => gateway.replicas < 2 },
  subject: "gateway.replicas",
  fix: "set gateway.replicas to 2 or more, in an update before",
  docs: {
    meaning:
      "EnRoute's chart or an image of its pod changes, and there is one replica: connections that are open are cut when its pod goes",
    fix: "set `gateway.replicas` to 2 first",
  },
  run(facts, { settings }, problem) {
    const found = valueOf(facts.enroute, "the gateway's Deployment");
    if (found === undefined) return "there is none yet";
    const changes = gatewayChanges(
      settings,
      found.spec.template?.spec?.containers ?? [],
      found.metadata.labels?.["helm.sh/chart"],
    );
    if (changes.length > 0)
      problem(
        `the gateway has one replica, and restarts (${changes.join(", ")}): connections are cut when the old pod goes, new ones wait ${measuredGap} at most in the drill, and longer where the new pod does not become ready`,
      );
    return changes.length === 0 ? "its pod stays as it is" : "";
  },
});

/** Longest gap between two answers while one replica was replaced by its successor (npm run drill -- upgrade --replicas 1). */
const measuredGap = "0.1 s";

const gatewayDefinitions = preflightCheck({
  id: "versions/enroute-definitions",
  title: "EnRoute's definitions are of the chart that the stack names",
  severity: "warning",
  needs: ["enroute"],
  subject: "gateway.version",
  fix: "apply the definitions of the new chart before the update",
  docs: {
    meaning:
      "EnRoute's chart changes, and Helm never upgrades the definitions that it brings in `crds/`: fields that are new would be dropped",
    fix: "apply them with the command that the finding names",
  },
  run(facts, { settings: { gateway } }, problem) {
    const chart = valueOf(facts.enroute, "the gateway's Deployment")?.metadata.labels?.["helm.sh/chart"];
    if (chart === undefined) return "Helm installs them with the chart";
    const source = isRegistry(gateway.chartRepository)
      ? registryChart(gateway.chartRepository, "enroute")
      : `enroute --repo ${gateway.chartRepository}`;
    if (chart !== `enroute-${gateway.version}`)
      problem(`${chart} becomes enroute-${gateway.version}, and Helm leaves EnRoute's definitions as they are`, {
        fix: `helm show crds ${source} --version ${gateway.version} | kubectl apply --server-side --force-conflicts -f -`,
      });
    return chart;
  },
});

/** Names of the definitions in the cluster that advisories are about. */
export async function readAdvised(cluster: Cluster): Promise<string[]> {
  const names = istioAdvisories.flatMap(({ definition }) => definition ?? []);
  const found = await Promise.all(
    [...new Set(names)].map((name) =>
      existing<Named>(cluster, `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`),
    ),
  );
  return found.flatMap((one) => one?.metadata.name ?? []);
}

/** The gateway's Deployment. */
export function readGateway(cluster: Cluster, { gateway }: Settings): Promise<Deployment | undefined> {
  return existing(cluster, `/apis/apps/v1/namespaces/${gateway.namespace.name}/deployments/${enroute.deployment}`);
}

/** Whether the versions that the stack names may stay for a while, and what a new one of EnRoute asks for. */
export const versionsChecks: readonly PreflightCheck[] = [istio, envoy, gatewayReplicas, gatewayDefinitions];
