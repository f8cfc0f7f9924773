import assert from "node:assert/strict";
import { fieldsTwiceIn, inJsonSpelling, jsonSpelling, protoSpellings, readMeshConfig } from "../../../mesh/mesh-config";

describe("the two spellings of the mesh's configuration", () => {
  const fields: [given: string, expected: string][] = [
    ["discoverySelectors", "discoverySelectors"],
    ["discovery_selectors", "discoverySelectors"],
    ["enable_auto_mtls", "enableAutoMtls"],
    ["proxy_http2_port", "proxyHttp2Port"],
    // No field is spelled so: variables, labels, typing errors.
    ["ISTIO_META_DNS_CAPTURE", "ISTIO_META_DNS_CAPTURE"],
    ["_x", "_x"],
    ["x__y", "x__y"],
  ];
  for (const [given, expected] of fields) it(`are one: ${given}`, () => assert.equal(jsonSpelling(given), expected));

  const values: [what: string, value: unknown, expected: string[]][] = [
    ["nothing", undefined, []],
    ["a text", "a_b", []],
    ["the usual", { rootNamespace: "a", defaultConfig: { proxyMetadata: { A_B: "x" } } }, []],
    ["a field", { root_namespace: "a" }, ["root_namespace"]],
    ["one below", { defaultConfig: { interception_mode: "NONE" } }, ["defaultConfig.interception_mode"]],
    ["one in a list", { extensionProviders: [{ envoy_ext: {} }] }, ["extensionProviders.0.envoy_ext"]],
    ["data of a map", { defaultConfig: { proxyMetadata: { http_proxy: "x" } } }, []],
    ["data of a map in the other spelling", { a: { proxy_metadata: { http_proxy: "x" } } }, ["a.proxy_metadata"]],
    ["labels", { discoverySelectors: [{ matchLabels: { my_label: "x" } }] }, []],
  ];
  for (const [what, value, expected] of values)
    it(`are found: ${what}`, () =>
      assert.deepEqual(
        protoSpellings(value).map((path) => path.join(".")),
        expected,
      ));

  it("are read alike, and keys of maps stay", () =>
    assert.deepEqual(
      inJsonSpelling({
        default_config: { proxy_metadata: { a_b: "x" } },
        discovery_selectors: [{ match_labels: { c_d: "y" } }],
      }),
      { defaultConfig: { proxyMetadata: { a_b: "x" } }, discoverySelectors: [{ matchLabels: { c_d: "y" } }] },
    ));

  const map = (mesh: string) => ({ data: { mesh } });
  it("are read from the ConfigMap", () => {
    assert.deepEqual(readMeshConfig(map("root_namespace: a")), { rootNamespace: "a" });
    assert.deepEqual(readMeshConfig(map("")), {});
    assert.deepEqual(readMeshConfig(undefined), {});
    assert.equal(readMeshConfig(map("[")), undefined);
    assert.equal(readMeshConfig(map("text")), undefined);
  });

  it("are refused by istiod side by side", () => {
    assert.deepEqual(fieldsTwiceIn(map("root_namespace: a\nrootNamespace: a")), ["rootNamespace"]);
    assert.deepEqual(fieldsTwiceIn(map("defaultConfig: { statusPort: 1, status_port: 1 }")), ["statusPort"]);
    assert.deepEqual(fieldsTwiceIn(map("root_namespace: a")), []);
    assert.deepEqual(fieldsTwiceIn(map("[")), []);
  });
});
