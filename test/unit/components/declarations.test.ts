import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { componentsOf } from "../../../docs/generate/components";
import { settingsNode } from "../../../docs/generate/settings";
import type { Node } from "../../../docs/generate/settings-node";
import { EncryptedIngressPackage, secretProperties } from "../../../plugin/host";
import { componentArguments } from "../../../settings/arguments";

const root = join(__dirname, "../../..");
const documented = componentsOf((path) => readFileSync(join(root, path), "utf8"));

/** Names of settings that must be secrets (or the others), wherever they stand. */
function namesIn(node: Node, isSecret: boolean): string[] {
  const { properties = {}, items, oneOf = [], anyOf = [] } = node;
  const below = [...Object.values(properties), ...(items === undefined ? [] : [items]), ...oneOf, ...anyOf];
  const own = Object.entries(properties).flatMap(([key, one]) => ((one.secret === "must") === isSecret ? key : []));
  return [...own, ...below.flatMap((one) => namesIn(one, isSecret))];
}

describe("what the components say of themselves", () => {
  for (const { name, args } of documented.filter((one) => one.name in componentArguments)) {
    it(`is the same to TypeScript and to the check of arguments: ${name}`, () => {
      if (args.length === 0) return assert.equal(name, "EncryptedIngress", "its arguments are generated");
      const { schema } = componentArguments[name as keyof typeof componentArguments];
      const { properties = {}, required = [] } = settingsNode(schema);
      assert.deepEqual(args.map((one) => one.name).sort(), Object.keys(properties).sort());
      const needed = args.filter(({ isRequired }) => isRequired).map((one) => one.name);
      assert.deepEqual(needed.sort(), [...required].sort());
    });
    it(`has a meaning for each argument: ${name}`, () => {
      assert.deepEqual(
        args.filter(({ meaning }) => meaning === "").map((one) => one.name),
        [],
      );
    });
  }
});

describe("the schema for other languages", () => {
  interface Property {
    secret?: boolean;
    description?: string;
    type?: string;
    additionalProperties?: { type: string; items?: { type: string } };
  }
  interface Type {
    description?: string;
    properties: Record<string, Property>;
    inputProperties?: Record<string, Property>;
  }
  let types: Record<string, Type>;
  let resources: Record<string, Type>;
  before(async function () {
    this.timeout(120_000);
    ({ types, resources } = JSON.parse(await new EncryptedIngressPackage(join(root, "plugin")).getSchema()) as {
      types: typeof types;
      resources: typeof resources;
    });
  });
  const resource = (name: string) => resources[`enroute-istio:index:${name}`]!;

  it("marks every secret, and nothing else", () => {
    const nodes = Object.values(componentArguments).map(({ schema }) => settingsNode(schema));
    const [secret, other] = [true, false].map((one) => [...new Set(nodes.flatMap((node) => namesIn(node, one)))]);
    assert.deepEqual(secret!.sort(), [...secretProperties].sort());
    assert.deepEqual(
      other!.filter((name) => secretProperties.includes(name)),
      [],
    );
    const all = [...Object.values(types), ...Object.values(resources)];
    for (const { properties, inputProperties = {} } of all)
      for (const [name, property] of [...Object.entries(properties ?? {}), ...Object.entries(inputProperties)])
        assert.equal(property.secret ?? false, secretProperties.includes(name), name);
    assert.equal(resource("ImagePullSecret").inputProperties!["password"]!.secret, true);
  });

  it("has the hosts of a namespace as a list, and the gateway's ports", () => {
    const { additionalProperties } = resource("ServingCertificate").inputProperties!["hostsOf"]!;
    assert.deepEqual([additionalProperties?.type, additionalProperties?.items?.type], ["array", "string"]);
    for (const name of ["EnRouteGateway", "EncryptedIngress"])
      assert.ok(
        Object.keys(resource(name).properties).some((one) => /nodePorts$/i.test(one)),
        name,
      );
  });

  it("says of each output what it is", () => {
    for (const name of ["IngressNamespaces", "IngressNodePorts", "IngressWorkloadCertificate"])
      for (const [key, { description = "" }] of Object.entries(types[`enroute-istio:index:${name}`]!.properties))
        assert.notEqual(description, "", `${name}.${key}`);
  });
});
