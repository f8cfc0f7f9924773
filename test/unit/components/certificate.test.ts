import assert from "node:assert/strict";
import { certificateProblems, endOfValidity, parseChain } from "../../../components/certificate";
import { type Issued, issue } from "../certificates";

const day = 24 * 3600_000;

describe("a serving certificate", () => {
  let ca: Issued, leaf: Issued;
  before(async () => {
    ca = await issue({ name: "ca", ca: true });
    leaf = await issue({ name: "leaf", hosts: ["shop.example.com", "*.api.example.com"], issuer: ca });
  });
  const problems = (chain: string, key: string, hosts: string[], now?: Date) =>
    certificateProblems(chain, key, hosts, now).map(({ part, problem }) => `${part}: ${problem}`);

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
