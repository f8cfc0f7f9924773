// helm.sh/v3:Release: Helm installs, upgrades and removes it; the provider keeps what the engine must know.

import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { Secret, unknown as notKnown, type Properties } from "../../wire";
import type { Cluster } from "../cluster";
import type { Difference } from "../compare";
import { changes, pruneMap } from "../diff";
import { InitFailedError, messageOf } from "../errors";
import { suffix } from "../naming";
import { unreachableRead, type Found, type Operation } from "../operation";
import { formatPath } from "../paths";
import { markSecrets } from "../secretness";
import { readState, type State } from "../state";
import { bareMap, containsUnknown, isMap, mapAt, numberAt, textAt, without, type Tree, type TreeMap } from "../tree";
import { Charts } from "./charts";
import type { Helm, HelmCall } from "./cli";
import * as from from "./inputs";
import { definitions, resourceNames } from "./manifest";

/** The resource type that this file is about. */
export const releaseType = "kubernetes:helm.sh/v3:Release";

/** A chart that cannot be used, as a check's failure. */
export class ChartError extends Error {}

/** The releases of a run. */
export class Releases {
  private readonly charts: Charts;

  constructor(
    private readonly cluster: Cluster,
    private readonly helm: Helm,
  ) {
    this.charts = new Charts(helm);
  }

  /** Completes the inputs; loads the chart, even for a preview. @throws ChartError if there is no such chart */
  async check(resourceName: string, news: Properties, olds: Properties): Promise<Properties> {
    const declared = bareMap(news);
    if ((declared["name"] ?? "") === "") {
      declared["name"] = textAt(bareMap(olds), "name") || `${resourceName}-${suffix()}`;
    }
    const isKnown = !containsUnknown(declared);
    const files = isKnown ? from.valueFiles(declared).map(readValues) : [];
    const inputs = from.completed(declared, files, this.cluster.defaultNamespace());
    if (isKnown) {
      try {
        const chart = await this.charts.locate(from.chartSource(inputs));
        inputs["version"] = chart.version;
      } catch (error) {
        throw new ChartError(`${messageOf(error)}; check the chart name and repository configuration.`);
      }
      this.cluster.learnKindsLater(() => this.definitions(inputs));
    }
    return markSecrets(inputs, news);
  }

  /** Compares a release as it was last seen with new inputs. */
  compare(old: State, news: TreeMap, ignoreChanges: readonly string[]): Difference {
    const oldInputs = without(old.inputs, "checksum", "resourceNames", "status");
    const inputs = from.withIgnoredVersion(news, old.live, ignoreChanges);
    const found = changes(pruneMap(old.live, oldInputs), inputs, oldInputs);
    const detailed = found.map(({ path, kind }) => ({
      path: formatPath(path),
      kind,
      replaces: path[0] === "name" || path[0] === "namespace",
    }));
    return { detailed, deleteBeforeReplace: false, diffs: [...new Set(found.map(({ path }) => String(path[0])))] };
  }

  /** Installs a release. The answer to a preview has no id. */
  async create(operation: Operation, news: Properties): Promise<{ id: string; state: Properties }> {
    if (operation.preview) return { id: "", state: previewState(news) };
    const inputs = bareMap(news);
    const { namespace, name } = from.placeOf(inputs);
    const id = `${namespace}/${name}`;
    try {
      const release = await this.deploy("install", inputs, from.installFlags(inputs));
      return { id, state: releaseState(news, release) };
    } catch (error) {
      const text = messageOf(error);
      const left = text.includes("cannot re-use a name") ? undefined : await this.status(inputs).catch(() => undefined);
      if (left === undefined) throw error;
      const message = `Helm release "${id}" was created, but failed to initialize completely. Use Helm CLI to investigate: failed to become available within allocated timeout. Error: Helm Release ${id}: ${text}`;
      throw new InitFailedError(message, { id, state: releaseState(news, left), reasons: [] });
    }
  }

  /** Upgrades a release and returns its new state. */
  async update(operation: Operation, id: string, old: State, news: Properties): Promise<Properties> {
    if (operation.preview) return previewState(news);
    // A release stays in its namespace.
    const inputs = { ...bareMap(news), ...from.placeOf(old.live) };
    try {
      return releaseState(news, await this.deploy("upgrade", inputs, from.upgradeFlags(inputs)));
    } catch (error) {
      const left = await this.status(inputs).catch(() => undefined);
      // Without a new revision Helm has not begun: nothing is deployed yet, or another operation is in progress.
      const before = numberAt(old.live, "status", "revision") ?? 0;
      if (left === undefined || (numberAt(left, "version") ?? 0) <= before) throw error;
      const message = `Helm release "${id}" failed to initialize completely. Use Helm CLI to investigate: failed to become available within allocated timeout. Error: Helm Release ${id}: ${messageOf(error)}`;
      throw new InitFailedError(message, { id, state: releaseState(news, left), reasons: [] });
    }
  }

  /** Reads a release: to import it, or to see what has become of it. */
  async read(id: string, properties: Properties, engineInputs: Properties): Promise<Found> {
    const old = readState(properties, engineInputs);
    const isImport = Object.keys(properties).length === 0;
    const [idNamespace = "", idName = ""] = id.includes("/") ? id.split("/") : ["", id];
    const place = isImport ? { namespace: idNamespace, name: idName } : from.placeOf(old.live);
    let release: TreeMap | undefined;
    try {
      release = await this.status(place);
    } catch (error) {
      return unreachableRead(this.cluster.settings, error, { id, state: properties, inputs: engineInputs });
    }
    if (release === undefined) return { id: "", state: {}, inputs: {} };
    const live = { values: mapAt(release, "config"), version: textAt(release, "chart", "metadata", "version") };
    if (isImport) {
      const declared = { ...place, ...live, chart: textAt(release, "chart", "metadata", "name") };
      const inputs = from.completed(declared, [], place.namespace);
      return { id, state: releaseState(inputs, release), inputs };
    }
    const shown = { ...old.live, ...live };
    const state = {
      ...releaseState(markSecrets(shown, old.markedInputs), release),
      __inputs: new Secret(old.markedInputs),
    };
    return { id, state, inputs: old.markedInputs };
  }

  /** Uninstalls a release. @throws HelmError also if it has gone already */
  async delete(old: State): Promise<void> {
    const { namespace, name } = from.placeOf(old.live);
    await this.helm.run({
      args: ["uninstall", name, ...from.uninstallFlags(old.live)],
      cluster: { target: (await this.cluster.reach()).target, namespace },
    });
  }

  private async deploy(command: "install" | "upgrade", inputs: TreeMap, flags: string[]): Promise<TreeMap> {
    const { namespace, name } = from.placeOf(inputs);
    const { target } = await this.cluster.reach();
    const { path } = await this.charts.locate(from.chartSource(inputs));
    const printed = await this.helm.run({
      args: [command, name, path, ...flags, "--values", "-", "--output", "json"],
      input: JSON.stringify(inputs["values"] ?? {}),
      cluster: { target, namespace },
    });
    return parseRelease(printed);
  }

  // The release with its chart's metadata; undefined if there is none.
  private async status(inputs: TreeMap): Promise<TreeMap | undefined> {
    const { namespace, name } = from.placeOf(inputs);
    const { target } = await this.cluster.reach();
    const call = (args: string[]): HelmCall => ({
      args: [...args, "--output", "json"],
      cluster: { target, namespace },
    });
    try {
      const [status, metadata] = await Promise.all([
        this.helm.look(call(["status", name])),
        this.helm.look(call(["get", "metadata", name])),
      ]);
      const about = JSON.parse(metadata) as Tree;
      const chart = {
        name: textAt(about, "chart"),
        version: textAt(about, "version"),
        appVersion: textAt(about, "appVersion"),
      };
      return { ...parseRelease(status), chart: { metadata: chart } };
    } catch (error) {
      if (messageOf(error).includes("release: not found")) return undefined;
      throw error;
    }
  }

  private async definitions(inputs: TreeMap): Promise<Tree[]> {
    const { namespace, name } = from.placeOf(inputs);
    const crds = inputs["skipCrds"] === true ? "--skip-crds" : "--include-crds";
    try {
      const { path } = await this.charts.locate(from.chartSource(inputs));
      const args = [
        "template",
        name,
        path,
        "--namespace",
        namespace,
        crds,
        ...(await this.kubeVersion()),
        "--values",
        "-",
      ];
      return definitions(await this.helm.run({ args, input: JSON.stringify(inputs["values"] ?? {}) }));
    } catch {
      // Only a help for previews: installing the chart reports its errors.
      return [];
    }
  }

  // A chart may refuse versions of Kubernetes.
  private async kubeVersion(): Promise<string[]> {
    const client = await this.cluster.ifReachable();
    const version =
      client === undefined ? "" : textAt(await client.request({ method: "GET", path: "/version" }), "gitVersion");
    return version === "" ? [] : ["--kube-version", version];
  }
}

function readValues(file: { text: string } | { path: string }): Tree {
  return (parse("text" in file ? file.text : readFileSync(file.path, "utf8")) ?? {}) as Tree;
}

function parseRelease(printed: string): TreeMap {
  // A cancelled or deprecated chart's messages come before the JSON.
  const release = JSON.parse(printed.slice(Math.max(printed.indexOf("{"), 0))) as Tree;
  if (!isMap(release)) throw new Error("Helm printed no release");
  return release;
}

function previewState(inputs: Properties): Properties {
  return { ...inputs, __inputs: new Secret(inputs), resourceNames: notKnown, status: notKnown };
}

function releaseState(inputs: Properties, release: TreeMap): Properties {
  return {
    ...inputs,
    __inputs: new Secret(inputs),
    resourceNames: resourceNames(textAt(release, "manifest")),
    status: statusOf(release),
  };
}

/** What a release's outputs say about it. */
function statusOf(release: TreeMap): TreeMap {
  return {
    status: textAt(release, "info", "status"),
    name: textAt(release, "name"),
    namespace: textAt(release, "namespace"),
    revision: numberAt(release, "version") ?? 0,
    chart: textAt(release, "chart", "metadata", "name"),
    version: textAt(release, "chart", "metadata", "version"),
    appVersion: textAt(release, "chart", "metadata", "appVersion"),
  };
}
