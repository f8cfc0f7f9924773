import assert from "node:assert/strict";
import { type PolicyObject, judge, loadLevels } from "../../../policy/rules";
import { loadSettings } from "../../../settings/load";
import { configuration, stackConfig, stackFile, stackNames } from "../stack-files";
import { objectsOf } from "./objects";

const now = new Date("2026-11-01"); // the exceptions of the examples end

describe("the policies", () => {
  for (const stack of stackNames)
    it(`find nothing wrong with the stack ${stack}`, async () => {
      const objects = await objectsOf(stack);
      assert.ok(objects.length > 15, `only ${objects.length} objects`);
      assert.deepEqual(judge(objects, { environment: stack, levels: loadLevels(stack), now }), []);
    });

  it("find nothing wrong with dev's settings but what production asks for, in production", async () => {
    const objects = await objectsOf("dev");
    const found = judge(objects, { environment: "prod", now });
    assert.deepEqual([...new Set(found.map(({ rule }) => rule))], ["high-availability", "deletion-protection"]);
  });

  it("find nothing wrong with a mesh CA of our own", async () => {
    const config = stackConfig("dev");
    const istio = { ...(config["enroute-istio:istio"] as object), ca: { issuer: "generated" } };
    const settings = loadSettings(configuration({ ...config, "enroute-istio:istio": istio }, "dev"));
    assert.equal(settings.istio.ca.issuer, "generated");
    assert.deepEqual(judge(await objectsOf("dev", settings), { environment: "dev", now }), []);
  });

  it("take what a stack declares: exceptions, routes without TLS, further names, deletions", async () => {
    const prod = stackFile("prod");
    const [host] = prod.hosts;
    const objects = await objectsOf("prod", {
      ...prod,
      hosts: [
        {
          ...host!,
          routes: [
            { prefix: "/.well-known/acme-challenge", service: "acme", port: 80, permitInsecure: { reason: "HTTP-01" } },
            ...host!.routes,
          ],
        },
      ],
      mutualTls: {
        exceptions: [
          { namespace: "shop", mode: "PERMISSIVE", reason: "r", owner: "team-a", until: "2026-11-01" }, // its last day
        ],
      },
      certificate: {
        issuer: "certManager",
        issuerRef: { name: "ca", kind: "Issuer", group: "cert-manager.io" },
        secretName: "shop-tls",
        extraNames: ["www.example.com"],
        ipAddresses: ["192.0.2.7"],
        warnBefore: "336h",
      },
      deletionProtection: { enabled: true, except: [{ object: "GatewayHost shop/shop.example.com", reason: "r" }] },
    });
    assert.deepEqual(judge(objects, { environment: "prod", now }), []);
    const protectedOf = (kind: string) =>
      objects.filter((object: PolicyObject) => object.kind === kind).map(({ protect }) => protect);
    assert.deepEqual(protectedOf("GatewayHost"), [false]);
    assert.deepEqual(protectedOf("Release"), [true, true, true, true, true]);
  });
});
