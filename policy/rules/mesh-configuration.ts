import { asTree, at } from "../../base/tree";
import { discoverySelectorsOf, isDiscovered, selectorByName, undiscovered } from "../../mesh/discovery";
import { isInjected } from "../../mesh/injection";
import { inJsonSpelling, readMeshConfig } from "../../mesh/mesh-config";
import { readByIstiod } from "../../mesh/istio-values";
import { pathText } from "../../base/encrypted";
import { plainTextOwned } from "../../mesh/owned-istio";
import { ownerLabel, ownerValue } from "../../mesh/ownership";
import { type Finding, type PolicyObject, type Rule, isRelease } from "../rule";

/** Rules about what the mesh is configured to: nothing of it takes back what the policies demand. */
export const meshConfigurationRules: Rule[] = [
  {
    name: "mesh-discovery",
    description: "Istiod looks at every namespace of the mesh: policies count in no other.",
    level: "mandatory",
    scope: "stack",
    find: (objects) =>
      objects.flatMap((object): Finding[] => {
        const root = object.metadata.namespace;
        const selectors = discoverySelectorsOf(configurationOf(object));
        if (selectors === undefined || root === undefined) return [];
        return membersOf(objects, root).flatMap((member): Finding[] =>
          isDiscovered(selectors, member, member.isWhole) !== false
            ? []
            : [
                {
                  object,
                  message: `none of its discoverySelectors matches namespace ${member.name}: ${undiscovered}.`,
                  fix: `add ${selectorByName(member.name)} to istio.meshConfig.discoverySelectors, or a label that one of them asks for to the namespace`,
                },
              ],
        );
      }),
  },
  {
    name: "mesh-capture",
    description: "No setting of the whole mesh lets plain text past the sidecars.",
    level: "mandatory",
    scope: "object",
    find: (objects) =>
      objects
        .filter((object) => isRelease(object, "istiod"))
        .flatMap((release) => {
          const given = readByIstiod(asTree(release["values"]));
          const values = { ...given, meshConfig: inJsonSpelling(given["meshConfig"]) };
          return plainTextOwned
            .filter(({ path, allows }) => allows?.(at(values, ...path), values) === false)
            .map(({ path, why }): Finding => ({
              object: release,
              message: `values.${pathText(path)} is ${JSON.stringify(at(values, ...path))}: ${why[0]!.toLowerCase()}${why.slice(1)}`,
              fix: "leave it out; what has to take plain text is declared in mutualTls.exceptions of the stack",
            }));
        }),
  },
];

/** The mesh configuration in an object: in the values of istiod's release, or in the ConfigMap that its chart makes. */
function configurationOf(object: PolicyObject): unknown {
  if (isRelease(object, "istiod")) return inJsonSpelling(readByIstiod(asTree(object["values"]))["meshConfig"]);
  const isOurs = object.kind === "ConfigMap" && /^istio(-|$)/.test(object.metadata.name);
  const text = at(object, "data", "mesh");
  return isOurs && typeof text === "string" ? readMeshConfig({ data: { mesh: text } }) : undefined;
}

/** Namespaces of a mesh, with what is known of their labels: one that the stack does not make has others, too. */
function membersOf(objects: readonly PolicyObject[], root: string) {
  const namespaces = objects.filter(({ kind }) => kind === "Namespace");
  const gateways = objects.filter((object) => isRelease(object, "enroute")).map(({ metadata }) => metadata.namespace);
  const hosts = objects.filter(({ kind }) => kind === "GatewayHost").map(({ metadata }) => metadata.namespace);
  const injected = namespaces.filter(isInjected).map(({ metadata }) => metadata.name);
  const names = [...new Set([root, ...gateways, ...hosts, ...injected])].filter((name) => name !== undefined);
  return names.map((name) => {
    const labels = namespaces.find(({ metadata }) => metadata.name === name)?.metadata.labels ?? {};
    return { name, labels, isWhole: labels[ownerLabel] === ownerValue };
  });
}
