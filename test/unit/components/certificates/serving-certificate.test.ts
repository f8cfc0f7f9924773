import assert from "node:assert/strict";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { keyArguments } from "../../../../components/certificates/certificate-authority";
import { type Lifetime, skippedPhase } from "../../../../mesh/authority";
import { leafLife, servingRootName, servingRootOf } from "../../../../mesh/serving-certificate";
import {
  ServingCertificate,
  type ServingCertificateArgs,
} from "../../../../components/certificates/serving-certificate";
import { issue } from "../../certificates";
import { run, valueOf } from "../../mocks";

const secretSignature = "4dabf18193072939515e22adb298388d";
const hosts = ["shop.example.com", "api.example.com"];
const deploy = (
  certificate: ServingCertificateArgs["certificate"],
  { namespaces = ["shop"], ...more }: Partial<ServingCertificateArgs> = {},
) =>
  run(() => {
    const cluster = new k8s.Provider("cluster");
    return new ServingCertificate("serving", { hosts, namespaces, certificate, ...more }, { providers: [cluster] });
  });

describe("ServingCertificate", () => {
  it("generates a CA and a leaf for all hosts, in ECDSA P-256", async () => {
    const { find, names } = await deploy({ issuer: "generated", extraNames: ["*.example.com", "shop.example.com"] });
    assert.deepEqual(names(), [
      "enroute-istio:gateway:ServingCertificate serving",
      "kubernetes:core/v1:Secret serving-shop",
      "pulumi:providers:kubernetes cluster",
      "tls:index/certRequest:CertRequest serving-leaf",
      "tls:index/locallySignedCert:LocallySignedCert serving-leaf",
      "tls:index/privateKey:PrivateKey serving-ca",
      "tls:index/privateKey:PrivateKey serving-leaf",
      "tls:index/selfSignedCert:SelfSignedCert serving-ca",
    ]);
    assert.deepEqual(find("CertRequest", "serving-leaf").inputs["dnsNames"], [
      "shop.example.com",
      "api.example.com",
      "*.example.com",
    ]);
    assert.deepEqual(find("PrivateKey", "serving-leaf").inputs, { algorithm: "ECDSA", ecdsaCurve: "P256" });
    const leaf = find("LocallySignedCert", "serving-leaf").inputs;
    assert.deepEqual(
      [leaf["validityPeriodHours"], leaf["earlyRenewalHours"], leaf["allowedUses"]],
      [90 * 24, 30 * 24, ["digital_signature", "key_encipherment", "server_auth"]],
    );
    const ca = find("SelfSignedCert", "serving-ca").inputs;
    assert.deepEqual([ca["isCaCertificate"], ca["validityPeriodHours"]], [true, 3650 * 24]);
  });

  it("covers IP addresses, lives and is renewed as the stack says, in RSA as well", async () => {
    const { find } = await deploy({
      issuer: "generated",
      ipAddresses: ["192.0.2.7", "2001:db8::7"],
      keyAlgorithm: "RSA-4096",
      validity: "24h",
      renewBefore: "6h",
      caValidity: "48h",
    });
    assert.deepEqual(find("CertRequest", "serving-leaf").inputs["ipAddresses"], ["192.0.2.7", "2001:db8::7"]);
    assert.deepEqual(find("PrivateKey", "serving-leaf").inputs, { algorithm: "RSA", rsaBits: 4096 });
    const leaf = find("LocallySignedCert", "serving-leaf").inputs;
    assert.deepEqual([leaf["validityPeriodHours"], leaf["earlyRenewalHours"]], [24, 6]);
    assert.equal(find("SelfSignedCert", "serving-ca").inputs["validityPeriodHours"], 48);
  });

  it("trusts several roots, signs with one, and tells clients of all, also in the Secret", async () => {
    const outputs = ({ type, name }: pulumi.runtime.MockResourceArgs) =>
      type.endsWith(":SelfSignedCert") ? { certPem: `<${name}>` } : {};
    const args = { hosts: ["a.example.com"], namespaces: ["shop"] };
    const certificate = { issuer: "generated" as const, roots: ["ca", "2026"], signer: "2026" };
    const { find, result } = await run(
      () => new ServingCertificate("serving", { ...args, certificate }, { providers: [new k8s.Provider("cluster")] }),
      { outputs },
    );
    const leaf = find("LocallySignedCert", "serving-leaf").inputs;
    assert.equal(leaf["caCertPem"], "<serving-ca-2026>");
    assert.equal((leaf["caPrivateKeyPem"] as { value: string }).value, "key of serving-ca-2026");
    assert.equal(await valueOf(result.caCertificate), "<serving-ca>\n<serving-ca-2026>\n");
    const { value: data } = find("Secret", "serving-shop").inputs["stringData"] as { value: Record<string, string> };
    assert.equal(data["ca.crt"], "<serving-ca>\n<serving-ca-2026>\n");
    const subjects = ["serving-ca", "serving-ca-2026"].map((root) => find("SelfSignedCert", root).inputs["subject"]);
    assert.deepEqual(
      subjects.map((subject) => (subject as { commonName: string }).commonName),
      ["EnRoute gateway CA", "EnRoute gateway CA 2026"],
    );
  });

  it("has cert-manager issue into a Secret of another name, and waits until it is there", async () => {
    const certificate = {
      issuer: "certManager" as const,
      issuerRef: { name: "letsencrypt", kind: "ClusterIssuer" },
      secretName: "shop-tls",
      extraNames: ["www.example.com"],
      ipAddresses: ["192.0.2.7"],
      keyAlgorithm: "ECDSA-P384" as const,
      validity: "24h",
      renewBefore: "8h",
    };
    const { names, find, result } = await deploy(certificate, { envoyTag: "v1.33.0" });
    assert.deepEqual(names(), [
      "enroute-istio:gateway:ServingCertificate serving",
      "kubernetes:cert-manager.io/v1:Certificate serving-shop",
      "pulumi:providers:kubernetes cluster",
    ]);
    assert.equal(result.secretName, "shop-tls");
    const { metadata, spec } = find("Certificate", "serving-shop").inputs;
    assert.deepEqual(metadata, {
      name: "shop-tls",
      namespace: "shop",
      annotations: {
        "enroute-istio/extra-names": "www.example.com,192.0.2.7",
        "pulumi.com/waitFor": "condition=Ready",
      },
    });
    assert.deepEqual(spec, {
      secretName: "shop-tls",
      issuerRef: { name: "letsencrypt", kind: "ClusterIssuer", group: "cert-manager.io" },
      dnsNames: ["shop.example.com", "api.example.com", "www.example.com"],
      ipAddresses: ["192.0.2.7"],
      duration: "24h",
      renewBefore: "8h",
      privateKey: { algorithm: "ECDSA", size: 384, rotationPolicy: "Always" },
      usages: ["digital signature", "key encipherment", "server auth"],
    });
  });

  it("asks cert-manager in each namespace for its own hosts alone", async () => {
    const certificate: ServingCertificateArgs["certificate"] = {
      issuer: "certManager",
      secretName: "tls",
      issuerRef: { name: "ours" },
      extraNames: ["www.b"],
    };
    const hosts = ["shop.a", "blog.a", "both.a"];
    const hostsOf = { shop: ["shop.a", "both.a"], blog: ["blog.a", "both.a"] };
    const { find } = await deploy(certificate, { namespaces: ["shop", "blog", "news"], hosts, hostsOf });
    const asked = (namespace: string) =>
      (find("Certificate", `serving-${namespace}`).inputs["spec"] as { dnsNames: string[] }).dnsNames;
    assert.deepEqual(asked("shop"), ["shop.a", "both.a", "www.b"]);
    assert.deepEqual(asked("blog"), ["blog.a", "both.a", "www.b"]);
    assert.deepEqual(asked("news"), [...hosts, "www.b"]);
  });

  it("puts the same TLS Secret into every namespace with hosts", async () => {
    const { resources } = await deploy({ issuer: "generated" }, { namespaces: ["shop", "blog"] });
    const secrets = resources.filter(({ type }) => type.endsWith(":Secret"));
    assert.deepEqual(
      secrets.map(({ inputs }) => [(inputs["metadata"] as { namespace: string }).namespace, inputs["type"]]),
      [
        ["shop", "kubernetes.io/tls"],
        ["blog", "kubernetes.io/tls"],
      ],
    );
  });

  it("sends a provided key as a secret even where it was given in plain text", async () => {
    const { certificate, privateKey } = await issue({ hosts });
    const { find, resources } = await deploy({ issuer: "provided", certificateChain: certificate, privateKey });
    const data = find("Secret", "serving-shop").wire["stringData"] as Record<string, unknown>;
    assert.ok(secretSignature in data, "the data as a whole, or the key alone, is a secret on the wire");
    const elsewhere = resources.filter(({ name }) => name !== "serving-shop");
    assert.ok(!JSON.stringify(elsewhere).includes(JSON.stringify(privateKey).slice(1, -1)));
  });

  it("never gives key material to the component itself, whose inputs land in the state", async () => {
    const { certificate, privateKey } = await issue();
    const { find } = await deploy({
      issuer: "provided",
      certificateChain: certificate,
      privateKey: pulumi.secret(privateKey),
    });
    assert.deepEqual(find("ServingCertificate", "serving").wire, {});
  });

  it("makes nothing for an existing Secret", async () => {
    const { names, result } = await deploy({ issuer: "existingSecret", secretName: "shop-tls" });
    assert.deepEqual(names(), [
      "enroute-istio:gateway:ServingCertificate serving",
      "pulumi:providers:kubernetes cluster",
    ]);
    assert.equal(result.secretName, "shop-tls");
    assert.deepEqual(
      [await valueOf(result.caCertificate), await valueOf(result.endOfValidity)],
      [undefined, undefined],
    );
  });

  it("tells the CA and the end of validity", async () => {
    const notAfter = new Date("2030-01-02T03:04:05Z");
    const authority = await issue({ name: "the CA", ca: true });
    const { certificate, privateKey } = await issue({ hosts, notAfter, issuer: authority });
    const { result } = await deploy({
      issuer: "provided",
      certificateChain: certificate,
      privateKey,
      caCertificate: authority.certificate,
    });
    assert.equal(await valueOf(result.endOfValidity), notAfter.toISOString());
    assert.equal(await valueOf(result.caCertificate), authority.certificate);
  });

  it("two in one program do not collide", async () => {
    const { resources } = await run(() => {
      const opts = { providers: [new k8s.Provider("cluster")] };
      for (const name of ["one", "two"])
        new ServingCertificate(
          name,
          { hosts: ["a.example.com"], namespaces: [name], certificate: { issuer: "generated" } },
          opts,
        );
    });
    const urns = resources.map(({ urn }) => urn);
    assert.equal(new Set(urns).size, urns.length);
  });
});

describe("keyArguments", () => {
  it("tells curves from sizes", () => {
    assert.deepEqual(keyArguments("ECDSA-P384"), { algorithm: "ECDSA", ecdsaCurve: "P384" });
    assert.deepEqual(keyArguments("RSA-4096"), { algorithm: "RSA", rsaBits: 4096 });
  });
});

describe("leafLife", () => {
  it("renews in the last third, unless told otherwise", () => {
    const early = (certificate: Lifetime) => leafLife(certificate).earlyRenewalHours;
    assert.deepEqual([early({}), early({ validity: "2h" }), early({ renewBefore: "24h" })], [720, 1, 24]);
  });
});

describe("a root's name", () => {
  it("is told from its certificate's common name", () => {
    for (const root of ["ca", "2026", "b"]) assert.equal(servingRootOf(servingRootName(root)), root);
    assert.equal(servingRootOf("Some other CA"), undefined);
  });
});

describe("a change of roots", () => {
  const roots = (signer: string, ...names: string[]) => ({ roots: names, signer });
  it("goes by phases: add, let sign, drop", () => {
    const phases = [roots("a", "a"), roots("a", "a", "b"), roots("b", "a", "b"), roots("b", "b")];
    for (let phase = 1; phase < phases.length; phase++)
      assert.equal(skippedPhase(phases[phase - 1]!, phases[phase]!), undefined);
    assert.equal(skippedPhase(roots("b", "a", "b"), roots("a", "a", "b")), undefined, "and back");
  });
  it("refuses to skip one, with the reason and what to do", () => {
    const hurried = skippedPhase(roots("a", "a"), roots("b", "a", "b"))!;
    assert.match(hurried.problem, /root b is to sign in the update that adds it: nobody trusts it yet/);
    assert.match(hurried.fix, /keep signer: a/);
    assert.match(skippedPhase(roots("a", "a"), roots("b", "b"))!.problem, /nobody trusts it yet/);
    const dropped = skippedPhase(roots("a", "a", "b"), roots("b", "b"))!;
    assert.match(dropped.problem, /root a has signed the certificates in use, and is dropped/);
    assert.match(dropped.fix, /switch signer to b first/);
  });
});
