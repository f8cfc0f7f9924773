import { type Tree, asList, at, isTree, parsedJson } from "../base/tree";
import type { MeshObject } from "./object";

/*
 * EnRoute's switches for meshes. They stand in a text of JSON, which EnRoute's CRD takes unread: a slip is noticed by nobody.
 */

/** The type of GlobalConfig that holds them. */
export const meshConfigType = "globalconfig_globals";

/** Name of the GlobalConfig of a stack, in the gateway's namespace. */
export const meshConfigName = "mesh";

/** The text that makes EnRoute use Istio's certificates. By the JSON library, sorted: the same settings give the same text. */
export function meshGlobalConfig(): string {
  return JSON.stringify({
    istio_enabled: true,
    linkerd_enabled: false,
    linkerd_header_disabled: false,
    linkerd_servicemode_disabled: false,
  });
}

type GlobalConfigObject = Pick<MeshObject, "spec">;

export function isMeshConfig(config: GlobalConfigObject): boolean {
  return at(config.spec, "type") === meshConfigType;
}

/** The switches of a GlobalConfig; undefined where its text is not a JSON object, and EnRoute ignores it. */
export function switchesOf({ spec }: GlobalConfigObject): Tree | undefined {
  const config = at(spec, "config");
  // A review has parsed it already.
  const switches = isTree(config) ? config : parsedJson(config);
  return isTree(switches) ? switches : undefined;
}

/** Whether a GlobalConfig makes EnRoute speak TLS with Istio's certificates to workloads. */
export function turnsIstioOn(config: GlobalConfigObject): boolean {
  return isMeshConfig(config) && switchesOf(config)?.["istio_enabled"] === true;
}

/** Whether EnRoute uses Istio's certificates. Which of several configs it obeys is chance, so each of them has to say so. */
export function usesIstioCertificates(configs: readonly GlobalConfigObject[]): boolean {
  const switches = configs.filter(isMeshConfig);
  return switches.length > 0 && switches.every(turnsIstioOn);
}

/** Container of the gateway's pod that hands it Istio's certificates; the chart adds it with `istio.enable`. */
export const certificateServer = "cert-server";

/** Whether a pod template of the gateway has that container. */
export function servesCertificates(template: { spec?: unknown } | undefined): boolean {
  return asList(at(template?.spec, "containers")).some((container) => at(container, "name") === certificateServer);
}
