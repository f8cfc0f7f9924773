import assert from "node:assert/strict";
import {
  isMeshConfig,
  meshConfigType,
  meshGlobalConfig,
  servesCertificates,
  switchesOf,
  turnsIstioOn,
  usesIstioCertificates,
} from "../../../mesh/global-config";

const config = (text: unknown, type: string | undefined = meshConfigType) => ({ spec: { type, config: text } });

/*
 * EnRoute reads the text into a structure with JSON tags (saarasio/enroute, GlobalConfig of type globalconfig_globals); its CRD
 * takes any text.
 */
describe("EnRoute's GlobalConfig", () => {
  const cases: [what: string, object: { spec?: unknown }, on: boolean][] = [
    ["as a stack writes it", config(meshGlobalConfig()), true],
    ["as a structure, which a review has parsed", config({ istio_enabled: true }), true],
    ["with the switch off", config('{"istio_enabled":false}'), false],
    ["with the switch as a text", config('{"istio_enabled":"true"}'), false],
    ["with a slip", config('{"istio_enable":true}'), false],
    ["that is no JSON", config("istio_enabled: true"), false],
    ["that is a list", config('[{"istio_enabled":true}]'), false],
    ["that is null", config("null"), false],
    ["without a text", config(undefined), false],
    ["without a spec", {}, false],
    ["of another type", config('{"istio_enabled":true}', "globalconfig_global"), false],
  ];
  for (const [what, object, on] of cases)
    it(`${what} ${on ? "turns Istio's certificates on" : "does not turn them on"}`, () =>
      assert.equal(turnsIstioOn(object), on));

  it("is one of meshes by its type", () => {
    assert.ok(isMeshConfig(config("")));
    assert.ok(!isMeshConfig(config("", "globalconfig_ratelimit")) && !isMeshConfig({}));
  });

  it("has switches where its text is an object", () => {
    assert.deepEqual(switchesOf(config('{"a":1}')), { a: 1 });
    for (const text of ["[]", "1", "{", undefined, ""]) assert.equal(switchesOf(config(text)), undefined, text);
  });

  it("must be on in each that EnRoute may obey, and there must be one", () => {
    const [on, off] = [config('{"istio_enabled":true}'), config("{}")];
    assert.ok(usesIstioCertificates([on]) && usesIstioCertificates([on, on, config("{}", "other")]));
    assert.ok(!usesIstioCertificates([]) && !usesIstioCertificates([config("{}", "other")]));
    assert.ok(!usesIstioCertificates([on, off]) && !usesIstioCertificates([off]));
  });

  it("of a stack turns every other mesh off, with sorted keys", () =>
    assert.equal(
      meshGlobalConfig(),
      '{"istio_enabled":true,"linkerd_enabled":false,"linkerd_header_disabled":false,"linkerd_servicemode_disabled":false}',
    ));

  it("needs the cert-server in the gateway's pod (chart enroute, istio.enable)", () => {
    const pod = (...names: string[]) => ({ spec: { containers: names.map((name) => ({ name })) } });
    assert.ok(servesCertificates(pod("enroute", "cert-server")));
    assert.ok(!servesCertificates(pod("enroute")) && !servesCertificates({}) && !servesCertificates(undefined));
  });
});
