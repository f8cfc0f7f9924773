import type { Result } from "../../base/report";
import { listed } from "../../base/text";
import type { GlobalConfig } from "../../cluster/kinds";
import type { Settings } from "../../settings/schema";
import { CannotTell, judge } from "../result";
import type { ClusterView } from "../view";
import { itemsOf } from "./reading";

/** The type of GlobalConfig that holds EnRoute's switches for meshes. */
const globals = "globalconfig_globals";
const nameOf = ({ metadata }: GlobalConfig) => `${metadata.namespace}/${metadata.name}`;

/** Whether EnRoute is told to use Istio's certificates. Its CRD takes any text, so nothing else would notice a slip. */
export function checkGlobalConfig(view: ClusterView, settings: Settings): Result[] {
  return [one(view, settings), json(view), istioEnabled(view)];
}

function ofType(view: ClusterView): GlobalConfig[] {
  return itemsOf(view.globalConfigs, "GlobalConfigs").filter(({ spec }) => spec?.type === globals);
}

function one(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "global-config/one",
      title: `there is exactly one GlobalConfig of type ${globals}, in the gateway's namespace`,
      fix: "run pulumi up --refresh",
    },
    (problem) => {
      const found = ofType(view);
      const others = itemsOf(view.globalConfigs, "GlobalConfigs").filter(({ spec }) => spec?.type !== globals);
      const home = settings.gateway.namespace.name;
      if (found.length === 0)
        problem(
          `there is none${others.length === 0 ? "" : `; others: ${listed(others.map((other) => `${nameOf(other)} of type ${other.spec?.type ?? "(none)"}`))}`}`,
        );
      if (found.length > 1) {
        const foreign = found.filter((config) => nameOf(config) !== `${home}/mesh`);
        problem(
          `${listed(found.map(nameOf))}: which of them EnRoute obeys is chance`,
          `delete what is not ours: ${foreign
            .map(({ metadata }) => `kubectl -n ${metadata.namespace} delete globalconfig ${metadata.name}`)
            .join("; ")}`,
        );
      }
      if (found.length === 1 && found[0]!.metadata.namespace !== home)
        problem(`${nameOf(found[0]!)} is not in the gateway's namespace ${home}`);
      return found.map(nameOf).join(", ");
    },
  );
}

/** The switches of each GlobalConfig; undefined where the text is no JSON object. */
function parsed(view: ClusterView): { config: GlobalConfig; switches: Record<string, unknown> | undefined }[] {
  const found = ofType(view);
  if (found.length === 0) throw new CannotTell(`there is no GlobalConfig of type ${globals}`, "see global-config/one");
  return found.map((config) => {
    try {
      const value = JSON.parse(config.spec?.config ?? "") as unknown;
      const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
      return { config, switches: isObject ? (value as Record<string, unknown>) : undefined };
    } catch {
      return { config, switches: undefined };
    }
  });
}

function json(view: ClusterView): Result {
  return judge(
    {
      check: "global-config/json",
      title: "its text is valid JSON",
      fix: "run pulumi up --refresh",
    },
    (problem) => {
      const all = parsed(view);
      for (const { config, switches } of all)
        if (switches === undefined) problem(`the config of ${nameOf(config)} is no JSON object: EnRoute ignores it`);
      return all.map(({ config }) => nameOf(config)).join(", ");
    },
  );
}

function istioEnabled(view: ClusterView): Result {
  return judge(
    {
      check: "global-config/istio-enabled",
      title: "istio_enabled is true in it: EnRoute speaks TLS with Istio's certificates to workloads",
      fix: "run pulumi up --refresh",
    },
    (problem) => {
      const readable = parsed(view).filter(({ switches }) => switches !== undefined);
      for (const { config, switches } of readable)
        if (switches!["istio_enabled"] !== true) {
          const near = Object.keys(switches!).filter((key) => /istio/i.test(key));
          const found =
            "istio_enabled" in switches!
              ? `istio_enabled is ${JSON.stringify(switches["istio_enabled"])}`
              : `has no istio_enabled${near.length === 0 ? "" : ` (but ${near.join(", ")})`}`;
          problem(`${nameOf(config)} ${found}`);
        }
      if (readable.length === 0) throw new CannotTell("its text cannot be read", "see global-config/json");
      return "istio_enabled is true";
    },
  );
}
