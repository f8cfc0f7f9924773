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
  certificateSecret,
  clustersResponse,
  configurationOf,
  envoyFiles,
  isKeyPair,
  listenersResponse,
  usesMesh,
} from "../../../sandbox/gateway/envoy-config";
import { type GatewayHost, type Ingress, type Route, type Secret, routingOf } from "../../../sandbox/gateway/dag";
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
    serviceRoutes: [],
    ingresses: [],
    delegations: [],
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
    assert.match([...servingCertificates.keys()].join(), /^serving-a\.example\.com-[0-9a-f]{10}$/);
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

  it("serves clear text where the Secret is missing, of another type, or lacks a key", () => {
    const wrong = [
      [],
      [secret(pair.certificate, pair.privateKey, "Opaque")],
      [secret(pair.certificate, "")],
      [secret("", pair.privateKey)],
    ];
    for (const secrets of wrong) {
      const { listeners } = configurationOf(found({ secrets }), options);
      assert.equal(listeners.length, 1, "no listener with TLS");
      assert.match(text(listeners), /"cluster":"shop\/web\/80"/);
    }
  });

  it("hands a pair that does not fit on to Envoy, under another name than the one before, and redirects", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const otherKey = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const before = configurationOf(found(), options);
    const { listeners, servingCertificates } = configurationOf(
      found({ secrets: [secret(pair.certificate, otherKey)] }),
      options,
    );
    assert.doesNotMatch(text(listeners[0]), /"cluster":/);
    assert.notDeepEqual([...servingCertificates.keys()], [...before.servingCertificates.keys()]);
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

  it("connects to nobody without a certificate of the mesh", () =>
    assert.match(
      text(configurationOf(found(), { ...options, hasMeshCertificate: false }).clusters),
      /"endpoints":\[\]/,
    ));

  it("keeps private keys to the files of secrets", () => {
    const { listeners, clusters, servingCertificates } = configurationOf(found(), options);
    assert.doesNotMatch(text([listeners, clusters]), /PRIVATE KEY/);
    const [keyPair] = servingCertificates.values();
    assert.match(text(certificateSecret("x", keyPair!)), /PRIVATE KEY/);
    assert.ok(isKeyPair(keyPair!));
  });
});

/* enroute-dp/internal/dag/builder.go of saarasio/enroute, and what was seen in the configuration of its Envoy. */
describe("the routes of the stand-in for EnRoute", () => {
  const encode = (value: string) => Buffer.from(value).toString("base64");
  const tlsSecret = (namespace: string): Secret => ({
    metadata: { name: "tls", namespace },
    type: "kubernetes.io/tls",
    data: { "tls.crt": encode("certificate"), "tls.key": encode("key") },
  });
  const web = (prefix: string, more: object = {}) => ({
    conditions: [{ prefix }],
    services: [{ name: "web", port: 80 }],
    ...more,
  });
  const host = (fqdn: string, ...routes: object[]) => gatewayHost(fqdn, { routes });
  const ports = [{ port: 80, name: "http" }, { port: 81 }];
  const services = ["shop", "other"].flatMap((namespace) =>
    ["web", "api"].map((name) => ({ metadata: { name, namespace }, spec: { clusterIP: "127.9.0.7", ports } })),
  );
  const ingress = (rules: Ingress["spec"]["rules"], annotations: Record<string, string> = {}, more: object = {}) => ({
    metadata: { name: "i", namespace: "other", annotations },
    spec: { ingressClassName: "nginx", ...(rules === undefined ? {} : { rules }), ...more },
  });
  const backend = { service: { name: "api", port: { number: 80 } } };
  const rule = (name: string, path?: string) => ({
    host: name,
    http: { paths: [{ ...(path === undefined ? {} : { path }), backend }] },
  });
  const written = (routes: readonly Route[]) =>
    routes.map(
      ({ path, target, isRedirected }) =>
        `${path} ${isRedirected ? "redirects" : `${target.namespace}/${target.name}:${target.port}`}`,
    );
  /** Port 80 and 443, as `host: path target`. */
  function served(change: Partial<Parameters<typeof routingOf>[0]>): { http: string[]; https: string[] } {
    const objects = {
      ...{ gatewayHosts: [], serviceRoutes: [], ingresses: [], delegations: [] },
      ...{ secrets: [tlsSecret("shop"), tlsSecret("other")], services },
      ...change,
    };
    const { http, https } = routingOf(objects);
    return {
      http: [...http].map(([name, routes]) => `${name}: ${written(routes).join(", ")}`),
      https: [...https].map(([name, { routes }]) => `${name}: ${written(routes).join(", ")}`),
    };
  }

  it("are tried longest first, whatever their order", () =>
    assert.deepEqual(served({ gatewayHosts: [host("a.io", web("/"), web("/api/v2"), web("/api"))] }).https, [
      "a.io: /api/v2 shop/web:80, /api shop/web:80, / shop/web:80",
    ]));

  it("are the last of those with one prefix", () => {
    const two = host("a.io", web("/"), { ...web("/"), services: [{ name: "api", port: 80 }] });
    assert.deepEqual(served({ gatewayHosts: [two] }).https, ["a.io: / shop/api:80"]);
  });

  it("are plain by permitInsecure, and on 443 as well", () =>
    assert.deepEqual(served({ gatewayHosts: [host("a.io", web("/"), web("/old", { permitInsecure: true }))] }), {
      http: ["a.io: /old shop/web:80, / redirects"],
      https: ["a.io: /old shop/web:80, / shop/web:80"],
    }));

  it("end with the first that is wrong, or whose Service is not there", () => {
    const first = (wrong: object) => served({ gatewayHosts: [host("a.io", web("/x"), wrong, web("/z"))] }).https;
    const missing = { services: [{ name: "nobody", port: 80 }] };
    for (const wrong of [
      web("y"),
      missing,
      { services: [{ name: "web", port: 99 }] },
      web("/y", { delegate: { name: "d" } }),
    ])
      assert.deepEqual(first(wrong), ["a.io: /x shop/web:80"]);
  });

  it("come from ServiceRoutes of any namespace, which win, and from what a host delegates to", () => {
    const child = { metadata: { name: "child", namespace: "other" }, spec: { routes: [web("/child")] } };
    const more = { metadata: { name: "more", namespace: "other" }, spec: { fqdn: "a.io", route: web("/") } };
    const delegating = host("a.io", web("/"), { delegate: { name: "child", namespace: "other" } });
    assert.deepEqual(served({ gatewayHosts: [delegating, child], serviceRoutes: [more] }).https, [
      "a.io: /child other/web:80, / other/web:80",
    ]);
    assert.deepEqual(served({ serviceRoutes: [more] }).http, [], "a ServiceRoute alone is no host");
  });

  it("come from an Ingress of another controller, in clear text, unless an annotation names its class", () => {
    assert.deepEqual(served({ ingresses: [ingress([rule("i.io", "/x")])] }), {
      http: ["i.io: /x other/api:80"],
      https: [],
    });
    const classes = [{ "kubernetes.io/ingress.class": "nginx" }, { "enroute.saaras.io/ingress.class": "x" }];
    for (const annotations of classes)
      assert.deepEqual(served({ ingresses: [ingress([rule("i.io")], annotations)] }).http, []);
  });

  it("of an Ingress go by its own rules", () => {
    const tls = [{ hosts: ["i.io"], secretName: "tls" }];
    assert.deepEqual(served({ ingresses: [ingress([rule("i.io")], {}, { tls })] }), {
      http: ["i.io: / other/api:80"],
      https: ["i.io: / other/api:80"],
    });
    const redirecting = { "ingress.kubernetes.io/force-ssl-redirect": "true" };
    assert.deepEqual(served({ ingresses: [ingress([rule("i.io")], redirecting)] }).http, ["i.io: / redirects"]);
    const closed = { "kubernetes.io/ingress.allow-http": "false" };
    assert.deepEqual(served({ ingresses: [ingress([rule("i.io")], closed)] }).http, []);
    assert.deepEqual(served({ ingresses: [ingress([rule("*.i.io")])] }).http, []);
    assert.deepEqual(served({ ingresses: [ingress(undefined, {}, { defaultBackend: backend })] }).http, [
      "*: / other/api:80",
    ]);
    const byName = {
      host: "i.io",
      http: { paths: [{ backend: { service: { name: "api", port: { name: "http" } } } }] },
    };
    assert.deepEqual(served({ ingresses: [ingress([byName])] }).http, ["i.io: / other/api:80"]);
  });

  it("of an Ingress open further paths of a host, but not those that its GatewayHost has", () =>
    assert.deepEqual(
      served({
        gatewayHosts: [host("a.io", web("/"))],
        ingresses: [ingress([rule("a.io", "/"), rule("a.io", "/admin")])],
      }).http,
      ["a.io: /admin other/api:80, / redirects"],
    ));

  it("are served with another namespace's Secret where that is delegated", () => {
    const shared = gatewayHost("a.io", { virtualhost: { fqdn: "a.io", tls: { secretName: "certs/tls" } } });
    const secrets = [tlsSecret("certs")];
    const delegation = (targetNamespaces: string[]) => ({
      metadata: { name: "d", namespace: "certs" },
      spec: { delegations: [{ secretName: "tls", targetNamespaces }] },
    });
    const https = (...delegations: ReturnType<typeof delegation>[]) =>
      served({ gatewayHosts: [shared], secrets, delegations }).https.length;
    assert.deepEqual(
      [https(), https(delegation(["shop"])), https(delegation(["*"])), https(delegation(["x"]))],
      [0, 1, 1, 0],
    );
  });

  it("of names that differ in case are two hosts, which Envoy then refuses", () =>
    assert.deepEqual(served({ gatewayHosts: [host("a.io", web("/")), host("A.io", web("/"))] }).http.length, 2));

  it("of a wildcard are served without TLS alone", () => {
    const wild = (virtualhost: object) => gatewayHost("*.a.io", { virtualhost: { fqdn: "*.a.io", ...virtualhost } });
    assert.deepEqual(served({ gatewayHosts: [wild({})] }).http, ["*.a.io: / shop/web:80"]);
    assert.deepEqual(served({ gatewayHosts: [wild({ tls: { secretName: "tls" } })] }).http, []);
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
