import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { certificateProblems, commonName, endOfValidity, parseChain } from "../../../base/certificate";
import { type Issued, issue } from "../certificates";

const day = 24 * 3600_000;

describe("a serving certificate", () => {
  let ca: Issued, leaf: Issued;
  before(async () => {
    ca = await issue({ name: "ca", ca: true });
    leaf = await issue({ name: "leaf", hosts: ["shop.example.com", "*.api.example.com"], issuer: ca });
  });
  const problems = (
    certificateChain: string,
    privateKey: string,
    hosts: string[],
    now?: Date,
    caCertificate?: string,
  ) =>
    certificateProblems({ certificateChain, privateKey, caCertificate }, hosts, now).map(
      ({ part, problem }) => `${part}: ${problem}`,
    );

  it("passes with its chain, its key and its hosts", () => {
    const chain = leaf.certificate + ca.certificate;
    assert.deepEqual(problems(chain, leaf.privateKey, ["shop.example.com", "v1.api.example.com"]), []);
  });

  it("fails with another key, and the text does not hold the key", () => {
    const found = problems(leaf.certificate, ca.privateKey, []);
    assert.deepEqual(found, ["privateKey: does not match the first certificate of certificateChain"]);
  });

  it("fails with a text that is no key", () => {
    assert.match(problems(leaf.certificate, "sesame", [])[0]!, /^privateKey: is no PEM private key/);
    assert.ok(!problems(leaf.certificate, "sesame", []).join().includes("sesame"));
  });

  it("fails after its end and before its start", () => {
    assert.match(problems(leaf.certificate, leaf.privateKey, [], new Date(Date.now() + 2 * day))[0]!, /expired on/);
    assert.match(
      problems(leaf.certificate, leaf.privateKey, [], new Date(Date.now() - 2 * day))[0]!,
      /not valid before/,
    );
  });

  it("fails in the wrong order", () => {
    const found = problems(ca.certificate + leaf.certificate, ca.privateKey, []);
    assert.match(found[0]!, /certificate 2 did not sign certificate 1: put the leaf first/);
  });

  it("fails, once, with the issuer before the leaf", () => {
    assert.deepEqual(problems(ca.certificate + leaf.certificate, leaf.privateKey, ["shop.example.com"]), [
      "certificateChain: is in the wrong order: the key is that of certificate 2; put the leaf first",
    ]);
  });

  it("fails where the chain does not lead to the CA that clients trust", async () => {
    const middle = await issue({ name: "middle", ca: true, issuer: ca });
    const below = await issue({ name: "below", issuer: middle });
    const check = (chain: string) => problems(chain, below.privateKey, [], undefined, ca.certificate);
    assert.deepEqual(check(below.certificate + middle.certificate), []);
    assert.deepEqual(check(below.certificate), [
      "certificateChain: is incomplete, or of another CA: it ends at below, issued by middle, which caCertificate does not hold",
    ]);
  });

  it("fails with an issuer that is no CA, or may not sign certificates", async () => {
    const noCa = await issue({ name: "no CA", issuer: ca });
    const noSigner = await issue({ name: "no signer", ca: true, issuer: ca, maySign: false });
    for (const [issuer, expected] of [
      [
        noCa,
        /^certificateChain: certificate 2 of the chain may not issue certificates: it lacks the CA flag, or the key usage/,
      ],
      [
        noSigner,
        /^certificateChain: certificate 2 .* may not issue certificates: it lacks the CA flag, or the key usage/,
      ],
    ] as const) {
      const one = await issue({ name: "one", issuer });
      const found = problems(one.certificate + issuer.certificate, one.privateKey, []);
      assert.equal(found.length, 1, found.join("\n"));
      assert.match(found[0]!, expected);
    }
    assert.match(
      problems(leaf.certificate, leaf.privateKey, [], undefined, noCa.certificate + ca.certificate).join(),
      /^caCertificate: no CA is no CA: it lacks the CA flag, or/,
    );
  });

  it("can be checked by the public half of its key", () => {
    const publicKey = createPublicKey(leaf.privateKey).export({ type: "spki", format: "pem" }).toString();
    assert.deepEqual(certificateProblems({ certificateChain: leaf.certificate, publicKey }, []), []);
  });

  it("names the hosts that it does not cover", () => {
    const found = problems(leaf.certificate, leaf.privateKey, ["shop.example.com", "other.example.com"]);
    assert.match(found[0]!, /does not cover other\.example\.com; it is for DNS:shop\.example\.com/);
  });

  it("fails with a text that is no certificate", () => {
    assert.match(problems("nothing", leaf.privateKey, [])[0]!, /holds no PEM certificate/);
    const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    assert.match(problems(leaf.certificate + broken, leaf.privateKey, [])[0]!, /certificate 2 of 2 cannot be read/);
  });

  it("tells its end of validity in UTC", () => {
    assert.equal(endOfValidity(leaf.certificate), new Date(parseChain(leaf.certificate)[0]!.validTo).toISOString());
    assert.match(endOfValidity(leaf.certificate), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });
});

describe("a common name", () => {
  const names: [given: string | undefined, expected: string][] = [
    ["O=acme\nCN=root", "root"],
    ["O=acme\nC=NL", "O=acme, C=NL"],
    // As Node.js has the subject of a certificate without one, such as cert-manager's leaves.
    [undefined, "(no subject)"],
    ["", "(no subject)"],
  ];
  for (const [given, expected] of names)
    it(`of ${JSON.stringify(given)} is ${expected}`, () => assert.equal(commonName(given), expected));
});
