import assert from "node:assert/strict";
import { programObjects } from "../../../policy/objects";

describe("the objects of a program", () => {
  const namespace = (type: string, name: string, labels: object, annotations?: object) => ({
    ...{ type: `kubernetes:core/v1:${type}`, name, protect: false },
    props: { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", labels, annotations } },
  });

  it("have the labels of their patches: those that they were made with are long changed", () => {
    const manager = { "pulumi.com/patchFieldManager": "pulumi-kubernetes-1" };
    const table = [
      ["Namespace", { ...manager, "enroute-istio/stack": "a/b/c" }, { "enroute-istio/stack": "a/b/c" }],
      ["NamespacePatch", manager, undefined],
    ] as const;
    for (const [type, given, expected] of table) {
      const made = namespace(type, "shop", { "istio-injection": "enabled" });
      const patch = namespace("NamespacePatch", "shop.labels", { "istio.io/rev": "1-31" }, given);
      const [{ object, resource }, ...more] = programObjects([made, patch]) as [ReturnType<typeof programObjects>[0]];
      assert.deepEqual([more, resource], [[], made]);
      assert.deepEqual([object.metadata.labels, object.metadata.annotations], [{ "istio.io/rev": "1-31" }, expected]);
    }
  });

  it("are patches by themselves where nothing of the program makes their object", () => {
    const patch = namespace("NamespacePatch", "shop", { a: "b" });
    assert.deepEqual(
      programObjects([patch]).map(({ object }) => object.metadata.labels),
      [{ a: "b" }],
    );
  });
});
