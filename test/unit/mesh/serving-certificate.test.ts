import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { parseChain, uncoveredHosts } from "../../../base/certificate";
import { keyAlgorithms } from "../../../mesh/authority";
import {
  algorithmProblem,
  envoyOf,
  keyKindOf,
  keyProblem,
  servedProblems,
  servingProblems,
} from "../../../mesh/serving-certificate";
import { type Issued, issue } from "../certificates";

const old = envoyOf();
const recent = envoyOf("v1.33.0");
const leafOf = ({ certificate }: Issued) => parseChain(certificate)[0]!;
const host = "shop.example.com";

describe("envoyOf", () => {
  const table: [tag: string | undefined, version: string][] = [
    [undefined, "1.27"],
    ["v1.27.0", "1.27"],
    ["1.33.2", "1.33"],
    ["v1.40-latest", "1.40"],
    ["distroless-v1.34.1", "1.34"],
    ["v1.33.0@sha256:" + "1234567890123456".repeat(4), "1.33"],
    ["stable", "none"],
    ["main-2026.11", "2026.11"],
  ];
  for (const [tag, expected] of table)
    it(`reads ${tag ?? "the chart's own"} as ${expected}`, () => {
      const { version } = envoyOf(tag);
      assert.equal(version === undefined ? "none" : `${version.major}.${version.minor}`, expected);
    });
});

describe("the key of a serving certificate", () => {
  const table: [algorithm: string, size: string | number, byOld: boolean, byRecent: boolean][] = [
    ["ECDSA", "P256", true, true],
    ["ECDSA", 256, true, true],
    ["ECDSA", "P384", false, true],
    ["ECDSA", 521, false, true],
    ["ECDSA", "P224", false, false],
    ["RSA", 2048, true, true],
    ["RSA", 4096, true, true],
    ["RSA", 2047, false, false],
    ["RSA", 1024, false, false],
    ["Ed25519", "", false, true],
    ["DSA", 2048, false, false],
  ];
  for (const [algorithm, size, byOld, byRecent] of table)
    it(`of ${algorithm} ${size} is loaded by Envoy 1.27: ${byOld}, by 1.33: ${byRecent}`, () => {
      assert.equal(keyProblem(keyKindOf(algorithm, size), old) === undefined, byOld);
      assert.equal(keyProblem(keyKindOf(algorithm, size), recent) === undefined, byRecent);
    });

  it("changes with 1.33, and not before", () => {
    const verdicts = ["v1.32.9", "v1.33.0", "v2.0.0", "stable"].map((tag) =>
      algorithmProblem("ECDSA-P384", envoyOf(tag)),
    );
    assert.deepEqual(
      verdicts.map((verdict) => verdict === undefined),
      [false, true, true, true],
    );
  });

  it("can be of a kind that settings offer", () => {
    assert.deepEqual(
      keyAlgorithms.filter((one) => algorithmProblem(one, old) === undefined),
      ["ECDSA-P256", "RSA-2048", "RSA-4096"],
    );
    assert.match(
      algorithmProblem("ECDSA-P384", old)!,
      /has an ECDSA key on P-384: Envoy v1\.27\.0 loads ECDSA on P-256, or RSA, alone/,
    );
  });
});

describe("servingProblems", () => {
  const kinds: [
    key: NonNullable<Parameters<typeof issue>[0]>["key"],
    byOld: RegExp | undefined,
    byRecent: RegExp | undefined,
  ][] = [
    ["P-256", undefined, undefined],
    ["P-384", /ECDSA key on P-384/, undefined],
    ["P-521", /ECDSA key on P-521/, undefined],
    ["Ed25519", /Ed25519/, undefined],
    ["RSA-2048", undefined, undefined],
    ["RSA-1024", /RSA key of 1024 bits: Envoy loads RSA of 2048 bits or more/, /1024/],
  ];
  for (const [key, byOld, byRecent] of kinds)
    it(`judges a real key of ${key}`, async () => {
      const chain = [leafOf(await issue({ hosts: [host], key: key! }))];
      for (const [envoy, expected] of [
        [old, byOld],
        [recent, byRecent],
      ] as const) {
        const problems = servingProblems(chain, envoy);
        assert.equal(problems.length, expected === undefined ? 0 : 1, problems.join());
        if (expected !== undefined) assert.match(problems[0]!, expected);
      }
    });

  const { clientAuth, serverAuth } = x509.ExtendedKeyUsage;
  const { digitalSignature, keyEncipherment, keyCertSign } = x509.KeyUsageFlags;
  const uses: [what: string, options: Parameters<typeof issue>[0], expected: RegExp | undefined][] = [
    ["says nothing of its use", {}, undefined],
    ["is for servers", { purposes: [serverAuth] }, undefined],
    ["is for both", { purposes: [clientAuth, serverAuth] }, undefined],
    ["is for anything", { purposes: ["2.5.29.37.0"] }, undefined],
    ["is for clients", { purposes: [clientAuth] }, /not for servers: its extended key usage lacks serverAuth/],
    ["may sign handshakes", { usages: digitalSignature | keyEncipherment }, undefined],
    ["may only encrypt", { usages: keyEncipherment }, /key usage lacks digitalSignature/],
    ["may only sign certificates", { usages: keyCertSign }, /key usage lacks digitalSignature/],
    ["is signed by SHA-1", { hash: "SHA-1", key: "RSA-2048" }, /signed by SHA-1: clients refuse that/],
  ];
  for (const [what, options, expected] of uses)
    it(`judges one that ${what}`, async () => {
      const problems = servingProblems([leafOf(await issue({ hosts: [host], ...options }))], recent);
      assert.equal(problems.length, expected === undefined ? 0 : 1, problems.join());
      if (expected !== undefined) assert.match(problems[0]!, expected);
    });

  it("judges what stands above it: a short key, and a broken hash but that of a root", async () => {
    const root = await issue({ name: "root", ca: true, key: "RSA-2048", hash: "SHA-1" });
    const short = await issue({ name: "short", ca: true, key: "RSA-1024" });
    const leaf = await issue({ hosts: [host], issuer: short });
    assert.deepEqual(servingProblems([leaf, short, root].map(leafOf), old), [
      "holds short, which has an RSA key of 1024 bits: clients refuse what it signs",
    ]);
    const middle = await issue({ name: "middle", ca: true, issuer: root });
    const below = await issue({ hosts: [host], issuer: middle });
    assert.deepEqual(servingProblems([below, middle, root].map(leafOf), old), [
      "holds middle, signed by SHA-1: clients refuse that",
    ]);
  });
});

describe("uncoveredHosts", () => {
  const table: [hosts: string[], wanted: string, covered: boolean][] = [
    [["shop.example.com"], "shop.example.com", true],
    [["SHOP.example.com"], "shop.example.com", true],
    [["*.example.com"], "shop.example.com", true],
    [["*.example.com"], "a.shop.example.com", false],
    [["*.example.com"], "example.com", false],
    [["s*.example.com"], "shop.example.com", false],
    [["other.example.com"], "shop.example.com", false],
  ];
  for (const [names, wanted, covered] of table)
    it(`${names.join()} covers ${wanted}: ${covered}`, async () =>
      assert.equal(uncoveredHosts(leafOf(await issue({ hosts: names })), [wanted]) === undefined, covered));

  it("does not look at the common name, as clients do not", async () => {
    const leaf = leafOf(await issue({ name: host }));
    assert.equal(
      uncoveredHosts(leaf, [host]),
      `does not cover ${host}; it has no subject alternative name, and clients do not look at its common name (${host})`,
    );
  });
});

describe("servedProblems", () => {
  it("names everything at once, and no more where the order is wrong", async () => {
    const ca = await issue({ name: "ca", ca: true });
    const leaf = await issue({ name: host, issuer: ca, key: "P-384", purposes: [x509.ExtendedKeyUsage.clientAuth] });
    const problems = (certificateChain: string) =>
      servedProblems({ certificateChain, privateKey: leaf.privateKey }, { hosts: [host], envoy: old, now: new Date() });
    assert.deepEqual(
      problems(leaf.certificate + ca.certificate).map(({ problem }) => problem.split(/[:;]/)[0]),
      [`does not cover ${host}`, "has an ECDSA key on P-384", "is not for servers"],
    );
    assert.equal(problems(ca.certificate + leaf.certificate).length, 1);
    assert.doesNotMatch(JSON.stringify(problems(leaf.certificate)), /PRIVATE/);
  });

  it("is content with a key that matches by its public half", async () => {
    const leaf = await issue({ hosts: [host] });
    const publicKey = leafOf(leaf).publicKey.export({ type: "spki", format: "pem" }).toString();
    const given = { hosts: [host], envoy: old, now: new Date() };
    assert.deepEqual(servedProblems({ certificateChain: leaf.certificate, publicKey }, given), []);
    const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ type: "spki", format: "pem" });
    assert.match(
      servedProblems({ certificateChain: leaf.certificate, publicKey: other.toString() }, given)[0]!.problem,
      /does not match/,
    );
  });
});
