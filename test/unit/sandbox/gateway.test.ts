import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configurationProblem } from "../../../sandbox/gateway/acceptance";
import {
  type Found,
  type GatewayHost,
  type Secret,
  certificateSecret,
  clustersResponse,
  configurationOf,
  envoyFiles,
  isKeyPair,
  listenersResponse,
  usesMesh,
} from "../../../sandbox/gateway/envoy-config";
import { type Issued, issue } from "../certificates";

const options = {
  address: "127.0.0.1",
  httpPort: 8080,
  httpsPort: 8443,
  hasMeshCertificate: true,
  secretPath: (name: string) => `/secrets/${name}.json`,
};

function gatewayHost(fqdn: string, change: Partial<GatewayHost["spec"]> = {}, name = fqdn): GatewayHost {
  return {
    metadata: { name, namespace: "shop" },
    spec: {
      virtualhost: { fqdn, tls: { secretName: "tls", minimumProtocolVersion: "1.2" } },
      routes: [{ conditions: [{ prefix: "/" }], services: [{ name: "web", port: 80 }] }],
      ...change,
    },
  };
}

function secret(certificate: string, key: string, type = "kubernetes.io/tls"): Secret {
  const encode = (text: string) => Buffer.from(text).toString("base64");
  return {
    metadata: { name: "tls", namespace: "shop" },
    type,
    data: { "tls.crt": encode(certificate), "tls.key": encode(key) },
  };
}

describe("the stand-in for EnRoute", () => {
  let pair: Issued;
  const mesh = { metadata: { name: "mesh" }, spec: { type: "globalconfig_globals", config: '{"istio_enabled":true}' } };
  const services = [
    { metadata: { name: "web", namespace: "shop" }, spec: { clusterIP: "127.9.0.7", ports: [{ port: 80 }] } },
  ];
  const found = (change: Partial<Found> = {}): Found => ({
    gatewayHosts: [gatewayHost("a.example.com")],
    globalConfigs: [mesh],
    secrets: [secret(pair.certificate, pair.privateKey)],
    services,
    ...change,
  });
  const text = (value: unknown) => JSON.stringify(value);

  before(async () => {
    pair = await issue({ hosts: ["a.example.com"] });
  });

  it("serves a host over TLS with its own certificate and minimum version, and redirects plain HTTP", () => {
    const { listeners, servingCertificates } = configurationOf(found(), options);
    const [http, https] = listeners.map(text);
    assert.match(http!, /"https_redirect":true/);
    assert.doesNotMatch(http!, /"cluster":/);
    assert.match(https!, /"server_names":\["a.example.com"\]/);
    assert.match(https!, /"tls_minimum_protocol_version":"TLSv1_2"/);
    assert.deepEqual([...servingCertificates.keys()], ["serving-a.example.com"]);
  });

  it("takes any word but 1.2 and 1.3 to mean TLS 1.1", () => {
    const versions = ["1.3", "1.2", "1.0", undefined].map((version) => {
      const tls = { secretName: "tls", ...(version === undefined ? {} : { minimumProtocolVersion: version }) };
      const host = gatewayHost("a.example.com", { virtualhost: { fqdn: "a.example.com", tls } });
      const configuration = text(configurationOf(found({ gatewayHosts: [host] }), options).listeners);
      return /tls_minimum_protocol_version":"(\w+)"/.exec(configuration)![1];
    });
    assert.deepEqual(versions, ["TLSv1_3", "TLSv1_2", "TLSv1_1", "TLSv1_1"]);
  });

  it("serves clear text where the Secret is missing, of another type, or another certificate's", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const otherKey = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const wrong = [[], [secret(pair.certificate, pair.privateKey, "Opaque")], [secret(pair.certificate, otherKey)]];
    for (const secrets of wrong) {
      const { listeners } = configurationOf(found({ secrets }), options);
      assert.equal(listeners.length, 1, "no listener with TLS");
      assert.match(text(listeners), /"cluster":"shop\/web\/80"/);
    }
  });

  it("serves a route that is declared insecure in clear text as well", () => {
    const routes = [{ conditions: [{ prefix: "/open" }], services: [{ name: "web", port: 80 }], permitInsecure: true }];
    const { listeners } = configurationOf(found({ gatewayHosts: [gatewayHost("a.example.com", { routes })] }), options);
    assert.match(text(listeners[0]), /"prefix":"\/open"},"route":{"cluster":"shop\/web\/80"/);
  });

  it("serves neither of two GatewayHosts with the same name", () => {
    const gatewayHosts = [gatewayHost("a.example.com"), gatewayHost("a.example.com", {}, "again")];
    const { listeners } = configurationOf(found({ gatewayHosts }), options);
    assert.doesNotMatch(text(listeners), /a\.example\.com/);
  });

  it("connects to workloads by mutual TLS only where the GlobalConfig says so, and in plain text otherwise", () => {
    assert.match(text(configurationOf(found(), options).clusters), /"alpn_protocols":\["istio"\]/);
    for (const config of ['{"istio_enabled":false}', "{}", "no JSON"]) {
      const globalConfigs = [{ ...mesh, spec: { ...mesh.spec, config } }];
      const { clusters } = configurationOf(found({ globalConfigs }), options);
      assert.doesNotMatch(text(clusters), /transport_socket/);
      assert.match(text(clusters), /127\.9\.0\.7/);
      assert.equal(usesMesh(globalConfigs), false);
    }
  });

  it("connects to nobody without a certificate of the mesh, or where there is no such Service or port", () => {
    const cases = [
      configurationOf(found(), { ...options, hasMeshCertificate: false }),
      configurationOf(found({ services: [] }), options),
      configurationOf(
        found({
          gatewayHosts: [gatewayHost("a.example.com", { routes: [{ services: [{ name: "web", port: 81 }] }] })],
        }),
        options,
      ),
    ];
    for (const { clusters } of cases) assert.match(text(clusters), /"endpoints":\[\]/);
  });

  it("keeps private keys to the files of secrets", () => {
    const { listeners, clusters, servingCertificates } = configurationOf(found(), options);
    assert.doesNotMatch(text([listeners, clusters]), /PRIVATE KEY/);
    const [keyPair] = servingCertificates.values();
    assert.match(text(certificateSecret("x", keyPair!)), /PRIVATE KEY/);
    assert.ok(isKeyPair(keyPair!));
  });
});

describe("the gateway's Envoy", () => {
  let folder: string;
  let admin: Server;
  /** What it answers, as Envoy 1.40 does. */
  let versions: { lds: string; cds: string };
  let details: string | undefined;
  const response = listenersResponse([{ name: "http" }]) as { version_info: string };
  const clusters = clustersResponse([]) as { version_info: string };
  const port = () => (admin.address() as AddressInfo).port;
  const problem = () => configurationProblem(folder, { address: "127.0.0.1", port: port() });

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "envoy-"));
    writeFileSync(join(folder, envoyFiles.listeners), JSON.stringify(response));
    writeFileSync(join(folder, envoyFiles.clusters), JSON.stringify(clusters));
    admin = createServer(({ url = "" }, answer) => {
      const stats = [
        { name: "cluster_manager.cds.version_text", value: versions.cds },
        { name: "listener_manager.lds.version_text", value: versions.lds },
      ];
      const error = details === undefined ? {} : { error_state: { details } };
      // Without a listener the dump is empty; a refusal may be in it twice.
      const dump = details === undefined && versions.lds === "" ? {} : { configs: [{ name: "http", ...error }, error] };
      answer.end(JSON.stringify(url.startsWith("/stats") ? { stats } : dump));
    });
    await new Promise<void>((resolve) => admin.listen(0, "127.0.0.1", resolve));
  });
  beforeEach(() => {
    versions = { lds: response.version_info, cds: clusters.version_info };
    details = undefined;
  });
  after(async () => {
    await new Promise((resolve) => admin.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });

  it("has accepted its configuration when it says the version of both files, which changes with their content", async () => {
    assert.equal(await problem(), undefined);
    const other = listenersResponse([{ name: "https" }]) as { version_info: string };
    assert.notEqual(other.version_info, response.version_info);
    assert.deepEqual(listenersResponse([{ name: "http" }]), response);
  });

  it("tells why it refuses a listener, whether or not it has an older one", async () => {
    details = "Only unique values for domains are permitted. Duplicate entry of domain a.example in route http\n";
    for (const lds of ["", "older"]) {
      versions.lds = lds;
      assert.equal(await problem(), `Envoy refuses its configuration: ${details.trim()}`);
    }
  });

  it("is not taken for one that has accepted when it is late, or refuses its clusters", async () => {
    versions.lds = "";
    assert.match((await problem())!, /^Envoy has not accepted its listeners; its log may say why$/);
    versions.cds = "older";
    assert.match((await problem())!, /its listeners and clusters/);
    // What it once said of a listener does not explain this.
    [versions.lds, details] = [response.version_info, "long ago"];
    assert.match((await problem())!, /^Envoy has not accepted its clusters/);
  });

  it("has not accepted anything where it does not answer", async () => {
    const nobody = await configurationProblem(folder, { address: "127.0.0.1", port: 1 });
    assert.match(nobody!, /^Envoy does not answer: .*ECONNREFUSED/);
  });
});
