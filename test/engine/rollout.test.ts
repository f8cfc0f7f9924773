import assert from "node:assert/strict";
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Sandbox } from "../../sandbox/cluster";
import { pulumi, sharedSandbox, succeed } from "./sandbox-fixture";
import { editStack, get, makeStack } from "./stacks";

interface Item {
  metadata: {
    name: string;
    namespace?: string;
    uid: string;
    creationTimestamp: string;
    annotations?: Record<string, string>;
    labels?: Record<string, string>;
  };
  spec: Record<string, unknown>;
  status: {
    conditions?: { type: string; status: string; lastTransitionTime: string }[];
    containerStatuses?: { ready: boolean }[];
    initContainerStatuses?: { ready: boolean }[];
  };
}
interface List {
  items: Item[];
}
interface Pod extends Item {
  spec: { containers: { name: string }[]; initContainers: { name: string; restartPolicy?: string }[] };
}

const stack = "rollout";
const stackArgs = ["--stack", stack];
const host = "bookinfo.sandbox.example";

describe("the rollout on the sandbox", function () {
  this.timeout(300_000);
  let sandbox: Sandbox;
  let said = "";

  /** Runs the engine, keeps what it said, and expects success. */
  const engine = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await pulumi([...args, ...stackArgs]);
    said += stdout + stderr;
    assert.equal(code, 0, stdout + stderr);
    return stdout + stderr;
  };
  const up = (...args: string[]) => engine("up", "--yes", "--skip-preview", ...args);

  before(async function () {
    this.timeout(0); // the first build takes minutes
    sandbox = await sharedSandbox();
    await makeStack(stack);
  });

  // In the order of a stack's life; each goes on from where the one before it left the cluster.
  describe("from nothing", () => {
    before(async () => {
      const text = await engine("preview");
      assert.match(
        text,
        /\+ 5\d to create/,
        "a preview of an empty cluster knows every resource, also of kinds that are not there yet",
      );
      // Held back, so that an edge that is missing shows in the cluster's own timestamps.
      sandbox.holdIstiod(4);
      await up();
      sandbox.holdIstiod(false);
    });

    it("runs the EnRoute pod with all five containers ready, in the mesh", async () => {
      const { items } = await get<{ items: Pod[] }>("pods", "-n", "enroute-system");
      assert.equal(items.length, 1);
      const { spec, status } = items[0]!;
      // On kubelets from 1.33 on the sidecar is an init container that goes on running.
      const sidecars = spec.initContainers.filter(({ restartPolicy }) => restartPolicy === "Always");
      const names = [...spec.containers, ...sidecars].map(({ name }) => name);
      assert.deepEqual(names.sort(), ["cert-server", "enroute", "envoy", "istio-proxy", "redis"]);
      assert.ok(status.conditions!.some(({ type, status: value }) => type === "Ready" && value === "True"));
      const line = await succeed("kubectl", ["get", "pods", "-n", "enroute-system", "--no-headers"]);
      assert.match(line, /\s5\/5\s+Running\s/);
    });

    it("hands the gateway the life and the place of its mesh certificate", async () => {
      const { items } = await get<List>("pods", "-n", "enroute-system");
      const annotations = items[0]!.metadata.annotations!;
      assert.match(annotations["proxy.istio.io/config"]!, /OUTPUT_CERTS: \/etc\/istio-certs\n\s+SECRET_TTL: 1h/);
      assert.deepEqual(JSON.parse(annotations["sidecar.istio.io/userVolumeMount"]!), [
        { name: "istio-certs", mountPath: "/etc/istio-certs" },
      ]);
      assert.equal(annotations["traffic.sidecar.istio.io/includeInboundPorts"], "");
    });

    it("gives every workload pod a sidecar", async () => {
      const { items } = await get<{ items: Pod[] }>("pods", "-n", "bookinfo");
      assert.equal(items.length, 6);
      for (const { metadata, spec } of items)
        assert.ok(
          [...spec.containers, ...spec.initContainers].some(({ name }) => name === "istio-proxy"),
          metadata.name,
        );
    });

    it("waits for a slow istiod: nothing that needs it is older than its readiness", async () => {
      const [istiod] = (await get<List>("pods", "-n", "istio-system", "-l", "app=istiod")).items;
      const ready = istiod!.status.conditions!.find(({ type }) => type === "Ready")!.lastTransitionTime;
      assert.ok(Date.parse(ready) - Date.parse(istiod!.metadata.creationTimestamp) >= 3000, "istiod was held back");
      const later = [
        ...(await get<List>("pods", "-n", "enroute-system")).items,
        ...(await get<List>("pods", "-n", "bookinfo")).items,
        ...(await get<List>("pods", "-n", "istio-system", "-l", "app=kiali")).items,
        ...(await get<List>("peerauthentications", "-A")).items,
        ...(await get<List>("gatewayhosts", "-A")).items,
        ...(await get<List>("globalconfigs", "-A")).items,
      ];
      assert.equal(later.length, 1 + 6 + 1 + 1 + 1 + 1);
      for (const { metadata } of later)
        assert.ok(
          metadata.creationTimestamp >= ready,
          `${metadata.name} at ${metadata.creationTimestamp}, istiod ready at ${ready}`,
        );
      const [prometheus] = (
        await get<List>("deployments", "-n", "istio-system", "prometheus-server", "--ignore-not-found").then(
          (item) => ({ items: [item as unknown as Item] }),
        )
      ).items;
      assert.ok(prometheus!.metadata.creationTimestamp < ready, "what does not need istiod does not wait for it");
    });

    it("enforces STRICT, tells EnRoute to use Istio's certificates, and serves the host over TLS", async () => {
      const policies = (await get<List>("peerauthentications", "-A")).items;
      assert.deepEqual(
        policies.map(({ metadata, spec }) => [metadata.namespace, metadata.name, spec]),
        [["istio-system", "default", { mtls: { mode: "STRICT" } }]],
      );
      const [config] = (await get<List>("globalconfigs", "-A")).items;
      assert.equal((JSON.parse(config!.spec["config"] as string) as { istio_enabled: boolean }).istio_enabled, true);
      const [gatewayHost] = (await get<List>("gatewayhosts", "-A")).items;
      assert.deepEqual(gatewayHost!.spec["virtualhost"], {
        fqdn: host,
        tls: { secretName: "gateway-serving-certificate", minimumProtocolVersion: "1.2" },
      });
      const secret = await get<{ type: string }>("secret", "-n", "bookinfo", "gateway-serving-certificate");
      assert.equal(secret.type, "kubernetes.io/tls");
    });

    it("lets the gateway's service account list what it routes", async () => {
      const account = "system:serviceaccount:enroute-system:enroute";
      for (const kind of ["gatewayhosts.enroute.saaras.io", "secrets", "endpoints"])
        assert.equal((await succeed("kubectl", ["auth", "can-i", "list", kind, "-A", "--as", account])).trim(), "yes");
      assert.equal(
        (
          await succeed("kubectl", [
            "auth",
            "can-i",
            "patch",
            "gatewayhosts",
            "--subresource=status",
            "-A",
            "--as",
            account,
          ])
        ).trim(),
        "yes",
      );
    });

    it("tells address, identity, CA and end of validity as outputs", async () => {
      const outputs = JSON.parse(await succeed("pulumi", ["stack", "output", "--json", ...stackArgs])) as Record<
        string,
        string
      >;
      const service = await get<{ status: { loadBalancer: { ingress: { ip: string }[] } } }>(
        "service",
        "-n",
        "enroute-system",
        "enroute",
      );
      assert.equal(outputs["gatewayAddress"], service.status.loadBalancer.ingress[0]!.ip);
      assert.equal(outputs["gatewayIdentity"], "spiffe://cluster.local/ns/enroute-system/sa/enroute");
      assert.match(outputs["caCertificate"]!, /BEGIN CERTIFICATE/);
      assert.ok(Date.parse(outputs["certificateEndOfValidity"]!) > Date.now() + 80 * 24 * 3600_000);
    });

    it("shows no private key in state, history, logs, outputs, events or Helm values", async () => {
      const secrets = JSON.parse(
        await succeed("pulumi", ["stack", "export", "--show-secrets", ...stackArgs]),
      ) as unknown;
      const keys = [
        ...JSON.stringify(secrets).matchAll(/-----BEGIN[A-Z ]* PRIVATE KEY-----\\+n([A-Za-z0-9+/=]{40})/g),
      ].map(([, line]) => line!);
      const signingKey = Buffer.from(
        (await get<{ data: Record<string, string> }>("secret", "-n", "istio-system", "kiali-signing-key")).data[
          "signing-key"
        ]!,
        "base64",
      ).toString();
      assert.ok(
        new Set(keys).size >= 3,
        "keys of the CA, of the leaf and behind Kiali's key are in the state, encrypted",
      );
      const texts: Record<string, string> = {
        output: said,
        export: await succeed("pulumi", ["stack", "export", ...stackArgs]),
        outputs: await succeed("pulumi", ["stack", "output", "--json", "--show-secrets", ...stackArgs]),
        events: await succeed("kubectl", ["get", "events", "-A", "--output", "json"]),
        configmaps: await succeed("kubectl", ["get", "configmaps", "-A", "--output", "json"]),
        values: await succeed("helm", ["get", "values", "--all", "enroute-istio", "-n", "enroute-system"]),
        kiali: await succeed("helm", ["get", "values", "--all", "kiali-server", "-n", "istio-system"]),
        ...filesBelow(join(sandbox.folder, "state")),
        ...filesBelow(join(sandbox.folder, "logs")),
        ...filesBelow(join(sandbox.folder, "project")),
      };
      assert.ok(
        Object.keys(texts).some((name) => name.endsWith(`${stack}.json`)),
        "the state file is among them",
      );
      for (const [where, text] of Object.entries(texts))
        for (const key of [...keys, signingKey]) {
          assert.ok(!text.includes(key), `a key is in ${where}`);
          // As Kubernetes writes it: shifted by what stands before the key, so look for the middle of it.
          const encoded = [0, 1, 2].map((shift) =>
            Buffer.from(" ".repeat(shift) + key)
              .toString("base64")
              .slice(4, -4),
          );
          assert.ok(!encoded.some((part) => text.includes(part)), `a key is in ${where}, in base64`);
        }
    });

    it("changes nothing when it runs again", async () => {
      const before = await resourceVersions();
      const text = await up("--expect-no-changes");
      assert.match(text, /5\d unchanged/);
      assert.deepEqual(await resourceVersions(), before);
    });

    it("changes nothing in a stack of before: Helm waited for istio-base, and the provider had its own limit of requests", async () => {
      const file = join(sandbox.folder, "before.json");
      const now = await succeed("pulumi", ["stack", "export", "--show-secrets", ...stackArgs]);
      const state = JSON.parse(now) as {
        deployment: { resources: { urn: string; inputs: object; outputs: object }[] };
      };
      const changed = state.deployment.resources.flatMap((resource) => {
        if (!/::(cluster|istio-base)$/.test(resource.urn)) return [];
        const { inputs } = resource;
        Object.assign(resource, { inputs: asBefore(inputs), outputs: asBefore(resource.outputs) });
        // Not the inputs themselves: a failed comparison would print what is secret.
        return JSON.stringify(resource.inputs) === JSON.stringify(inputs) ? [] : [resource.urn.split("::").at(-1)];
      });
      assert.deepEqual(changed.sort(), ["cluster", "istio-base"]);
      writeFileSync(file, JSON.stringify(state), { mode: 0o600 });
      await succeed("pulumi", ["stack", "import", "--file", file, ...stackArgs]);
      await engine("preview", "--expect-no-changes");
      writeFileSync(file, now);
      await succeed("pulumi", ["stack", "import", "--file", file, ...stackArgs]);
      rmSync(file);
    });
  });

  describe("from then on", () => {
    it("sees drift with --refresh, and repairs it", async () => {
      await succeed("kubectl", [
        "patch",
        "peerauthentication",
        "default",
        "-n",
        "istio-system",
        "--type=merge",
        "-p",
        '{"spec":{"mtls":{"mode":"PERMISSIVE"}}}',
      ]);
      await succeed("kubectl", ["label", "namespace", "bookinfo", "istio-injection-"]);
      await succeed("kubectl", ["delete", "gatewayhost", "-n", "bookinfo", "--all"]);
      const preview = await pulumi(["preview", "--refresh", "--diff", "--expect-no-changes", ...stackArgs]);
      assert.notEqual(preview.code, 0);
      assert.match(preview.stdout, /PERMISSIVE" => "STRICT"/);
      assert.match(preview.stdout, /istio-injection: "enabled"/);
      await up("--refresh");
      const policy = await get<Item>("peerauthentication", "-n", "istio-system", "default");
      assert.deepEqual(policy.spec, { mtls: { mode: "STRICT" } });
      assert.equal((await get<Item>("namespace", "bookinfo")).metadata.labels!["istio-injection"], "enabled");
      assert.equal((await get<List>("gatewayhosts", "-A")).items.length, 1);
      await up("--refresh", "--expect-no-changes");
    });

    it("changes settings in place", async () => {
      const uids = async () => {
        const kinds = ["peerauthentications", "gatewayhosts", "globalconfigs", "deployments", "services", "secrets"];
        const lists = await Promise.all(kinds.map((kind) => get<List>(kind, "-A", "-l", "owner!=helm")));
        return lists
          .flatMap(({ items }) => items.map(({ metadata }) => `${metadata.namespace}/${metadata.name} ${metadata.uid}`))
          .sort();
      };
      const before = await uids();
      await editStack(stack, (config) => {
        const gateway = config["gateway"] as Record<string, unknown>;
        gateway["replicas"] = 2;
        gateway["workloadCertificate"] = { ttl: "2h" };
        (config["hosts"] as Record<string, unknown>[])[0]!["minimumTlsVersion"] = "1.3";
        config["mutualTls"] = {
          exceptions: [
            {
              namespace: "bookinfo",
              workload: { app: "ratings" },
              ports: [9080],
              mode: "PERMISSIVE",
              reason: "test",
              owner: "tests",
              until: "2999-12-31",
            },
          ],
        };
      });
      const text = await up();
      assert.match(text, /~ \d+ updated/);
      assert.doesNotMatch(text, /replaced|deleted/);
      const after = await uids();
      assert.deepEqual(
        before.filter((uid) => !after.includes(uid)),
        [],
      );
      const { items } = await get<List>("pods", "-n", "enroute-system");
      assert.equal(
        items.filter(({ metadata }) => /SECRET_TTL: 2h/.test(metadata.annotations!["proxy.istio.io/config"]!)).length,
        2,
      );
      assert.equal((await get<List>("poddisruptionbudgets", "-n", "enroute-system")).items.length, 1);
      const exceptions = (await get<List>("peerauthentications", "-n", "bookinfo")).items;
      assert.deepEqual(
        exceptions.map(({ spec }) => spec["portLevelMtls"]),
        [{ "9080": { mode: "PERMISSIVE" } }],
      );
    });

    it("renews a serving certificate in place: the Secret keeps its identity, and the host never misses it", async () => {
      const read = () =>
        get<Item & { data: Record<string, string> }>("secret", "-n", "bookinfo", "gateway-serving-certificate");
      const before = await read();
      await editStack(
        stack,
        (config) => (config["certificate"] = { issuer: "generated", validity: "1440h", renewBefore: "240h" }),
      );
      await up();
      const after = await read();
      assert.notEqual(after.data["tls.crt"], before.data["tls.crt"]);
      assert.equal(after.metadata.uid, before.metadata.uid);
    });

    it("destroys all that is ours, and leaves only the kinds and what istiod wrote for everybody", async () => {
      await engine("destroy", "--yes", "--skip-preview");
      const { items: namespaces } = await get<List>("namespaces");
      assert.deepEqual(namespaces.map(({ metadata }) => metadata.name).sort(), [
        "default",
        "kube-node-lease",
        "kube-public",
        "kube-system",
      ]);
      const kinds = "clusterroles,clusterrolebindings,mutatingwebhookconfigurations,validatingwebhookconfigurations";
      const ours = (await get<List>(kinds)).items
        .map(({ metadata }) => metadata.name)
        .filter((name) => /istio|enroute|kiali|prometheus/.test(name));
      assert.deepEqual(ours, []);
      const { items: everything } = await get<List>("all,secrets,peerauthentications,gatewayhosts,globalconfigs", "-A");
      assert.deepEqual(
        everything.map(({ metadata }) => metadata.name).filter((name) => name !== "kubernetes"),
        [],
      );
      const crds = (await get<List>("customresourcedefinitions")).items;
      assert.ok(crds.length >= 20);
      for (const { metadata } of crds)
        assert.ok(
          metadata.annotations?.["helm.sh/resource-policy"] === "keep" || metadata.name.endsWith(".enroute.saaras.io"),
          `${metadata.name} is left, and neither marked keep nor from a crds/ folder`,
        );
      const configMaps = (await get<List>("configmaps", "-n", "default")).items
        .map(({ metadata }) => metadata.name)
        .sort();
      assert.deepEqual(configMaps, ["istio-ca-crl", "istio-ca-root-cert", "kube-root-ca.crt"]);
    });

    it("comes up again where an earlier one left its kinds", async () => {
      await up();
      assert.match(await succeed("kubectl", ["get", "pods", "-n", "enroute-system", "--no-headers"]), /5\/5/);
      await engine("destroy", "--yes", "--skip-preview");
    });
  });

  async function resourceVersions(): Promise<string[]> {
    const kinds =
      "deployments,services,configmaps,peerauthentications,gatewayhosts,globalconfigs,clusterroles,clusterrolebindings";
    const { items } = await get<{ items: (Item & { metadata: { generation?: number } })[] }>(kinds, "-A");
    return items
      .map(({ metadata }) => `${metadata.namespace}/${metadata.name} ${metadata.uid} ${metadata.generation}`)
      .sort();
  }
});

/** A part of a state as before the program set these, in what is sealed as well. */
function asBefore(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asBefore);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => {
      if (key === "kubeClientSettings") return [];
      // The provider fills it in.
      if (key === "skipAwait") return [[key, false]];
      if (key === "plaintext") return [[key, JSON.stringify(asBefore(JSON.parse(item as string)))]];
      return [[key, asBefore(item)]];
    }),
  );
}

/** Text of every file below a folder. */
function filesBelow(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map((entry) => [
      join(entry.parentPath, entry.name),
      readFileSync(join(entry.parentPath, entry.name), "utf8"),
    ]),
  );
}
