import { listed } from "../../base/text";
import type { GlobalConfig } from "../../cluster/kinds";
import { isMeshConfig, meshConfigName, meshConfigType, switchesOf, turnsIstioOn } from "../../mesh/global-config";
import { stackAnnotation } from "../../mesh/ownership";
import { notThere } from "../check";
import type { ClusterView } from "../view";
import { type VerifyCheck, verifyCheck } from "./define";
import { itemsOf } from "./reading";

const nameOf = ({ metadata }: GlobalConfig) => `${metadata.namespace}/${metadata.name}`;

function ofType(view: Pick<ClusterView, "globalConfigs">): GlobalConfig[] {
  return itemsOf(view.globalConfigs, "GlobalConfigs").filter(isMeshConfig);
}

const one = verifyCheck({
  id: "global-config/one",
  title: `there is exactly one GlobalConfig of type ${meshConfigType}, in the gateway's namespace`,
  needs: ["globalConfigs"],
  subject: "GlobalConfig",
  fix: "run pulumi up --refresh",
  docs: {
    meaning: "exactly one GlobalConfig of type `globalconfig_globals`, in the gateway's namespace",
    fix: "delete others; `pulumi up --refresh`",
  },
  run(view, { settings }, problem) {
    const found = ofType(view);
    const others = itemsOf(view.globalConfigs, "GlobalConfigs").filter((config) => !isMeshConfig(config));
    const home = settings.gateway.namespace.name;
    if (found.length === 0)
      problem(
        `there is none${others.length === 0 ? "" : `; others: ${listed(others.map((other) => `${nameOf(other)} of type ${other.spec?.type ?? "(none)"}`))}`}`,
      );
    if (found.length > 1) {
      const isOurs = ({ metadata }: GlobalConfig) => metadata.annotations?.[stackAnnotation] !== undefined;
      const foreign = found.filter((config) =>
        found.some(isOurs) ? !isOurs(config) : nameOf(config) !== `${home}/${meshConfigName}`,
      );
      problem(`${listed(found.map(nameOf))}: which of them EnRoute obeys is chance`, {
        fix: `delete what is not ours: ${foreign
          .map(({ metadata }) => `kubectl -n ${metadata.namespace} delete globalconfig ${metadata.name}`)
          .join("; ")}`,
      });
    }
    if (found.length === 1 && found[0]!.metadata.namespace !== home)
      problem(`${nameOf(found[0]!)} is not in the gateway's namespace ${home}`);
    return found.map(nameOf).join(", ");
  },
});

/** The switches of each GlobalConfig; undefined where the text is not a JSON object. */
function parsed(
  view: Pick<ClusterView, "globalConfigs">,
): { config: GlobalConfig; switches: Record<string, unknown> | undefined }[] {
  const found = ofType(view);
  if (found.length === 0) throw notThere(`no GlobalConfig of type ${meshConfigType}`, "global-config/one");
  return found.map((config) => ({ config, switches: switchesOf(config) }));
}

const json = verifyCheck({
  id: "global-config/json",
  title: "its text is valid JSON",
  needs: ["globalConfigs"],
  subject: "GlobalConfig",
  fix: "run pulumi up --refresh",
  docs: { meaning: "its text is a JSON object; the CRD would take any text", fix: "`pulumi up --refresh`" },
  run(view, _context, problem) {
    const all = parsed(view);
    for (const { config, switches } of all)
      if (switches === undefined) problem(`the config of ${nameOf(config)} is not a JSON object: EnRoute ignores it`);
    return all.map(({ config }) => nameOf(config)).join(", ");
  },
});

const istioEnabled = verifyCheck({
  id: "global-config/istio-enabled",
  title: "istio_enabled is true in it: EnRoute speaks TLS with Istio's certificates to workloads",
  needs: ["globalConfigs"],
  subject: "GlobalConfig",
  fix: "run pulumi up --refresh",
  docs: { meaning: "`istio_enabled` is `true` in it", fix: "`pulumi up --refresh`" },
  run(view, _context, problem) {
    const all = parsed(view);
    const readable = all.filter(({ switches }) => switches !== undefined);
    for (const { config, switches } of readable)
      if (!turnsIstioOn(config)) {
        const near = Object.keys(switches!).filter((key) => /istio/i.test(key));
        const found =
          "istio_enabled" in switches!
            ? `istio_enabled is ${JSON.stringify(switches["istio_enabled"])}`
            : `has no istio_enabled${near.length === 0 ? "" : ` (but ${near.join(", ")})`}`;
        problem(`${nameOf(config)} ${found}`);
      }
    if (readable.length < all.length) throw notThere("no text that can be read", "global-config/json");
    return `istio_enabled is true in ${readable.map(({ config }) => nameOf(config)).join(", ")}`;
  },
});

/** Whether EnRoute is told to use Istio's certificates. Its CRD takes any text, so nothing else would notice a slip. */
export const globalConfigChecks: readonly VerifyCheck[] = [one, json, istioEnabled];
