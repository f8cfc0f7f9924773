import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { readArguments } from "../../../components/arguments";
import { ArgumentsError } from "../../../components/refusal";
import { EncryptedIngress, type EncryptedIngressArgs, clusterSettings } from "../../../components/encrypted-ingress";
import { encryptedIngress } from "../../../stacks/encrypted-ingress";
import { issue } from "../certificates";
import { type Registration, type RunOptions, run, valueOf } from "../mocks";
import { stackConfig, stackFile, stackNames } from "../stack-files";

/** The arguments that say what a stack's file says. */
function argumentsOf(stack: string): EncryptedIngressArgs {
  const entries = Object.entries(stackConfig(stack)).map(([key, value]) => [key.replace("enroute-istio:", ""), value]);
  const { kubeconfig, context, clusterIdentifier, ...args } = Object.fromEntries(entries) as Record<string, unknown>;
  assert.ok(kubeconfig !== undefined || context !== undefined || clusterIdentifier !== undefined);
  return args as unknown as EncryptedIngressArgs;
}

const minimal: EncryptedIngressArgs = {
  istio: { version: "1.31.0" },
  gateway: { version: "0.8.7", images: { redis: { tag: "7.4.1" } } },
  namespaces: [{ name: "shop" }],
  hosts: [{ host: "shop.example.com", namespace: "shop", routes: [{ service: "web", port: 80 }] }],
  certificate: { issuer: "generated" },
};
const cluster = (name = "cluster") => new k8s.Provider(name, { kubeconfig: "{}", ...clusterSettings });
const make = (args: EncryptedIngressArgs, options: RunOptions = {}, opts: pulumi.ComponentResourceOptions = {}) =>
  run(() => new EncryptedIngress("shop", args, { provider: cluster(), ...opts }), options);
const short = ({ type, name }: Registration) => `${type.split(":").pop()} ${name}`;
const own = (resources: Registration[]) =>
  resources.filter(({ type }) => !/^pulumi:|:index:EncryptedIngress$/.test(type));

const gatewayHostOf = (resources: Registration[]) =>
  resources.find(({ type }) => type.startsWith("kubernetes:") && type.endsWith(":GatewayHost"))!;

describe("EncryptedIngress", () => {
  for (const stack of stackNames)
    it(`makes for the settings of ${stack} the objects that the stack makes, marked as its own`, async () => {
      const [component, whole] = [
        await make(argumentsOf(stack)),
        await run(() => {
          encryptedIngress(stackFile(stack), undefined, { owner: "organization/enroute-istio/test" });
        }),
      ];
      const objects = ({ resources }: { resources: Registration[] }) =>
        own(resources)
          .filter(({ type }) => type.startsWith("kubernetes:"))
          // Keys are drawn by resources of other names.
          .map(({ type, wire: { stringData, ...wire } }) => JSON.stringify([type, wire, stringData !== undefined]))
          .sort();
      assert.deepEqual(objects(component), objects(whole));
      assert.ok(objects(component).length > 10);
    });

  it("has a constructor that reads as a table of contents", () => {
    const source = readFileSync(join(__dirname, "../../../components/encrypted-ingress/index.ts"), "utf8");
    const lines = /constructor\(.*?\n {2}\}/s.exec(source)![0].split("\n");
    assert.ok(lines.length <= 25, `${lines.length} lines`);
  });

  it("is there twice in one program, on two clusters and under two names", async () => {
    const { resources } = await run(() => {
      for (const name of ["one", "two"]) new EncryptedIngress(name, argumentsOf("prod"), { provider: cluster(name) });
    });
    const names = resources.map(({ urn }) => urn);
    assert.deepEqual([...new Set(names)], names, "each once");
    for (const { name, provider, type } of own(resources))
      if (type.startsWith("kubernetes:"))
        assert.match(provider, new RegExp(`kubernetes::${name.split("-")[0]}::`), name);
  });

  it("is refused twice on one provider, in an error that names both", async () => {
    await assert.rejects(
      run(() => {
        const provider = cluster();
        for (const name of ["one", "two"]) new EncryptedIngress(name, minimal, { provider });
      }),
      (error: Error) => {
        assert.ok(error instanceof ArgumentsError);
        assert.match(error.message, /EncryptedIngress two[^]*provider\n +found: +the one of EncryptedIngress one\n/);
        return true;
      },
    );
    await make(minimal);
  });

  it("previews with a cluster that is made in the same update", async () => {
    const program = () => {
      const kubeconfig = pulumi.output(pulumi.unknown) as unknown as pulumi.Output<string>;
      const provider = new k8s.Provider("cluster", { kubeconfig, ...clusterSettings });
      return new EncryptedIngress("shop", argumentsOf("sandbox"), { provider });
    };
    const [preview, update] = [await run(program, { preview: true }), await make(argumentsOf("sandbox"))];
    assert.deepEqual(preview.names(), update.names());
    assert.deepEqual(preview.result.hosts, ["https://bookinfo.sandbox.example"]);
  });

  it("gives its caller's options to all that it makes", async () => {
    class Platform extends pulumi.ComponentResource {
      constructor(readonly ingress?: EncryptedIngress) {
        super("example:index:Platform", "platform", {}, {});
        const before = new k8s.core.v1.ConfigMap("before", {}, { provider: cluster("other") });
        const transformation: pulumi.ResourceTransformation = ({ type, props, opts }) =>
          type === "kubernetes:helm.sh/v3:Release" ? { props: { ...props, timeout: 7 }, opts } : undefined;
        this.ingress = new EncryptedIngress("shop", minimal, {
          ...{ parent: this, provider: cluster(), protect: true, dependsOn: before },
          ...{ aliases: [{ name: "formerly" }], transformations: [transformation] },
        });
      }
    }
    const { resources, find } = await run(() => new Platform());
    const ingress = find("EncryptedIngress", "shop");
    assert.deepEqual(
      [ingress.parent, ingress.dependencies],
      [find("Platform", "platform").urn, [find("ConfigMap", "before").urn]],
    );
    assert.deepEqual(ingress.formerNames, ["formerly"]);
    for (const resource of own(resources).filter(({ name }) => name.startsWith("shop-"))) {
      if (resource.type.startsWith("kubernetes:")) assert.equal(resource.protect, true, short(resource));
      if (resource.type.endsWith(":Release")) assert.equal(resource.inputs["timeout"], 7);
    }
  });

  it("uses the provider of keys that its caller gives, and makes one where there is none", async () => {
    const { find } = await make(minimal);
    assert.match(find("PrivateKey", "shop-serving-certificate-leaf").provider, /tls::shop-tls::/);
    const given = await run(() => {
      const providers = [cluster(), new tls.Provider("keys")];
      return new EncryptedIngress("shop", minimal, { providers });
    });
    assert.match(given.find("PrivateKey", "shop-serving-certificate-leaf").provider, /tls::keys::/);
    assert.ok(!given.names().some((name) => name.includes("shop-tls")));
  });

  it("tells what a stack tells", async () => {
    const { result } = await make(minimal);
    assert.equal(await valueOf(result.gatewayAddress), "192.0.2.10");
    assert.equal(result.gatewayIdentity, "spiffe://cluster.local/ns/enroute-system/sa/enroute");
    assert.match((await valueOf(result.caCertificate!))!, /BEGIN CERTIFICATE/);
    assert.deepEqual(result.versions, { istio: "1.31.0", enroute: "0.8.7" });
  });

  describe("takes Outputs", () => {
    it("where a value decides nothing of the graph, and sends them on as they are", async () => {
      const secret = pulumi.secret("token");
      const { find, resources } = await make({
        ...minimal,
        gateway: { ...minimal.gateway, timeoutSeconds: pulumi.output(77), serviceAnnotations: { cloud: secret } },
        hosts: [
          {
            ...minimal.hosts[0]!,
            routes: [{ service: pulumi.output("web"), port: pulumi.output(8080) }],
          },
        ],
      });
      const { spec } = gatewayHostOf(resources).inputs as { spec: { routes: unknown[] } };
      assert.deepEqual(spec.routes, [{ conditions: [{ prefix: "/" }], services: [{ name: "web", port: 8080 }] }]);
      const release = find("Release", "shop-gateway-enroute-istio");
      assert.equal(release.inputs["timeout"], 77);
      assert.match(JSON.stringify(release.wire["values"]), /4dabf18193072939515e22adb298388d.{0,60}token/);
    });

    it("that are unknown in a preview", async () => {
      const service = pulumi.output(pulumi.unknown) as unknown as pulumi.Output<string>;
      const { resources } = await make(
        { ...minimal, hosts: [{ ...minimal.hosts[0]!, routes: [{ service, port: 80 }] }] },
        { preview: true },
      );
      assert.ok(gatewayHostOf(resources));
    });

    it("and refuses one where it decides what is made", async () => {
      const args = { ...minimal, namespaces: [{ name: pulumi.output("shop") as unknown as string }] };
      await assert.rejects(
        make(args),
        /1 argument of EncryptedIngress shop[^]*namespaces\[0\]\.name\n +found: +an Output\n +allowed: a plain value/,
      );
    });
  });

  describe("refuses what a stack refuses", () => {
    const refusal = (args: unknown, opts: pulumi.ComponentResourceOptions = {}) =>
      make(args as EncryptedIngressArgs, {}, opts).then(
        () => assert.fail("it was taken"),
        (error: unknown) => {
          assert.ok(error instanceof ArgumentsError, String(error));
          return error;
        },
      );

    it("all at once, in one error that belongs to the resource, by property for other languages", async () => {
      const { message, resource, hideStack, errors } = await refusal({
        ...minimal,
        istio: { version: "^1.31.0", profil: "small" },
        hosts: [{ ...minimal.hosts[0]!, namespace: "shoop" }],
      });
      assert.match(message, /^2 arguments of EncryptedIngress shop are wrong; nothing of it was made\./);
      assert.match(message, /istio\.profil\n.*\n.*did you mean profile\?/);
      assert.ok(resource instanceof EncryptedIngress);
      assert.equal(hideStack, true);
      assert.ok(pulumi.InputPropertiesError.isInstance(new ArgumentsError(resource, "x", [])));
      assert.deepEqual(
        errors.map(({ propertyPath }) => propertyPath),
        ["istio.profil", "istio.version"],
      );
    });

    it("what takes more than one key to see", async () => {
      const { message } = await refusal({
        ...minimal,
        hosts: [{ ...minimal.hosts[0]!, namespace: "shoop" }],
        kiali: { version: "2.29.0" },
      });
      assert.match(message, /hosts\[0\]\.namespace[^]*did you mean shop\?[^]*kiali together with prometheus/);
    });

    it("the keys of a cluster, which comes as a provider", async () => {
      const { message } = await refusal({ ...minimal, kubeconfig: "~/.kube/config" });
      assert.match(message, /- kubeconfig\n.*\n +allowed: nothing: the cluster is that of the provider/);
    });

    it("a program without a provider of the cluster", async () => {
      const { message } = await refusal(minimal, { provider: undefined as unknown as k8s.Provider });
      assert.match(message, /- provider\n +allowed: missing; the Kubernetes provider of the cluster/);
    });

    it("a wrong value in an Output, as soon as it is known: nothing is made of it, and no secret is shown", async () => {
      const { certificate } = await issue({ hosts: ["shop.example.com"] });
      const { privateKey } = await issue();
      const wrong = {
        issuer: "provided" as const,
        certificateChain: certificate,
        privateKey: pulumi.secret(privateKey),
      };
      let error: unknown;
      await run(async () => {
        const provider = new k8s.Provider("cluster", { kubeconfig: "cluster" });
        const component = new pulumi.ComponentResource("example:index:Probe", "probe", {}, { provider });
        const called = { type: "EncryptedIngress", name: "shop" } as const;
        const { args } = readArguments(component, called, { ...minimal, certificate: wrong });
        error = await valueOf(args.certificate.privateKey).catch((one: unknown) => one);
      });
      assert.ok(error instanceof ArgumentsError);
      assert.match(error.message, /certificate\.privateKey\n +allowed: does not match/);
      assert.ok(!error.message.includes(privateKey.split("\n")[1]!));
    });
  });
});
