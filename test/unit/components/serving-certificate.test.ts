import assert from "node:assert/strict";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { ServingCertificate, type ServingCertificateArgs, keyArguments } from "../../../components/serving-certificate";
import { issue } from "../certificates";
import { run, valueOf } from "../mocks";

const secretSignature = "4dabf18193072939515e22adb298388d";
const deploy = (certificate: ServingCertificateArgs["certificate"], namespaces = ["shop"]) =>
  run(() => {
    const cluster = new k8s.Provider("cluster");
    const hosts = ["shop.example.com", "api.example.com"];
    return new ServingCertificate("serving", { hosts, namespaces, certificate }, { providers: [cluster] });
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

  it("puts the same TLS Secret into every namespace with hosts", async () => {
    const { resources } = await deploy({ issuer: "generated" }, ["shop", "blog"]);
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
    const { certificate, privateKey } = await issue({ hosts: ["shop.example.com"] });
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
    const { certificate, privateKey } = await issue({ notAfter });
    const { result } = await deploy({
      issuer: "provided",
      certificateChain: certificate,
      privateKey,
      caCertificate: "the CA",
    });
    assert.equal(await valueOf(result.endOfValidity), notAfter.toISOString());
    assert.equal(await valueOf(result.caCertificate), "the CA");
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
