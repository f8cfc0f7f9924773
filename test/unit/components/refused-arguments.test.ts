import assert from "node:assert/strict";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { ImagePullSecret, OnlyFromGateway, ServingCertificate } from "../../../components";
import { run } from "../mocks";

const certificate = { issuer: "existingSecret", secretName: "shop-tls" } as const;
const serving = { hosts: ["a.example.com", "b.example.com"], namespaces: ["a", "b"], certificate };
const login = { name: "login", registry: "registry.example.com", username: "robot", password: "x", namespaces: ["a"] };
const identity = "spiffe://cluster.local/ns/enroute-system/sa/enroute";

const make = {
  ServingCertificate: (args: object, opts: pulumi.ComponentResourceOptions) =>
    new ServingCertificate("x", { ...serving, ...args }, opts),
  ImagePullSecret: (args: object, opts: pulumi.ComponentResourceOptions) =>
    new ImagePullSecret("x", { ...login, ...args }, opts),
  OnlyFromGateway: (args: object, opts: pulumi.ComponentResourceOptions) =>
    new OnlyFromGateway("x", { namespace: "a", gatewayIdentity: identity, ...args }, opts),
};

/** What each would make something broken of, and what the error says of it; undefined where it is taken. */
const table: [keyof typeof make, object, RegExp | undefined][] = [
  ["ServingCertificate", { hosts: [] }, /- hosts\n.*\n +allowed: at least one/],
  ["ServingCertificate", { hosts: ["a.example.com", "a.example.com"] }, /- hosts\[1\]\n.*\n +allowed: each once/],
  ["ServingCertificate", { namespaces: [] }, /- namespaces\n.*\n +allowed: at least one/],
  ["ServingCertificate", { namespaces: ["a", "b", "a"] }, /- namespaces\[2\]\n.*\n +allowed: each once/],
  [
    "ServingCertificate",
    { hostsOf: { c: ["a.example.com"] } },
    /- hostsOf\.c\n.*\n +allowed: one of namespaces \(a, b\)/,
  ],
  [
    "ServingCertificate",
    { hostsOf: { a: ["c.example.com"] } },
    /- hostsOf\.a\[0\]\n.*\n +allowed: one of hosts \(a\.example/,
  ],
  ["ServingCertificate", { hostsOf: { a: [] } }, /- hostsOf\.a\n.*\n +allowed: at least one/],
  ["ServingCertificate", { hostsOf: { a: ["a.example.com"], b: ["b.example.com"] } }, undefined],
  ["ImagePullSecret", { namespaces: [] }, /- namespaces\n.*\n +allowed: at least one/],
  ["ImagePullSecret", { namespaces: ["a", "a"] }, /- namespaces\[1\]\n.*\n +allowed: each once/],
  [
    "ImagePullSecret",
    { registry: "https://registry.example.com" },
    /- registry\n.*\n +allowed: the host of a registry/,
  ],
  ["ImagePullSecret", { registry: "registry.example.com/team" }, /- registry\n.*\n +allowed: the host of a registry/],
  ["ImagePullSecret", { registry: "registry.example.com:5000" }, undefined],
  [
    "OnlyFromGateway",
    { namespace: "enroute-system" },
    /- gatewayIdentity\n.*\n +allowed: an identity of another namespace/,
  ],
  ["OnlyFromGateway", { namespace: "istio-system" }, /- gatewayIdentity\n.*\n +allowed: .*holds for the whole mesh/],
  ["OnlyFromGateway", { namespace: "enroute" }, undefined],
];

describe("arguments by which a component would make something broken", () => {
  for (const [component, args, refused] of table)
    it(`are ${refused === undefined ? "not " : ""}those of ${component} with ${JSON.stringify(args)}`, async () => {
      const made = run(() => make[component](args, { provider: new k8s.Provider("cluster") }));
      if (refused === undefined) await made;
      else await assert.rejects(made, refused);
    });

  it("are not an Output as the identity: it is judged with its value", async () => {
    const gatewayIdentity = pulumi.output("spiffe://cluster.local/ns/edge/sa/enroute");
    const { names } = await run(() =>
      make.OnlyFromGateway({ namespace: "enroute-system", gatewayIdentity }, { provider: new k8s.Provider("cluster") }),
    );
    assert.ok(names().some((name) => name.endsWith("AuthorizationPolicy x")));
  });

  it("are not Outputs of a login, whose values are in the Secret", async () => {
    const late = { registry: pulumi.output(login.registry), username: pulumi.output("robot") };
    const { find } = await run(() => make.ImagePullSecret(late, { provider: new k8s.Provider("cluster") }));
    const { stringData } = find("Secret", "x-a").inputs as { stringData: { value: Record<string, string> } };
    const auth = Buffer.from("robot:x").toString("base64");
    assert.deepEqual(JSON.parse(stringData.value[".dockerconfigjson"]!), {
      auths: { "registry.example.com": { auth } },
    });
  });
});
