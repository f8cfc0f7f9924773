import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, createPublicKey, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  locallySign,
  requestCertificate,
  selfSign,
  type CertificateTerms,
  type Identity,
  type Issued,
} from "../../../sandbox/engine/tls/certificates";
import {
  generatePrivateKey,
  keyId,
  keyOutputs,
  parsePrivateKey,
  type Algorithm,
} from "../../../sandbox/engine/tls/keys";
import {
  changes,
  checkInputs,
  createState,
  currentState,
  markSecrets,
  plannedState,
  updatedState,
} from "../../../sandbox/engine/tls/plan";
import { resourceKinds, type ResourceKind } from "../../../sandbox/engine/tls/resources";
import { Secret, unknown, type Properties, type Value } from "../../../sandbox/engine/wire";

const now = new Date("2026-11-23T12:00:00.250Z");
const hour = 3_600_000;

const keyKind = resourceKinds["tls:index/privateKey:PrivateKey"]!;
const requestKind = resourceKinds["tls:index/certRequest:CertRequest"]!;
const selfSignedKind = resourceKinds["tls:index/selfSignedCert:SelfSignedCert"]!;
const locallySignedKind = resourceKinds["tls:index/locallySignedCert:LocallySignedCert"]!;

const signers: [string, Algorithm, "P224" | "P256" | "P384" | "P521"][] = [
  ["RSA", "RSA", "P224"],
  ["ECDSA P256", "ECDSA", "P256"],
  ["ECDSA P384", "ECDSA", "P384"],
  ["ECDSA P521", "ECDSA", "P521"],
  ["ED25519", "ED25519", "P224"],
];

const terms = (more: Partial<CertificateTerms> = {}): CertificateTerms => ({
  validityPeriodHours: 24,
  allowedUses: ["digital_signature", "server_auth"],
  isCaCertificate: false,
  setSubjectKeyId: false,
  ...more,
});

const authorityTerms = terms({ isCaCertificate: true, allowedUses: ["cert_signing", "crl_signing"] });

/** Asks the openssl command, an implementation that shares nothing with ours. */
function openssl(args: string[], input = ""): string {
  const { error, status, stdout, stderr } = spawnSync("openssl", args, { input, encoding: "utf8" });
  if (error !== undefined) throw new Error(`these tests need the command "openssl" as a judge: ${error.message}`);
  assert.equal(status, 0, `openssl ${args.join(" ")}: ${stderr}`);
  return stdout;
}

const extension = (pem: string, name: string): string =>
  openssl(["x509", "-noout", "-ext", name], pem).replace(/\s+/g, " ").trim();

async function newKey(
  algorithm: Algorithm = "ECDSA",
  curve: "P224" | "P256" | "P384" | "P521" = "P256",
): Promise<string> {
  return keyOutputs(await generatePrivateKey(algorithm, 2048, curve))["privateKeyPem"]!;
}

async function newAuthority(key: string, subject = { commonName: "Test CA" }): Promise<Issued> {
  return selfSign(key, { subject }, authorityTerms, false, new Date());
}

describe("the tls stand-in's private keys", () => {
  for (const [name, algorithm, curve] of signers) {
    it(`have openssl's forms for ${name}`, async () => {
      const outputs = keyOutputs(await generatePrivateKey(algorithm, 2048, curve));
      const label = { RSA: "RSA PRIVATE KEY", ECDSA: "EC PRIVATE KEY", ED25519: "PRIVATE KEY" }[algorithm];
      assert.match(outputs["privateKeyPem"]!, new RegExp(`^-----BEGIN ${label}-----\n[^-]+-----END ${label}-----\n$`));
      assert.match(outputs["privateKeyPemPkcs8"]!, /^-----BEGIN PRIVATE KEY-----\n[^-]+-----END PRIVATE KEY-----\n$/);
      for (const form of ["privateKeyPem", "privateKeyPemPkcs8"]) {
        assert.equal(openssl(["pkey", "-pubout"], outputs[form]), outputs["publicKeyPem"]);
      }
    });
  }

  it("may be of curve P224", async () => {
    const outputs = keyOutputs(await generatePrivateKey("ECDSA", 2048, "P224"));
    assert.match(openssl(["pkey", "-noout", "-text"], outputs["privateKeyPem"]), /secp224r1/);
  });

  it("have the size that was asked for", async () => {
    const key = await generatePrivateKey("RSA", 3072, "P224");
    assert.equal(key.asymmetricKeyDetails?.modulusLength, 3072);
  });

  it("are identified by the SHA-1 of their public key", async () => {
    const key = await generatePrivateKey("ECDSA", 2048, "P256");
    const spki = createPublicKey(key).export({ format: "der", type: "spki" });
    assert.equal(keyId(key), createHash("sha1").update(spki).digest("hex"));
  });

  it("are refused in other forms, by errors that do not show them", () => {
    const openSsh = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n";
    assert.throws(() => parsePrivateKey(openSsh, "CA private key"), {
      message: 'Failed to parse CA private key PEM: unsupported preamble "OPENSSH PRIVATE KEY"',
    });
    assert.throws(
      () => parsePrivateKey("secret", "private key"),
      /^Error: Failed to parse private key PEM: [^:]*: empty or/,
    );
    const broken = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    assert.throws(
      () => parsePrivateKey(broken, "private key"),
      (error: Error) => !error.message.includes("c2Vjc"),
    );
  });
});

describe("the tls stand-in's certificates", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "enroute-tls-"))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  function verify(authority: string, leaf: string, ...more: string[]): void {
    const files = [join(folder, "ca.pem"), join(folder, "leaf.pem")] as const;
    writeFileSync(files[0], authority);
    writeFileSync(files[1], leaf);
    assert.equal(openssl(["verify", "-x509_strict", ...more, "-CAfile", ...files]), `${files[1]}: OK\n`);
  }

  async function leafOf(
    authority: string,
    key: string,
    identity: Identity,
    more: Partial<CertificateTerms> = {},
  ): Promise<Issued> {
    const { pem } = await requestCertificate(await newKey(), identity);
    return locallySign(pem, authority, key, terms(more), new Date(), assert.fail);
  }

  for (const [name, algorithm, curve] of signers) {
    it(`form chains that openssl trusts, strictly, when ${name} signs`, async () => {
      const key = await newKey(algorithm, curve);
      const authority = await newAuthority(key);
      const { pem: request, algorithm: requested } = await requestCertificate(key, { dnsNames: ["a.example"] });
      assert.match(openssl(["req", "-verify", "-noout", "-text"], request), /DNS:a\.example/);
      const leaf = await locallySign(request, authority.certPem, key, terms(), new Date(), assert.fail);
      verify(authority.certPem, leaf.certPem, "-purpose", "sslserver", "-verify_hostname", "a.example");
      assert.ok(new X509Certificate(leaf.certPem).verify(new X509Certificate(authority.certPem).publicKey));
      assert.deepEqual([authority.algorithm, leaf.algorithm, requested], [algorithm, algorithm, algorithm]);
    });
  }

  it("are for every name of the request", async () => {
    const key = await newKey();
    const authority = await newAuthority(key);
    const identity = {
      dnsNames: ["*.b.example", "b.example"],
      ipAddresses: ["127.0.0.1", "::1"],
      uris: ["spiffe://t/ns/a"],
    };
    const { certPem } = await leafOf(authority.certPem, key, identity);
    assert.equal(
      extension(certPem, "subjectAltName"),
      "X509v3 Subject Alternative Name: critical DNS:*.b.example, DNS:b.example, IP Address:127.0.0.1, " +
        "IP Address:0:0:0:0:0:0:0:1, URI:spiffe://t/ns/a",
    );
    verify(authority.certPem, certPem, "-verify_ip", "127.0.0.1");
  });

  it("name their subject in Go's order, e-mail only where self-signed", async () => {
    const subject = {
      emailAddress: "me@example.org",
      commonName: "name",
      serialNumber: "7",
      organizationalUnit: "unit",
      organization: "Ünit & Co",
      postalCode: "1010",
      streetAddresses: ["Street 1", "Door 2"],
      locality: "Vienna",
      province: "Vienna",
      country: "AT",
    };
    const key = await newKey();
    const show = (pem: string): string =>
      openssl(["x509", "-noout", "-subject", "-nameopt", "sep_comma_plus_space,utf8,sname"], pem).trim();
    const own = await selfSign(key, { subject }, authorityTerms, false, new Date());
    const common =
      "subject=C=AT, ST=Vienna, L=Vienna, street=Street 1 + street=Door 2, postalCode=1010, O=Ünit & Co, OU=unit, CN=name, serialNumber=7";
    assert.equal(show(own.certPem), `${common}, emailAddress=me@example.org`);
    assert.equal(show((await leafOf(own.certPem, key, { subject })).certPem), common);
  });

  it("carry their authority's subject as issuer, byte for byte", async () => {
    const key = await newKey();
    const authority = await newAuthority(key, { commonName: 'Ünïcode, "quoted" + more' });
    const leaf = await leafOf(authority.certPem, key, { dnsNames: ["a.example"] });
    verify(authority.certPem, leaf.certPem);
  });

  it("carry the usages that were asked for, extended ones in their order", async () => {
    const key = await newKey();
    const uses = ["client_auth", "key_encipherment", "server_auth", "decipher_only", "digital_signature"];
    const { certPem } = await selfSign(key, { subject: { commonName: "a" } }, terms({ allowedUses: uses }), false, now);
    assert.equal(
      extension(certPem, "keyUsage,extendedKeyUsage"),
      "X509v3 Key Usage: critical Digital Signature, Key Encipherment, Decipher Only " +
        "X509v3 Extended Key Usage: TLS Web Client Authentication, TLS Web Server Authentication",
    );
  });

  it("carry no usage extension where none was asked for", async () => {
    const { certPem } = await selfSign(await newKey(), {}, terms({ allowedUses: [] }), false, now);
    assert.doesNotMatch(openssl(["x509", "-noout", "-text"], certPem), /Usage/);
  });

  it("say whether they are an authority, and how long a chain may be", async () => {
    const key = await newKey();
    const constraints = async (more: Partial<CertificateTerms>): Promise<string> => {
      const { certPem } = await selfSign(key, { subject: { commonName: "a" } }, terms(more), false, now);
      return extension(certPem, "basicConstraints").replace("X509v3 Basic Constraints: critical ", "");
    };
    assert.equal(await constraints({}), "CA:FALSE");
    assert.equal(await constraints({ isCaCertificate: true }), "CA:TRUE");
    assert.equal(await constraints({ isCaCertificate: true, maxPathLength: 2 }), "CA:TRUE, pathlen:2");
    assert.equal(await constraints({ isCaCertificate: true, maxPathLength: 0 }), "CA:TRUE");
    await assert.rejects(constraints({ maxPathLength: 1 }), /only CAs are allowed to specify MaxPathLen/);
  });

  it("carry key ids: authorities their own, others on request, and always their authority's", async () => {
    const key = await newKey();
    const authority = await newAuthority(key);
    const point = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-65);
    const id = createHash("sha1")
      .update(point)
      .digest("hex")
      .toUpperCase()
      .replace(/(..)(?!$)/g, "$1:");
    assert.equal(extension(authority.certPem, "subjectKeyIdentifier"), `X509v3 Subject Key Identifier: ${id}`);
    assert.doesNotMatch(openssl(["x509", "-noout", "-text"], authority.certPem), /Authority Key/);
    const leaf = await leafOf(authority.certPem, key, { dnsNames: ["a"] });
    assert.equal(extension(leaf.certPem, "authorityKeyIdentifier"), `X509v3 Authority Key Identifier: ${id}`);
    assert.doesNotMatch(openssl(["x509", "-noout", "-text"], leaf.certPem), /Subject Key/);
    const marked = await leafOf(authority.certPem, key, { dnsNames: ["a"] }, { setSubjectKeyId: true });
    assert.match(
      extension(marked.certPem, "subjectKeyIdentifier"),
      /^X509v3 Subject Key Identifier: ([0-9A-F]{2}:?){20}$/,
    );
    const own = await selfSign(key, {}, terms({ setSubjectKeyId: true }), true, now);
    assert.equal(extension(own.certPem, "authorityKeyIdentifier"), `X509v3 Authority Key Identifier: ${id}`);
  });

  it("are valid from now for the given hours, in whole seconds, even beyond 2050", async () => {
    const { certPem, start, end } = await selfSign(
      await newKey(),
      { subject: { commonName: "a" } },
      terms({ validityPeriodHours: 24 * 365 * 40 }),
      false,
      now,
    );
    assert.equal(
      openssl(["x509", "-noout", "-dates", "-dateopt", "iso_8601"], certPem),
      "notBefore=2026-11-23 12:00:00Z\nnotAfter=2066-11-13 12:00:00Z\n",
    );
    assert.deepEqual([start, end], [now, new Date(now.getTime() + 24 * 365 * 40 * hour)]);
  });

  it("are identified by their serial number, another one each time", async () => {
    const key = await newKey();
    const [one, other] = [await newAuthority(key), await newAuthority(key)];
    const serial = openssl(["x509", "-noout", "-serial"], one.certPem).trim().replace("serial=", "0x");
    assert.equal(one.serialNumber, BigInt(serial).toString());
    assert.notEqual(one.serialNumber, other.serialNumber);
  });

  it("are refused with one clear error", async () => {
    const key = await newKey();
    const authority = await newAuthority(key);
    const { pem: request } = await requestCertificate(key, { dnsNames: ["a"] });
    const sign = (...[requestPem, caPem, caKey]: [string, string, string]): Promise<Issued> =>
      locallySign(requestPem, caPem, caKey, terms(), now, assert.fail);
    const p224 = await newKey("ECDSA", "P224");
    await assert.rejects(sign(authority.certPem, authority.certPem, key), {
      message:
        'Failed to parse certificate request PEM: invalid PEM type - expected "CERTIFICATE REQUEST", got "CERTIFICATE"',
    });
    await assert.rejects(
      sign(request, "nonsense", key),
      /Failed to parse CA certificate PEM: failed to decode PEM block/,
    );
    await assert.rejects(sign(request, authority.certPem, "x"), /Failed to parse CA private key PEM/);
    await assert.rejects(
      sign(request, authority.certPem, p224),
      /CA private key is on curve secp224r1.*use ecdsaCurve P256/,
    );
    await assert.rejects(
      requestCertificate(key, { ipAddresses: ["1.2.3"] }),
      /^Error: Invalid IP address: .*"1\.2\.3"/,
    );
    await assert.rejects(requestCertificate(key, { uris: ["no uri"] }), /^Error: Invalid URI: .*"no uri"/);
    await assert.rejects(selfSign(key, {}, authorityTerms, false, now), /Invalid Certificate Subject/);
    await assert.rejects(selfSign(key, {}, terms(), true, now), /Invalid Certificate Authority/);
  });

  it("come with a warning if their authority is none", async () => {
    const key = await newKey();
    const { certPem } = await selfSign(key, { subject: { commonName: "none" } }, terms(), false, new Date());
    const { pem } = await requestCertificate(key, { dnsNames: ["a"] });
    const warnings: string[] = [];
    await locallySign(pem, certPem, key, terms(), new Date(), (message) => warnings.push(message));
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /not marked as one/);
  });
});

describe("the tls stand-in's resources", () => {
  const pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
  const inputs: Properties = { privateKeyPem: pem, validityPeriodHours: 24, allowedUses: ["server_auth"] };
  const state: Properties = {
    ...inputs,
    earlyRenewalHours: 0,
    isCaCertificate: false,
    setSubjectKeyId: false,
    setAuthorityKeyId: false,
    validityEndTime: new Date(now.getTime() + 24 * hour).toISOString(),
    readyForRenewal: false,
    certPem: "made",
  };
  const changed = (more: Record<string, Value>, at = now, ignored: string[] = []): unknown[] =>
    changes(selfSignedKind, state, { ...inputs, ...more }, ignored, at);

  const failures = (kind: ResourceKind, given: Properties): string[] =>
    checkInputs(kind, given).map(({ property, reason }) => `${property}: ${reason}`);

  it("name every wrong input", () => {
    assert.deepEqual(failures(keyKind, { algorithm: "DSA", rsaBits: "2048", ecdsaCurve: "P1" }), [
      'algorithm: "DSA" is not one of "RSA", "ECDSA", "ED25519"',
      "rsaBits: must be a whole number",
      'ecdsaCurve: "P1" is not one of "P224", "P256", "P384", "P521"',
    ]);
    assert.deepEqual(failures(requestKind, { dnsNames: "a", subject: "b", uris: [1] }), [
      'privateKeyPem: Missing required property "privateKeyPem"',
      "subject: must be an object such as {commonName}",
      "dnsNames: must be a list of texts",
      "uris: must be a list of texts",
    ]);
    const wrong = { validityPeriodHours: -1, earlyRenewalHours: -2, maxPathLength: -3, isCaCertificate: "true" };
    const [uses, ...rest] = failures(selfSignedKind, {
      privateKeyPem: pem,
      ...wrong,
      allowedUses: ["serverAuth"],
    }).sort();
    assert.match(uses!, /^allowedUses: "serverAuth" is not one of .*"server_auth"/);
    assert.deepEqual(rest, [
      "earlyRenewalHours: must be at least 0, but is -2",
      "isCaCertificate: must be true or false",
      "maxPathLength: must be at least -1, but is -3",
      "validityPeriodHours: must be at least 0, but is -1",
    ]);
  });

  it("accept what is not known yet", () => {
    const all = Object.fromEntries(Object.keys(locallySignedKind.inputs).map((name) => [name, new Secret(unknown)]));
    assert.deepEqual(failures(locallySignedKind, all), []);
    assert.deepEqual(
      failures(selfSignedKind, { ...inputs, allowedUses: [unknown, "server_auth"], maxPathLength: -1 }),
      [],
    );
  });

  it("mark key inputs as secrets", () => {
    assert.deepEqual(markSecrets(requestKind, { privateKeyPem: pem, dnsNames: ["a"] }), {
      privateKeyPem: new Secret(pem),
      dnsNames: ["a"],
    });
  });

  it("plan with defaults, and with unknown secrets", () => {
    assert.deepEqual(plannedState(keyKind, { algorithm: "RSA" }), {
      algorithm: "RSA",
      rsaBits: 2048,
      ecdsaCurve: "P224",
      privateKeyPem: new Secret(unknown),
      privateKeyPemPkcs8: new Secret(unknown),
      publicKeyPem: unknown,
    });
  });

  it("are made with every output that was planned, and keep key material secret", async () => {
    const { id, state: key } = await createState(keyKind, { algorithm: "ECDSA", ecdsaCurve: "P256" }, assert.fail);
    assert.match(id, /^[0-9a-f]{40}$/);
    assert.deepEqual(Object.keys(key).sort(), Object.keys(plannedState(keyKind, { algorithm: "ECDSA" })).sort());
    const privateKeyPem = key["privateKeyPem"] as Secret;
    assert.ok(privateKeyPem instanceof Secret);
    const request = await createState(requestKind, { privateKeyPem, dnsNames: ["a.example"] }, assert.fail);
    assert.match(request.id, /^[0-9a-f]{40}$/);
    assert.deepEqual(request.state["privateKeyPem"], privateKeyPem);
    const given = { privateKeyPem, subject: { commonName: "a" }, validityPeriodHours: 1, allowedUses: [] };
    const cert = await createState(selfSignedKind, given, assert.fail);
    assert.match(cert.id, /^[0-9]+$/);
    const planned = Object.keys(plannedState(selfSignedKind, given));
    assert.deepEqual(Object.keys(cert.state).sort(), planned.sort());
    assert.equal(typeof cert.state["certPem"], "string");
    assert.equal(cert.state["readyForRenewal"], false);
  });

  it("are ready for renewal at once if their early renewal is as long as their validity", async () => {
    const given = { privateKeyPem: await newKey(), validityPeriodHours: 2, allowedUses: [] };
    const ready = async (more: Properties): Promise<unknown> =>
      (await createState(selfSignedKind, { ...given, ...more }, assert.fail)).state["readyForRenewal"];
    assert.equal(await ready({ earlyRenewalHours: 1 }), false);
    assert.equal(await ready({ earlyRenewalHours: 2 }), true);
    assert.equal(await ready({ validityPeriodHours: 0 }), true);
  });

  it("do not change while their inputs are the same, defaults and secrets aside", () => {
    assert.deepEqual(changed({}), []);
    assert.deepEqual(changed({ isCaCertificate: false, earlyRenewalHours: 0, privateKeyPem: new Secret(pem) }), []);
  });

  it("are replaced for other inputs", () => {
    assert.deepEqual(changed({ validityPeriodHours: 25, subject: { commonName: "a" } }), [
      { property: "subject", replaces: true, kind: "add" },
      { property: "validityPeriodHours", replaces: true, kind: "update" },
    ]);
    const before = { ...state, subject: { commonName: "a" } };
    assert.deepEqual(changes(selfSignedKind, before, inputs, [], now), [
      { property: "subject", replaces: true, kind: "delete" },
    ]);
    assert.deepEqual(changed({ privateKeyPem: unknown }), [
      { property: "privateKeyPem", replaces: true, kind: "update" },
    ]);
  });

  it("are updated in place for another time of renewal, and for an old text that was no PEM", () => {
    assert.deepEqual(changed({ earlyRenewalHours: 3 }), [
      { property: "earlyRenewalHours", replaces: false, kind: "update" },
    ]);
    assert.deepEqual(changes(selfSignedKind, { ...state, privateKeyPem: "none" }, inputs, [], now), [
      { property: "privateKeyPem", replaces: false, kind: "update" },
    ]);
    assert.deepEqual(updatedState(selfSignedKind, state, { ...inputs, earlyRenewalHours: 3 }), {
      ...state,
      privateKeyPem: new Secret(pem),
      earlyRenewalHours: 3,
    });
  });

  it("leave ignored inputs alone", () => {
    assert.deepEqual(changed({ validityPeriodHours: 25 }, now, ["validityPeriodHours"]), []);
  });

  it("are replaced, and refreshed as ready, from the moment of renewal on", () => {
    const renewal = { property: "readyForRenewal", replaces: true, kind: "update" };
    const at = (hours: number): Date => new Date(now.getTime() + hours * hour);
    assert.deepEqual(changed({}, at(23.9)), []);
    assert.deepEqual(changed({}, at(24)), [renewal]);
    const early = { ...state, earlyRenewalHours: 4 };
    assert.deepEqual(changes(selfSignedKind, early, { ...inputs, earlyRenewalHours: 4 }, [], at(20)), [renewal]);
    assert.deepEqual(changes(selfSignedKind, early, { ...inputs, earlyRenewalHours: 4 }, [], at(19.9)), []);
    assert.equal(currentState(selfSignedKind, early, at(19.9))["readyForRenewal"], false);
    assert.equal(currentState(selfSignedKind, early, at(20))["readyForRenewal"], true);
    assert.equal(currentState(keyKind, { algorithm: "RSA" }, at(20))["readyForRenewal"], undefined);
  });
});
