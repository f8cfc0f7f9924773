import assert from "node:assert/strict";
import { servingRootName } from "../../../mesh/serving-certificate";
import { type Settings } from "../../../settings/schema";
import { type Finding, errorsOf, preflight } from "../../../verify/preflight";
import { type Issued, issue } from "../certificates";
import { stackFile } from "../stack-files";
import { type Answer, fakeApi } from "./fake-api";

const day = 24 * 3600_000;
const host = "bookinfo.dev.example.com";
const base = "/api/v1/namespaces/bookinfo/secrets";

async function findings(
  certificate: Settings["certificate"],
  answers: Record<string, Answer> = {},
  now?: Date,
  more: Partial<Settings> = {},
): Promise<Finding[]> {
  const api = await fakeApi({ "/version": { major: "1", minor: "36" }, ...answers });
  try {
    const settings = { ...stackFile("dev"), ...more, certificate, kubeconfig: api.kubeconfig, context: "fake" };
    return await preflight(settings, { only: ["certificates"], ...(now === undefined ? {} : { now }) });
  } finally {
    await api.close();
  }
}

const brief = (found: Finding[]) => found.map(({ check, severity }) => `${check} ${severity}`);
const secret = (chain: string, { privateKey }: Pick<Issued, "privateKey">, ca?: string, type = "kubernetes.io/tls") => {
  const data = { "tls.crt": chain, "tls.key": privateKey, ...(ca === undefined ? {} : { "ca.crt": ca }) };
  const encoded = Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
  return { metadata: { name: "x" }, type, data: Object.fromEntries(encoded) as Record<string, string> };
};

describe("preflight, on an existing Secret", () => {
  const given = { issuer: "existingSecret", secretName: "shop-tls", warnBefore: "336h" } as const;
  const path = `${base}/shop-tls`;
  let ca: Issued, leaf: Issued;
  before(async () => {
    ca = await issue({ name: "ca", ca: true, notAfter: new Date(Date.now() + 100 * day) });
    leaf = await issue({ hosts: [host], issuer: ca, notAfter: new Date(Date.now() + 90 * day) });
  });

  it("is content with one that can be served", async () =>
    assert.deepEqual(await findings(given, { [path]: secret(leaf.certificate, leaf, ca.certificate) }), []));

  it("refuses to go on without it: the host would be served in clear text", async () => {
    const found = await findings(given);
    assert.deepEqual(brief(found), ["certificates/existing-secret error"]);
    assert.match(found[0]!.problem, /Secret bookinfo\/shop-tls does not exist: EnRoute would serve .* in clear text/);
  });

  const broken: [string, () => Answer, RegExp][] = [
    ["of another type", () => secret(leaf.certificate, leaf, undefined, "Opaque"), /is of type Opaque instead/],
    ["with another key", async () => secret(leaf.certificate, await issue()), /tls\.key does not match .* of tls\.crt/],
    [
      "for other hosts",
      async () => {
        const other = await issue({ hosts: ["other.example.com"], issuer: ca });
        return secret(other.certificate, other);
      },
      /tls\.crt does not cover bookinfo\.dev\.example\.com/,
    ],
    [
      "whose key the gateway's Envoy does not load",
      async () => {
        const strong = await issue({ hosts: [host], issuer: ca, key: "P-384" });
        return secret(strong.certificate, strong);
      },
      /tls\.crt has an ECDSA key on P-384: Envoy v1\.27\.0 loads ECDSA on P-256, or RSA, alone/,
    ],
    [
      "with a short key",
      async () => {
        const short = await issue({ hosts: [host], issuer: ca, key: "RSA-1024" });
        return secret(short.certificate, short);
      },
      /tls\.crt has an RSA key of 1024 bits/,
    ],
    [
      "that has a common name alone",
      async () => {
        const bare = await issue({ name: host, issuer: ca });
        return secret(bare.certificate, bare);
      },
      /tls\.crt does not cover .* no subject alternative name/,
    ],
    [
      "that is for clients",
      async () => {
        const client = await issue({ hosts: [host], issuer: ca, purposes: ["1.3.6.1.5.5.7.3.2"] });
        return secret(client.certificate, client);
      },
      /tls\.crt is not for servers/,
    ],
    [
      "in the wrong order",
      () => secret(ca.certificate + leaf.certificate, leaf),
      /tls\.crt is in the wrong order: the key is that of certificate 2/,
    ],
    ["that holds no certificate", () => secret("x", leaf), /tls\.crt holds no PEM certificate/],
  ];
  for (const [what, answer, expected] of broken)
    it(`refuses one ${what}, in one error without the key`, async () => {
      const found = errorsOf(await findings(given, { [path]: await answer() }));
      assert.equal(found.length, 1, JSON.stringify(found));
      assert.match(found[0]!.problem, expected);
      assert.doesNotMatch(JSON.stringify(found), /PRIVATE/);
    });

  it("warns of a chain that may be incomplete: its issuer is not in ca.crt", async () => {
    const middle = await issue({ name: "middle", ca: true, issuer: ca });
    const below = await issue({ hosts: [host], issuer: middle });
    const found = await findings(given, { [path]: secret(below.certificate, below, ca.certificate) });
    assert.deepEqual(brief(found), ["certificates/existing-secret warning"]);
    assert.match(found[0]!.problem, /issued by middle, which ca\.crt does not hold: an intermediate is missing, or/);
  });

  it("lets ca.crt be empty, or of the CA of somebody's clients", async () => {
    assert.deepEqual(await findings(given, { [path]: secret(leaf.certificate, leaf, "") }), []);
    const clients = await issue({ name: "clients", ca: true });
    const found = await findings(given, { [path]: secret(leaf.certificate, leaf, clients.certificate) });
    assert.deepEqual(errorsOf(found), []);
    const notCa = await issue({ name: "no CA" });
    assert.deepEqual(
      errorsOf(await findings(given, { [path]: secret(leaf.certificate, leaf, notCa.certificate) })),
      [],
    );
  });

  it("takes a key for which the stack runs a newer Envoy", async () => {
    const strong = await issue({ hosts: [host], issuer: ca, key: "P-384" });
    const own = stackFile("dev");
    const gateway = { ...own.gateway, images: { ...own.gateway.images, envoy: { tag: "v1.33.0" } } };
    assert.deepEqual(await findings(given, { [path]: secret(strong.certificate, strong) }, undefined, { gateway }), []);
  });

  it("warns as many days ahead as the stack says, and of a short life in its last third", async () => {
    const at = (when: number, warnBefore = "336h") =>
      findings({ ...given, warnBefore }, { [path]: secret(leaf.certificate, leaf) }, new Date(Date.now() + when * day));
    assert.deepEqual(await at(75), []);
    assert.deepEqual(brief(await at(77)), ["certificates/renewal warning"]);
    assert.deepEqual(brief(await at(75, "480h")), ["certificates/renewal warning"]);
    const brief3h = await issue({ hosts: [host], notAfter: new Date(Date.now() + 2 * 3600_000) });
    assert.deepEqual(await findings(given, { [path]: secret(brief3h.certificate, brief3h) }), []);
  });
});

describe("preflight, on a generated certificate", () => {
  const generated = (roots?: string[], signer?: string): Settings["certificate"] => ({
    issuer: "generated",
    validity: "2160h",
    caValidity: "87600h",
    warnBefore: "336h",
    ...(roots === undefined ? {} : { roots }),
    ...(signer === undefined ? {} : { signer }),
  });
  const path = `${base}/gateway-serving-certificate`;
  let roots: Record<string, Issued>;
  let leaves: Record<string, Issued>;
  before(async () => {
    const notAfter = new Date(Date.now() + 3650 * day);
    roots = {
      ca: await issue({ name: servingRootName("ca"), ca: true, notAfter }),
      b: await issue({ name: servingRootName("b"), ca: true, notAfter }),
    };
    const leafOf = (issuer: Issued) => issue({ issuer, hosts: [host], notAfter: new Date(Date.now() + 90 * day) });
    leaves = { ca: await leafOf(roots["ca"]!), b: await leafOf(roots["b"]!) };
  });
  /** What the cluster has after an update with these roots. */
  const after = (signer: string, ...trusted: string[]) => ({
    [path]: secret(
      leaves[signer]!.certificate,
      leaves[signer]!,
      trusted.map((root) => roots[root]!.certificate).join(""),
    ),
  });

  it("lets a change of CA go by phases", async () => {
    assert.deepEqual(await findings(generated()), [], "nothing there yet");
    assert.deepEqual(await findings(generated(["ca", "b"]), after("ca", "ca")), []);
    assert.deepEqual(await findings(generated(["ca", "b"], "b"), after("ca", "ca", "b")), []);
    assert.deepEqual(await findings(generated(["b"]), after("b", "ca", "b")), []);
  });

  it("refuses to skip one, and says which comes first", async () => {
    const hurried = await findings(generated(["ca", "b"], "b"), after("ca", "ca"));
    assert.deepEqual(brief(hurried), ["certificates/roots error"]);
    assert.match(hurried[0]!.problem, /certificate\.roots: root b is to sign in the update that adds it/);
    const dropped = await findings(generated(["b"]), after("ca", "ca", "b"));
    assert.match(dropped[0]!.problem, /root ca has signed the certificates in use, and is dropped/);
  });

  it("knows the one root of a Secret without a bundle", async () => {
    const { ca } = leaves;
    const answers = { [path]: secret(ca!.certificate, ca!) };
    assert.deepEqual(await findings(generated(["ca", "b"]), answers), []);
    assert.deepEqual(brief(await findings(generated(["b"]), answers)), ["certificates/roots error"]);
  });

  it("minds no certificate of somebody else that it takes the place of", async () => {
    const foreign = await issue({ hosts: [host], notAfter: new Date(Date.now() + 90 * day) });
    assert.deepEqual(await findings(generated(), { [path]: secret(foreign.certificate, foreign) }), []);
  });

  it("warns of a leaf that nobody has renewed, and of a root that ends before its next leaf would", async () => {
    const late = new Date(Date.now() + 80 * day);
    const found = await findings(generated(), after("ca", "ca"), late);
    assert.deepEqual(brief(found), ["certificates/renewal warning"]);
    assert.match(found[0]!.fix, /pulumi up --refresh renews it/);
    const old = await findings(generated(), after("ca", "ca"), new Date(Date.now() + 3600 * day));
    assert.deepEqual(brief(old), ["certificates/renewal warning", "certificates/root-ends warning"]);
    assert.match(old[1]!.problem, /root ca in Secret .* ends on/);
  });
});

describe("preflight, on cert-manager", () => {
  const given = (kind: string, group = "cert-manager.io"): Settings["certificate"] => ({
    issuer: "certManager",
    issuerRef: { name: "ours", kind, group },
    secretName: "managed",
    warnBefore: "336h",
  });
  const installed = {
    "/apis/cert-manager.io": { preferredVersion: { groupVersion: "cert-manager.io/v1" } },
    "/apis/cert-manager.io/v1": {
      resources: [
        { kind: "Certificate", name: "certificates", namespaced: true },
        { kind: "Issuer", name: "issuers", namespaced: true },
        { kind: "Issuer", name: "issuers/status", namespaced: true },
        { kind: "ClusterIssuer", name: "clusterissuers", namespaced: false },
      ],
    },
  };
  const issuer = (status: string, message?: string) => ({
    status: { conditions: [{ type: "Ready", status, message }] },
  });
  const inNamespace = "/apis/cert-manager.io/v1/namespaces/bookinfo/issuers/ours";

  it("is content with an issuer that is ready, of a namespace, of the cluster, or external", async () => {
    assert.deepEqual(await findings(given("Issuer"), { ...installed, [inNamespace]: issuer("True") }), []);
    const clusterWide = { "/apis/cert-manager.io/v1/clusterissuers/ours": issuer("True") };
    assert.deepEqual(await findings(given("ClusterIssuer"), { ...installed, ...clusterWide }), []);
    const external = {
      "/apis/pca.example.com": { preferredVersion: { groupVersion: "pca.example.com/v1beta1" } },
      "/apis/pca.example.com/v1beta1": { resources: [{ kind: "PcaIssuer", name: "pcaissuers", namespaced: false }] },
      "/apis/pca.example.com/v1beta1/pcaissuers/ours": issuer("True"),
    };
    assert.deepEqual(await findings(given("PcaIssuer", "pca.example.com"), { ...installed, ...external }), []);
  });

  const refused: [string, Settings["certificate"], Record<string, Answer>, RegExp][] = [
    ["without cert-manager", given("Issuer"), {}, /cert-manager is not installed/],
    ["with a kind that is not known", given("Isuer"), installed, /does not know the kind Isuer of cert-manager\.io/],
    [
      "with an issuer that is not there",
      given("Issuer"),
      installed,
      /Issuer ours does not exist in namespace bookinfo/,
    ],
    [
      "with an issuer that is not ready",
      given("Issuer"),
      { ...installed, [inNamespace]: issuer("False", "no account") },
      /Issuer ours in namespace bookinfo is not ready: no account/,
    ],
    [
      "with an external issuer that is not installed",
      given("PcaIssuer", "pca.example.com"),
      installed,
      /does not know the kind PcaIssuer of pca\.example\.com/,
    ],
  ];
  for (const [what, certificate, answers, expected] of refused)
    it(`refuses ${what}`, async () => {
      const found = await findings(certificate, answers);
      assert.equal(found.length, 1);
      assert.equal(found[0]!.severity, "error");
      assert.match(found[0]!.problem, expected);
    });

  it("warns where cert-manager has not renewed", async () => {
    const leaf = await issue({ hosts: [host], notAfter: new Date(Date.now() + 90 * day) });
    const answers = {
      ...installed,
      [inNamespace]: issuer("True"),
      [`${base}/managed`]: secret(leaf.certificate, leaf),
    };
    assert.deepEqual(brief(await findings(given("Issuer"), answers, new Date(Date.now() + 80 * day))), [
      "certificates/renewal warning",
    ]);
  });
});
