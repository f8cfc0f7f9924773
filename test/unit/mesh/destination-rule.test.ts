import assert from "node:assert/strict";
import { clientTlsProblems, hostOf, targetOf } from "../../../mesh/destination-rule";

const rule = (host: string | undefined, spec: object = {}, namespace: string | undefined = "shop") => ({
  metadata: { name: "r", ...(namespace === undefined ? {} : { namespace }) },
  spec: { ...(host === undefined ? {} : { host }), ...spec },
});
const tls = (settings: object) => ({ trafficPolicy: { tls: settings } });

describe("a DestinationRule", () => {
  // https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings-TLSmode
  const modes: [what: string, settings: object, expected: string[]][] = [
    ["DISABLE sends plain text", { mode: "DISABLE" }, ["mode is DISABLE: without TLS, 2"]],
    ["SIMPLE presents no certificate", { mode: "SIMPLE" }, ["mode is SIMPLE: without a certificate of the client, 1"]],
    ["MUTUAL brings its own certificates", { mode: "MUTUAL", clientCertificate: "/c.pem" }, []],
    ["ISTIO_MUTUAL is the mesh's own", { mode: "ISTIO_MUTUAL" }, []],
    ["no mode leaves it to the sidecar", {}, []],
    [
      "insecureSkipVerify trusts anybody",
      { mode: "MUTUAL", insecureSkipVerify: true },
      ["insecureSkipVerify is true: to whoever answers, unchecked, 1"],
    ],
    [
      "with SIMPLE that is the worse half",
      { mode: "SIMPLE", insecureSkipVerify: true },
      ["insecureSkipVerify is true: to whoever answers, unchecked, 1"],
    ],
    [
      "with DISABLE nothing is checked anyway",
      { mode: "DISABLE", insecureSkipVerify: true },
      ["mode is DISABLE: without TLS, 2"],
    ],
    ["insecureSkipVerify may be off", { mode: "MUTUAL", insecureSkipVerify: false }, []],
  ];
  for (const [what, settings, expected] of modes)
    it(`${what} (ClientTLSSettings.TLSmode)`, () =>
      assert.deepEqual(
        clientTlsProblems(rule("api", tls(settings))).map(
          ({ setting, effect, weakness }) => `${setting}: ${effect}, ${weakness}`,
        ),
        expected,
      ));

  it("is asked at every place where TLS is set: for all traffic, for a port, for a subset", () => {
    const disable = { mode: "DISABLE" };
    const portLevelSettings = [{ tls: {} }, { port: { number: 80 }, tls: disable }];
    const spec = {
      trafficPolicy: { tls: disable, portLevelSettings },
      subsets: [{ name: "v1", trafficPolicy: { tls: disable } }, { trafficPolicy: { portLevelSettings } }],
    };
    assert.deepEqual(
      clientTlsProblems(rule("api", spec)).map(({ path, where }) => `${path} = ${where}`),
      [
        "spec.trafficPolicy.tls = all traffic",
        "spec.trafficPolicy.portLevelSettings[1].tls = all traffic, port 80",
        "spec.subsets[0].trafficPolicy.tls = subset v1",
        "spec.subsets[1].trafficPolicy.portLevelSettings[1].tls = subset 1, port 80",
      ],
    );
  });

  // ResolveShortnameToFQDN in istio/istio, pilot/pkg/model/config.go
  const hosts: [host: string, expected: { namespace?: string } | undefined, why: string][] = [
    ["api", { namespace: "shop" }, "a short name is of the rule's namespace"],
    ["api.pay.svc.cluster.local", { namespace: "pay" }, "a full name is of its own"],
    ["api.pay.svc", { namespace: "pay" }, "also without the domain"],
    ["api.pay.svc.example.org", { namespace: "pay" }, "in a cluster of another domain"],
    ["api.pay", undefined, "with a dot it is taken as it stands, and no Service is called so"],
    ["api.pay.svcs", undefined, "svc is a word of its own"],
    ["pay.svc.cluster.local", undefined, "a Service has a name"],
    ["legacy.example.com", undefined, "outside"],
    ["*", {}, "everything"],
    ["*.local", {}, "every Service"],
    ["*.svc.cluster.local", {}, "every Service"],
    ["*.pay.svc.cluster.local", { namespace: "pay" }, "every Service of a namespace"],
    ["*.example.com", undefined, "outside"],
  ];
  for (const [host, expected, why] of hosts)
    it(`for ${host}: ${why} (ResolveShortnameToFQDN)`, () => assert.deepEqual(targetOf(rule(host)), expected));

  it("of no namespace may mean any", () =>
    assert.deepEqual(targetOf({ metadata: { name: "r" }, spec: { host: "a" } }), {}));

  it("counts where it is for a member of the mesh", () => {
    const found = (host: string, members?: string[]) =>
      clientTlsProblems(rule(host, tls({ mode: "DISABLE" })), members).length;
    assert.deepEqual([found("api", ["shop"]), found("api", ["pay"]), found("api", [])], [1, 0, 0]);
    assert.deepEqual([found("*", ["pay"]), found("db.default.svc.cluster.local", ["pay"])], [1, 0]);
    // Nobody knows the members: any Service may be one.
    assert.deepEqual([found("db.default.svc.cluster.local"), found("legacy.example.com")], [1, 0]);
    assert.equal(found("legacy.example.com", ["shop"]), 0);
  });

  it("has a host, or none", () => {
    assert.equal(hostOf(rule("api")), "api");
    assert.equal(hostOf(rule(undefined)), "");
  });
});
