import assert from "node:assert/strict";
import { loadSettings } from "../../../settings/load";
import type { StackConfiguration } from "../../../settings/schema";
import { settingsWarnings } from "../../../settings/warnings";
import { SettingsError } from "../../../settings/error";
import { type Issued, issue } from "../certificates";
import { configuration, stackConfig, stackFile, stackNames } from "../stack-files";

type Tree = { [key: string]: unknown };

/** The dev stack with changes; `undefined` takes a key away. Keys of a path are parted by dots. */
function dev(changes: Record<string, unknown> = {}, secretKeys: string[] = []): StackConfiguration {
  const config = structuredClone(stackConfig("dev")) as Tree;
  for (const [path, value] of Object.entries(changes)) {
    const [first, ...rest] = path.split(".") as [string, ...string[]];
    const keys = [`enroute-istio:${first}`, ...rest];
    const last = keys.pop()!;
    const branch = keys.reduce<Tree>((tree, key) => (tree[key] ??= {}) as Tree, config);
    if (value === undefined) delete branch[last];
    else branch[last] = value;
  }
  return { ...configuration(config, "dev"), secretKeys };
}

/** The error text of a configuration that must be refused. */
function refusal(given: StackConfiguration, now?: Date): string {
  try {
    loadSettings(given, now);
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return error.message;
  }
  return assert.fail("the settings were taken");
}

const declared = { reason: "x", owner: "team-a", until: "2027-03-31" };
const bookinfoHost = { host: "a.example.com", namespace: "bookinfo", routes: [{ service: "productpage", port: 9080 }] };

describe("the stack files", () => {
  it("are sandbox, dev, staging and prod", () =>
    assert.deepEqual([...stackNames].sort(), ["dev", "prod", "sandbox", "staging"]));

  for (const name of stackNames)
    it(`${name} is taken without an error or a warning, and names exact versions and its cluster`, () => {
      const settings = stackFile(name);
      assert.deepEqual(settingsWarnings(settings, new Date("2026-11-01")), []);
      assert.notEqual(settings.kubeconfig + settings.context, "");
    });

  it("prod is highly available, pinned, without sample workload, anonymous access or a key of its own", () => {
    const prod = stackFile("prod");
    assert.equal(prod.istio.profile, "ha");
    assert.ok(prod.gateway.replicas >= 2);
    assert.ok(prod.gateway.images.enroute?.tag && prod.gateway.images.envoy?.tag);
    assert.equal(prod.bookinfo, undefined);
    assert.equal(prod.kiali?.authentication, "token");
    assert.notEqual(prod.certificate.issuer, "generated");
    assert.notEqual(prod.clusterIdentifier, "");
  });
});

describe("loadSettings", () => {
  it("leaves keys of other namespaces to the engine", () => {
    const given = dev();
    loadSettings({ ...given, values: { ...given.values, "pulumi:tags": "{}", "kubernetes:context": "other" } });
  });

  it("names every wrong key at once, with what was found, what is allowed, and how to set it", () => {
    const text = refusal(
      dev({ "istio.version": "^1.31", "istio.profle": "ha", gateway: undefined, "kiali.viewOnly": "yes" }),
    );
    for (const part of [
      /^4 settings are wrong in stack dev; nothing was changed\.$/m,
      /- gateway\n\s+allowed: missing; an object with the keys version/,
      /- istio\.profle\n\s+found: {3}"ha"\n\s+allowed: unknown key; did you mean profile\?/,
      /- istio\.version\n\s+found: {3}"\^1\.31"\n\s+allowed: an exact version/,
      /- kiali\.viewOnly\n\s+found: {3}"yes"\n\s+allowed: true or false/,
      /pulumi config set --path 'enroute-istio:istio\.profile' <value> --stack dev/,
      /pulumi config rm --path 'enroute-istio:istio\.profle' --stack dev/,
    ])
      assert.match(text, part);
  });

  it("suggests the nearest key at the top, too", () => {
    assert.match(
      refusal(dev({ hots: [] })),
      /- hots\n\s+found: {3}\[\]\n\s+allowed: unknown key; did you mean hosts\?/,
    );
  });

  const cases: [string, Record<string, unknown>, RegExp][] = [
    [
      "a wrong type",
      { "gateway.replicas": "two" },
      /gateway\.replicas\n\s+found: {3}"two"\n\s+allowed: a whole number from 1 to 100/,
    ],
    [
      "a version range",
      { "gateway.version": "~0.8" },
      /gateway\.version\n\s+found: {3}"~0\.8"\n\s+allowed: an exact version/,
    ],
    ["a version with a leading v", { "istio.version": "v1.31.0" }, /no leading v/],
    [
      "an empty host name",
      { hosts: [{ ...bookinfoHost, host: "" }] },
      /hosts\[0\]\.host\n\s+found: {3}""\n\s+allowed: a full DNS name/,
    ],
    ["a wildcard host", { hosts: [{ ...bookinfoHost, host: "*.example.com" }] }, /no wildcard/],
    [
      "a duplicate host",
      { hosts: [bookinfoHost, bookinfoHost] },
      /hosts\[1\]\.host\n.*\n\s+allowed: each host once; hosts\[0\] is it already/,
    ],
    ["no host", { hosts: [] }, /at least one host/],
    ["a host without routes", { hosts: [{ ...bookinfoHost, routes: [] }] }, /hosts\[0\]\.routes.*at least one route/s],
    [
      "a host outside the mesh",
      { hosts: [{ ...bookinfoHost, namespace: "bokinfo" }] },
      /one of namespaces \(bookinfo\); did you mean bookinfo\?/,
    ],
    [
      "TLS below 1.2",
      { hosts: [{ ...bookinfoHost, minimumTlsVersion: "1.1" }] },
      /minimumTlsVersion\n.*\n\s+allowed: one of 1\.2, 1\.3/,
    ],
    [
      "a SECRET_TTL above istiod's maximum",
      { "gateway.workloadCertificate": { ttl: "2161h" } },
      /gateway\.workloadCertificate\.ttl\n\s+found: {3}"2161h"\n\s+allowed: a duration from 1m to 2160h/,
    ],
    ["a SECRET_TTL below a minute", { "gateway.workloadCertificate": { ttl: "10s" } }, /from 1m to 2160h/],
    ["a SECRET_TTL that is no duration", { "gateway.workloadCertificate": { ttl: "1d" } }, /such as 24h or 1h30m/],
    [
      "a redis image without a tag",
      { "gateway.images": { redis: {} } },
      /gateway\.images\.redis\.tag\n\s+allowed: missing; a fixed image tag/,
    ],
    ["the tag latest", { "gateway.images": { redis: { tag: "latest" } } }, /not latest/],
    [
      "injection and revision at once",
      { namespaces: [{ name: "bookinfo", injection: { enabled: true, revision: "x" } }] },
      /namespaces\[0\]\.injection\n.*\n\s+allowed: either "enabled" or \{ revision/,
    ],
    [
      "an injection label beside the setting",
      { namespaces: [{ name: "bookinfo", labels: { "istio.io/rev": "x" } }] },
      /no istio-injection or istio\.io\/rev here/,
    ],
    [
      "a namespace twice",
      { namespaces: [{ name: "bookinfo" }, { name: "bookinfo" }] },
      /namespaces\[1\]\.name\n.*\n\s+allowed: each namespace once; namespaces\[0\] is it/,
    ],
    [
      "the gateway in Istio's namespace",
      { "gateway.namespace": { name: "istio-system" } },
      /gateway\.namespace\.name\n.*\n\s+allowed: another namespace than istio\.namespace/,
    ],
    [
      "an exception in a namespace that takes requests from the gateway alone",
      {
        namespaces: [{ name: "bookinfo", onlyFromGateway: true }],
        mutualTls: { exceptions: [{ namespace: "bookinfo", mode: "DISABLE", ...declared }] },
      },
      /mutualTls\.exceptions\[0\]\.namespace\n.*\n\s+allowed: a namespace without onlyFromGateway: a request in plain text/,
    ],
    [
      "port exceptions without a workload",
      { mutualTls: { exceptions: [{ namespace: "bookinfo", ports: [80], mode: "DISABLE", ...declared }] } },
      /mutualTls\.exceptions\[0\]\n.*\n\s+allowed: ports need a workload: Istio ignores/,
    ],
    [
      "an exception without a reason",
      { mutualTls: { exceptions: [{ namespace: "bookinfo", mode: "DISABLE", owner: "team-a", until: "2027-03-31" }] } },
      /exceptions\[0\]\.reason\n\s+allowed: missing; why plain text is needed/,
    ],
    [
      "an exception that nobody owns",
      { mutualTls: { exceptions: [{ namespace: "bookinfo", mode: "DISABLE", reason: "x", until: "2027-03-31" }] } },
      /exceptions\[0\]\.owner\n\s+allowed: missing; who answers for it/,
    ],
    [
      "an exception that never ends",
      { mutualTls: { exceptions: [{ namespace: "bookinfo", mode: "DISABLE", reason: "x", owner: "team-a" }] } },
      /exceptions\[0\]\.until\n\s+allowed: missing; the last day/,
    ],
    [
      "an exception that ends on no day",
      { mutualTls: { exceptions: [{ namespace: "bookinfo", mode: "DISABLE", ...declared, until: "next year" }] } },
      /exceptions\[0\]\.until\n.*next year.*\n\s+allowed: the last day of the exception, such as 2027-03-31/,
    ],
    [
      "a route without TLS and without a reason",
      { hosts: [{ ...bookinfoHost, routes: [{ service: "productpage", port: 9080, permitInsecure: true }] }] },
      /hosts\[0\]\.routes\[0\]\.permitInsecure\n.*\n\s+allowed: an object with the keys reason/,
    ],
    [
      "two routes of a host with one prefix",
      {
        hosts: [
          {
            ...bookinfoHost,
            routes: [
              { prefix: "/a", service: "productpage", port: 9080 },
              { prefix: "//a", service: "reviews", port: 9080 },
            ],
          },
        ],
      },
      /hosts\[0\]\.routes\[1\]\.prefix\n.*\/\/a.*\n\s+allowed: each prefix once in a host .* routes\[0\] has it already, and EnRoute would drop one of them/,
    ],
    [
      "two routes of a host without a prefix",
      {
        hosts: [
          {
            ...bookinfoHost,
            routes: [
              { service: "productpage", port: 9080 },
              { prefix: "/", service: "reviews", port: 9080 },
            ],
          },
        ],
      },
      /hosts\[0\]\.routes\[1\]\.prefix\n/,
    ],
    [
      "a prefix that EnRoute takes to be a regular expression",
      { hosts: [{ ...bookinfoHost, routes: [{ prefix: "/a+b", service: "productpage", port: 9080 }] }] },
      /hosts\[0\]\.routes\[0\]\.prefix\n.*\n\s+allowed: a path prefix such as \/api, without any of \^ \+ \* \[ \] %/,
    ],
    [
      "Ingresses that nobody gives a reason for",
      { "gateway.ingresses": true },
      /gateway\.ingresses\n.*\n\s+allowed: an object with the keys reason/,
    ],
    [
      "a deletion of an object without a kind",
      { deletionProtection: { except: [{ object: "shop/web", reason: "gone" }] } },
      /deletionProtection\.except\[0\]\.object\n.*\n\s+allowed: an object as Kind namespace\/name/,
    ],
    [
      "an exception that is none",
      { mutualTls: { exceptions: [{ namespace: "bookinfo", mode: "STRICT", ...declared }] } },
      /one of PERMISSIVE, DISABLE/,
    ],
    ["Kiali without Prometheus", { prometheus: undefined }, /- kiali\n.*\n\s+allowed: kiali together with prometheus/],
    [
      "no cluster",
      { context: undefined },
      /- kubeconfig\n\s+allowed: the path of a kubeconfig file here, or the name of a context/,
    ],
    [
      "a kubeconfig without context or identifier",
      { context: undefined, kubeconfig: "x" },
      /- clusterIdentifier\n\s+allowed: a name of the cluster that never changes/,
    ],
    [
      "an unknown issuer",
      { certificate: { issuer: "acme" } },
      /certificate\.issuer\n\s+found: {3}"acme"\n\s+allowed: an object with an issuer: one of generated/,
    ],
    [
      "a renewal before the start",
      { certificate: { issuer: "generated", validity: "720h", renewBefore: "720h" } },
      /certificate\.renewBefore\n\s+found: {3}"720h"\n\s+allowed: less than validity \(720h\)/,
    ],
    [
      "a leaf that lives longer than clients take",
      { certificate: { issuer: "generated", validity: "9600h" } },
      /certificate\.validity\n\s+found: {3}"9600h"\n\s+allowed: .* from 2h to 9552h .*; clients take no more than 398 days/,
    ],
    [
      "a life in parts of an hour",
      { certificate: { issuer: "generated", validity: "90m" } },
      /certificate\.validity\n\s+found: {3}"90m"\n\s+allowed: a duration of whole hours .*@pulumi\/tls counts hours/,
    ],
    [
      "a CA that ends before its certificates",
      { certificate: { issuer: "generated", validity: "48h", renewBefore: "1h", caValidity: "48h" } },
      /certificate\.caValidity\n\s+found: {3}"48h"\n\s+allowed: more than validity \(48h\)/,
    ],
    [
      "a signer that clients do not trust",
      { certificate: { issuer: "generated", roots: ["2025", "2026"], signer: "2027" } },
      /certificate\.signer\n\s+found: {3}"2027"\n\s+allowed: one of certificate\.roots \(2025, 2026\)/,
    ],
    [
      "a root that is named twice",
      { certificate: { issuer: "generated", roots: ["a", "b", "a"] } },
      /certificate\.roots\n\s+found: .*\n\s+allowed: each name once; a is there twice/,
    ],
    [
      "an IP address that is none",
      { certificate: { issuer: "generated", ipAddresses: ["192.0.2"] } },
      /certificate\.ipAddresses\[0\]\n\s+found: {3}"192\.0\.2"\n\s+allowed: an IP address/,
    ],
    [
      "cert-manager without an issuer",
      { certificate: { issuer: "certManager" } },
      /certificate\.issuerRef\n\s+allowed: missing; an object with the keys name, kind, group/,
    ],
    [
      "a life that cert-manager does not take",
      { certificate: { issuer: "certManager", issuerRef: { name: "ca" }, validity: "30m", renewBefore: "10m" } },
      /certificate\.validity\n\s+found: {3}"30m"\n\s+allowed: 1h or more: cert-manager takes no less/,
    ],
    [
      "a renewal by cert-manager that never ends",
      { certificate: { issuer: "certManager", issuerRef: { name: "ca" }, validity: "2h", renewBefore: "2h" } },
      /certificate\.renewBefore\n\s+found: {3}"2h"\n\s+allowed: less than validity \(2h\)/,
    ],
    [
      "fewer replicas at most than at least",
      { "gateway.replicas": 5, "gateway.autoscaling": { maxReplicas: 3 } },
      /gateway\.autoscaling\.maxReplicas\n\s+found: {3}3\n\s+allowed: at least gateway\.replicas/,
    ],
    ["a chart repository that is no URL", { "istio.chartRepository": "charts" }, /the URL of a Helm repository/],
    [
      "an object given as text",
      { istio: "1.31.0" },
      /- istio\n\s+found: {3}"1\.31\.0"\n\s+allowed: an object with the keys version/,
    ],
  ];
  for (const [what, changes, expected] of cases)
    it(`refuses ${what}`, () => {
      const text = refusal(dev(changes));
      assert.match(text, expected);
      assert.match(text, /^1 setting is wrong/, "nothing else is reported");
    });

  const istioCa = (ca: object) => ({ "istio.ca": ca });
  const authorities: [string, object, RegExp][] = [
    [
      "an unknown issuer",
      { issuer: "vault" },
      /istio\.ca\.issuer\n\s+found: {3}"vault"\n\s+allowed: .* one of istiod, generated/,
    ],
    [
      "a signer that is no root",
      { issuer: "generated", signer: "b" },
      /istio\.ca\.signer\n.*\n\s+allowed: one of .* \(root\)/,
    ],
    [
      "a renewal before the start",
      { issuer: "generated", validity: "48h", renewBefore: "48h" },
      /istio\.ca\.renewBefore\n\s+found: {3}"48h"\n\s+allowed: less than validity \(48h\)/,
    ],
    [
      "a root that ends before its intermediate",
      { issuer: "generated", validity: "480h", caValidity: "48h" },
      /istio\.ca\.caValidity\n.*\n\s+allowed: more than validity \(480h\)/,
    ],
    [
      "a CA without a chain",
      { issuer: "provided", rootCertificates: "x" },
      /istio\.ca\.certificateChain\n\s+allowed: missing/,
    ],
  ];
  for (const [what, ca, expected] of authorities)
    it(`refuses, for the mesh's CA, ${what}`, () => assert.match(refusal(dev(istioCa(ca))), expected));

  describe("with a provided CA for the mesh", () => {
    const secret = ["enroute-istio:istio"];
    const given = (root: Issued, signing: Issued, chain = signing.certificate) =>
      dev(
        istioCa({
          issuer: "provided",
          rootCertificates: root.certificate,
          certificateChain: chain,
          privateKey: signing.privateKey,
        }),
        secret,
      );

    it("takes an intermediate below its root, and a root alone", async () => {
      const root = await issue({ name: "root", ca: true });
      const intermediate = await issue({ name: "intermediate", ca: true, issuer: root });
      assert.equal(loadSettings(given(root, intermediate)).istio.ca.issuer, "provided");
      assert.equal(loadSettings(given(root, root)).istio.ca.issuer, "provided");
    });

    it("refuses its key in plain text", async () => {
      const root = await issue({ name: "root", ca: true });
      const text = refusal({ ...given(root, root), secretKeys: [] });
      assert.match(text, /istio\.ca\.privateKey\n\s+allowed: a secret: .* 'enroute-istio:istio\.ca\.privateKey'/);
      assert.ok(!text.includes(root.privateKey.split("\n")[1]!));
    });

    const root = () => issue({ name: "root", ca: true });
    const refused: [string, () => Promise<StackConfiguration>, RegExp][] = [
      [
        "another key",
        async () => {
          const one = await root();
          return given(one, { ...one, privateKey: (await issue()).privateKey });
        },
        /istio\.ca\.privateKey\n\s+allowed: does not match the first/,
      ],
      [
        "a CA without the flag",
        async () => {
          const one = await root();
          return given(one, await issue({ name: "no CA", issuer: one }));
        },
        /istio\.ca\.certificateChain\n\s+allowed: the first certificate may not issue certificates: it lacks the CA flag/,
      ],
      [
        "a CA whose key may not sign",
        async () => {
          const one = await root();
          return given(one, await issue({ name: "no signer", ca: true, issuer: one, maySign: false }));
        },
        /the first certificate may not issue certificates: it lacks the CA flag, or the key usage/,
      ],
      [
        "a chain that is incomplete",
        async () => {
          const one = await root();
          const middle = await issue({ name: "middle", ca: true, issuer: one });
          return given(one, await issue({ name: "low", ca: true, issuer: middle }));
        },
        /istio\.ca\.certificateChain\n\s+allowed: is incomplete, or of another CA: it ends at low, issued by middle/,
      ],
      [
        "a chain in the wrong order",
        async () => {
          const one = await root();
          const middle = await issue({ name: "middle", ca: true, issuer: one });
          const low = await issue({ name: "low", ca: true, issuer: middle });
          return given(one, low, middle.certificate + low.certificate);
        },
        /istio\.ca\.certificateChain\n\s+allowed: is in the wrong order: the key is that of certificate 2/,
      ],
      [
        "more CAs below each other than one allows",
        async () => {
          const one = await issue({ name: "root", ca: true, pathLength: 0 });
          return given(one, await issue({ name: "low", ca: true, issuer: one }));
        },
        /istio\.ca\.certificateChain\n\s+allowed: root allows 0 CAs below it \(path length\), and has 1/,
      ],
      [
        "a root that is none",
        async () => {
          const one = await root();
          const middle = await issue({ name: "middle", ca: true, issuer: one });
          return given(middle, middle);
        },
        /istio\.ca\.rootCertificates\n\s+allowed: middle is no root: root issued it/,
      ],
      [
        "a CA that has expired",
        async () => {
          const one = await root();
          return given(one, await issue({ name: "old", ca: true, issuer: one, notAfter: new Date(Date.now() - 1000) }));
        },
        /istio\.ca\.certificateChain\n\s+allowed: the certificate expired on/,
      ],
    ];
    for (const [what, make, expected] of refused)
      it(`refuses ${what}, in one error`, async () => {
        const text = refusal(await make());
        assert.match(text, /^1 setting is wrong/, text);
        assert.match(text, expected);
      });
  });

  it("takes a root's name that YAML, or pulumi config set, reads as a number", () => {
    const settings = loadSettings(dev({ "certificate.roots": ["ca", 2026], "certificate.signer": 2026 }));
    assert.ok(settings.certificate.issuer === "generated");
    assert.deepEqual([settings.certificate.roots, settings.certificate.signer], [["ca", "2026"], "2026"]);
  });

  it("refuses a life for every proxy that istiod does not sign", () => {
    const changes = { "istio.meshConfig": { defaultConfig: { proxyMetadata: { SECRET_TTL: "3000h" } } } };
    assert.match(
      refusal(dev(changes)),
      /proxyMetadata\.SECRET_TTL\n\s+found: {3}"3000h"\n\s+allowed: .* at most 2160h/,
    );
  });

  it("follows a limit for SECRET_TTL that the stack raises in istiod", () => {
    const changes = {
      "gateway.workloadCertificate": { ttl: "4000h" },
      "istio.values": { env: { MAX_WORKLOAD_CERT_TTL: "5000h" } },
    };
    assert.equal(loadSettings(dev(changes)).gateway.workloadCertificate?.ttl, "4000h");
  });

  it("takes a day that YAML reads as a moment", () => {
    const exception = { namespace: "bookinfo", mode: "DISABLE", ...declared, until: "2027-03-31 00:00:00 +0000 UTC" };
    assert.equal(
      loadSettings(dev({ mutualTls: { exceptions: [exception] } })).mutualTls.exceptions[0]?.until,
      "2027-03-31",
    );
  });

  it("takes a TLS version that YAML reads as a number", () => {
    const settings = loadSettings(dev({ hosts: [{ ...bookinfoHost, minimumTlsVersion: 1.3 }] }));
    assert.equal(settings.hosts[0]!.minimumTlsVersion, "1.3");
  });

  describe("with a kind of key that is to be made", () => {
    const asked = (certificate: Tree, more: Tree = {}) => dev({ certificate, ...more });
    const generated = { issuer: "generated", keyAlgorithm: "ECDSA-P384" };
    const managed = { ...generated, issuer: "certManager", issuerRef: { name: "x" } };
    for (const certificate of [generated, managed])
      it(`refuses one that the stack's Envoy does not load: ${certificate.issuer}`, () => {
        const text = refusal(asked(certificate));
        assert.match(
          text,
          /certificate\.keyAlgorithm\n\s+found: +"ECDSA-P384"\n\s+allowed: one of ECDSA-P256, RSA-2048, RSA-4096/,
        );
        assert.match(text, /Envoy v1\.27\.0 loads ECDSA on P-256, or RSA, alone.*gateway\.images\.envoy\.tag/);
        const newer = { "gateway.images.envoy": { tag: "v1.33.0" } };
        loadSettings(asked(certificate, newer));
        loadSettings(asked({ ...certificate, keyAlgorithm: "RSA-4096" }));
      });
  });

  describe("with a provided certificate", () => {
    const provided = (certificateChain: string, privateKey: string) => ({
      certificate: { issuer: "provided", certificateChain, privateKey },
      hosts: [bookinfoHost],
    });
    const secret = ["enroute-istio:certificate"];

    it("takes a chain with its key, given as a secret", async () => {
      const { certificate, privateKey } = await issue({ hosts: ["a.example.com"] });
      assert.equal(loadSettings(dev(provided(certificate, privateKey), secret)).certificate.issuer, "provided");
    });

    it("refuses a key in plain text, says how to set it, and does not show it", async () => {
      const { certificate, privateKey } = await issue({ hosts: ["a.example.com"] });
      const text = refusal(dev(provided(certificate, privateKey)));
      assert.match(
        text,
        /certificate\.privateKey\n\s+allowed: a secret: it stands in plain text.*pulumi config set --secret --path/,
      );
      assert.ok(!text.includes("PRIVATE KEY") && !text.includes(privateKey.split("\n")[1]!));
    });

    it("refuses a key of another certificate", async () => {
      const [one, other] = [await issue({ hosts: ["a.example.com"] }), await issue()];
      assert.match(
        refusal(dev(provided(one.certificate, other.privateKey), secret)),
        /certificate\.privateKey\n\s+allowed: does not match/,
      );
    });

    it("refuses an expired certificate", async () => {
      const { certificate, privateKey } = await issue({
        hosts: ["a.example.com"],
        notAfter: new Date(Date.now() - 1000),
      });
      assert.match(
        refusal(dev(provided(certificate, privateKey), secret)),
        /certificate\.certificateChain\n\s+allowed: the certificate expired on/,
      );
    });

    it("refuses a chain that does not lead to the CA", async () => {
      const [root, other] = [await issue({ name: "root", ca: true }), await issue({ name: "other", ca: true })];
      const { certificate, privateKey } = await issue({ hosts: ["a.example.com"], issuer: root });
      const given = provided(certificate, privateKey);
      const withCa = { ...given, certificate: { ...given.certificate, caCertificate: other.certificate } };
      assert.match(
        refusal(dev(withCa, secret)),
        /certificate\.certificateChain\n\s+allowed: is incomplete, or of another CA: .* issued by root/,
      );
    });

    const untaken: [what: string, options: Parameters<typeof issue>[0], expected: RegExp][] = [
      [
        "on a curve that the stack's Envoy does not load",
        { key: "P-384" },
        /has an ECDSA key on P-384: Envoy v1\.27\.0/,
      ],
      ["of a kind that it does not load", { key: "Ed25519" }, /has an Ed25519 key: Envoy v1\.27\.0/],
      ["with a short key", { key: "RSA-1024" }, /has an RSA key of 1024 bits/],
      ["with a common name alone", { hosts: [], name: "a.example.com" }, /no subject alternative name/],
      ["for clients", { purposes: ["1.3.6.1.5.5.7.3.2"] }, /is not for servers/],
      ["by a wildcard of another level", { hosts: ["*.b.example.com"] }, /does not cover a\.example\.com/],
    ];
    for (const [what, options, expected] of untaken)
      it(`refuses a certificate ${what}`, async () => {
        const { certificate, privateKey } = await issue({ hosts: ["a.example.com"], ...options });
        const text = refusal(dev(provided(certificate, privateKey), secret));
        assert.match(text, /^1 setting is wrong/);
        assert.match(text, expected);
      });

    it("takes what a newer Envoy of the stack loads", async () => {
      for (const key of ["P-384", "Ed25519"] as const) {
        const { certificate, privateKey } = await issue({ hosts: ["a.example.com"], key });
        const given = { ...provided(certificate, privateKey), "gateway.images.envoy": { tag: "v1.33.1" } };
        loadSettings(dev(given, secret));
      }
    });

    it("warns ahead of its end, and where nobody can tell whether its chain is whole", async () => {
      const root = await issue({ name: "root", ca: true });
      const day = 24 * 3600_000;
      const [notBefore, notAfter] = [new Date(Date.now() - 80 * day), new Date(Date.now() + 10 * day)];
      const { certificate, privateKey } = await issue({ hosts: ["a.example.com"], issuer: root, notBefore, notAfter });
      const settings = loadSettings(dev(provided(certificate, privateKey), secret));
      const warnings = settingsWarnings(settings);
      const texts = warnings.map(({ problem, fix }) => `${problem} | ${fix}`);
      assert.match(texts[0]!, /^certificate\.certificateChain ends on .* \| have it renewed/);
      assert.match(texts[1]!, /ends at root, which is not a public root: .* \| set certificate\.caCertificate/);
      assert.equal(warnings.length, 2);
    });

    it("refuses a certificate for other hosts", async () => {
      const { certificate, privateKey } = await issue({ hosts: ["b.example.com"] });
      assert.match(refusal(dev(provided(certificate, privateKey), secret)), /does not cover a\.example\.com/);
    });

    it("does not show a key that stands under a misspelt name", async () => {
      const { certificate, privateKey } = await issue({ hosts: ["a.example.com"] });
      const misspelt = {
        ...provided(certificate, privateKey).certificate,
        privateKey: undefined,
        privatKey: privateKey,
      };
      const text = refusal(dev({ certificate: misspelt, hosts: [bookinfoHost] }, secret));
      assert.match(text, /certificate\.privatKey\n\s+allowed: unknown key; did you mean privateKey\?/);
      assert.ok(!text.includes("PRIVATE KEY"));
    });
  });
});

describe("settingsWarnings", () => {
  it("warns where the services of the sample would refuse each other", () => {
    const closed = settingsWarnings(loadSettings(dev({ namespaces: [{ name: "bookinfo", onlyFromGateway: true }] })));
    assert.deepEqual(
      closed.map(({ id, subject }) => `${id} ${subject}`),
      ["settings/only-from-gateway namespaces[0].onlyFromGateway"],
    );
    const other = [{ name: "bookinfo" }, { name: "shop", onlyFromGateway: true }];
    assert.deepEqual(settingsWarnings(loadSettings(dev({ namespaces: other }))), []);
  });

  it("warns of hosts that are being switched off, and says what to use", () => {
    const changes = {
      "istio.chartRepository": "https://istio-release.storage.googleapis.com/charts",
      "istio.hub": "gcr.io/istio-release",
      "bookinfo.hub": "registry.istio.io/release",
    };
    const warnings = settingsWarnings(loadSettings(dev(changes)));
    assert.deepEqual(
      warnings.map(({ id, severity, subject }) => `${severity} ${id} ${subject}`),
      ["istio.chartRepository", "istio.hub", "bookinfo.hub"].map((key) => `warning settings/retired-host ${key}`),
    );
    assert.equal(warnings[0]!.fix, "use https://blob.istio.io/istio-release/charts");
    assert.equal(warnings[1]!.fix, "use docker.io/istio");
  });
});
