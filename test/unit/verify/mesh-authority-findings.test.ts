import assert from "node:assert/strict";
import { meshRootName } from "../../../mesh/mesh-authority";
import type { Settings } from "../../../settings/schema";
import { type Finding, preflight } from "../../../verify/preflight";
import { meshAuthorityChecks } from "../../../verify/preflight/mesh-authority";
import { type Issued, issue } from "../certificates";
import { stackFile } from "../stack-files";
import { type Answer, Status, fakeApi } from "./fake-api";

type Authority = Settings["istio"]["ca"];

const day = 24 * 3600_000;
const inRoot = "/api/v1/namespaces/istio-system";
const istiods = "/apis/apps/v1/namespaces/istio-system/deployments";
/** When the cluster was changed last. */
const changed = new Date("2026-11-25T12:00:00Z");
const after = (seconds: number) => new Date(changed.getTime() + seconds * 1000);

async function findings(
  ca: Authority,
  answers: Record<string, Answer>,
  now = after(0),
  more: Partial<Settings["istio"]> = {},
): Promise<Finding[]> {
  const api = await fakeApi({
    "/version": { major: "1", minor: "36" },
    [istiods]: { items: [{ metadata: { name: "istiod" } }] },
    ...answers,
  });
  try {
    const settings = stackFile("dev");
    const own = { ...settings, istio: { ...settings.istio, ...more, ca }, kubeconfig: api.kubeconfig, context: "fake" };
    return await preflight(own, { only: meshAuthorityChecks.map(({ id }) => id), now });
  } finally {
    await api.close();
  }
}

const brief = (found: Finding[]) => found.map(({ check, severity }) => `${check} ${severity}`);
const base64 = (text: string) => Buffer.from(text).toString("base64");
const generated = (signer: string, ...roots: string[]): Authority => ({
  issuer: "generated",
  roots,
  signer,
  validity: "8760h",
  caValidity: "87600h",
  warnBefore: "336h",
});
const own: Authority = { issuer: "istiod" };

describe("preflight, on the mesh's CA", () => {
  const roots: Record<string, Issued> = {};
  const intermediates: Record<string, Issued> = {};
  before(async () => {
    const notAfter = new Date(changed.getTime() + 3650 * day);
    for (const name of ["a", "b"]) {
      const root = await issue({ name: meshRootName(name), ca: true, notAfter });
      const life = { notBefore: after(-86400), notAfter: new Date(changed.getTime() + 364 * day) };
      roots[name] = root;
      intermediates[name] = await issue({ name: "intermediate", ca: true, issuer: root, ...life });
    }
    roots["istiod"] = await issue({ name: "cluster.local", ca: true, notAfter });
  });
  const bundle = (names: string[]) => names.map((name) => roots[name]!.certificate).join("");
  const metadata = (name: string, labels = {}) => ({
    name,
    labels,
    creationTimestamp: "2026-01-01T00:00:00Z",
    managedFields: [
      { manager: "x", time: "2026-02-01T00:00:00Z" },
      { manager: "y", time: changed.toISOString() },
    ],
  });
  const map = (...names: string[]) => ({
    [`${inRoot}/configmaps/istio-ca-root-cert`]: {
      metadata: metadata("istio-ca-root-cert"),
      data: { "root-cert.pem": bundle(names) },
    },
  });
  /** A mesh with a CA of ours: the signer, the roots of the Secret, and what istiod tells. */
  const mesh = (signer: string, names: string[], told = names, pods: object[] = []) => ({
    ...map(...told),
    [`${inRoot}/secrets/cacerts`]: {
      metadata: metadata("cacerts", { "app.kubernetes.io/managed-by": "enroute-istio" }),
      data: {
        "ca-cert.pem": base64(intermediates[signer]!.certificate),
        "cert-chain.pem": base64(intermediates[signer]!.certificate),
        "root-cert.pem": base64(bundle(names)),
        "ca-key.pem": base64("a key that nobody reads"),
      },
    },
    "/api/v1/pods": { items: [istiod(after(10)), ...pods] },
  });
  const istiod = (startedAt: Date) => ({
    metadata: { name: "istiod-1", namespace: "istio-system", labels: { app: "istiod" } },
    spec: { containers: [{ name: "discovery" }] },
    status: {
      phase: "Running",
      containerStatuses: [{ name: "discovery", state: { running: { startedAt: startedAt.toISOString() } } }],
    },
  });
  const pod = (name: string, startedAt: Date, ttl?: string) => ({
    metadata: { name, namespace: "shop", creationTimestamp: startedAt.toISOString() },
    spec: {
      containers: [{ name: "app" }],
      initContainers: [
        { name: "istio-proxy", ...(ttl === undefined ? {} : { env: [{ name: "SECRET_TTL", value: ttl }] }) },
      ],
    },
    status: {
      phase: "Running",
      initContainerStatuses: [{ name: "istio-proxy", state: { running: { startedAt: startedAt.toISOString() } } }],
    },
  });

  it("has nothing against a first rollout, whatever an earlier mesh has left behind", async () => {
    assert.deepEqual(await findings(generated("a", "a"), { ...map("istiod"), [istiods]: { items: [] } }), []);
    assert.deepEqual(await findings(own, map("istiod")), []);
  });

  it("lets the root change by phases, an update each", async () => {
    assert.deepEqual(await findings(generated("a", "a", "b"), mesh("a", ["a"])), []);
    assert.deepEqual(await findings(generated("b", "a", "b"), mesh("a", ["a", "b"])), []);
    assert.deepEqual(await findings(generated("b", "b"), mesh("b", ["a", "b"])), []);
    assert.deepEqual(await findings(generated("b", "b"), mesh("b", ["b"])), []);
  });

  it("lets the CA of the stack be put back where somebody changed the Secret, and istiod does not sign by that", async () => {
    assert.deepEqual(await findings(generated("a", "a"), mesh("b", ["b"], ["a"])), []);
    // Once it does, that is a change of roots.
    assert.deepEqual(brief(await findings(generated("a", "a"), mesh("b", ["b"], ["b"]))), ["mesh/ca-phase error"]);
  });

  const skipped: [string, Authority, () => Record<string, Answer>, RegExp][] = [
    [
      "a root that signs in the update that adds it",
      generated("b", "a", "b"),
      () => mesh("a", ["a"]),
      /root b is to sign in the update that adds it: nobody trusts it yet/,
    ],
    [
      "the root that signs, dropped",
      generated("b", "b"),
      () => mesh("a", ["a", "b"]),
      /root a has signed .*, and is dropped/,
    ],
    [
      "a root that istiod does not tell of yet",
      generated("b", "a", "b"),
      () => mesh("a", ["a", "b"], ["a"]),
      /root b may not sign yet: istiod does not tell the mesh to trust it/,
    ],
    [
      "a CA of ours after istiod's own",
      generated("a", "a"),
      () => map("istiod"),
      /root a is to sign in the update that adds it/,
    ],
    ["istiod's own after a CA of ours", own, () => mesh("a", ["a"]), /istiod would sign by a root of its own/],
  ];
  for (const [what, ca, answers, expected] of skipped)
    it(`refuses ${what}`, async () => {
      const found = await findings(ca, answers());
      assert.deepEqual(brief(found), ["mesh/ca-phase error"]);
      assert.match(found[0]!.problem, expected);
    });

  it("says how to get from istiod's own CA to another one", async () => {
    const [found] = await findings(generated("a", "a"), map("istiod"));
    assert.match(
      found!.fix,
      /take over istiod's own CA first, .*: istio\.ca\.issuer: provided .* Secret istio-ca-secret/,
    );
    const { certificate, privateKey } = roots["istiod"]!;
    const provided = { rootCertificates: certificate, certificateChain: certificate, privateKey, warnBefore: "336h" };
    assert.deepEqual(await findings({ issuer: "provided", ...provided }, map("istiod")), []);
  });

  it("lets a root of ours follow istiod's own, trusted beside it first and with it beside afterwards", async () => {
    const { certificate, privateKey } = roots["istiod"]!;
    const rootCertificates = certificate;
    const taken: Authority = {
      issuer: "provided",
      rootCertificates,
      certificateChain: certificate,
      privateKey,
      roots: ["a"],
      warnBefore: "336h",
    };
    assert.deepEqual(await findings(taken, map("istiod")), []);
    intermediates["istiod"] = roots["istiod"]!;
    const follower = { ...(generated("a", "a") as Extract<Authority, { issuer: "generated" }>), rootCertificates };
    assert.deepEqual(await findings(follower, mesh("istiod", ["a", "istiod"])), []);
    assert.deepEqual(await findings(generated("a", "a"), mesh("a", ["a", "istiod"])), []);
  });

  describe("refuses to hurry", () => {
    const phases: [string, Authority, (pods: object[]) => Record<string, Answer>, RegExp][] = [
      [
        "a new signer",
        generated("b", "a", "b"),
        (pods) => mesh("a", ["a", "b"], undefined, pods),
        /root b may not sign yet: istiod has told of it since 2026-11-25T12:00:00\.000Z, and 1 proxy \(shop\/old\) may not/,
      ],
      [
        "to drop a root",
        generated("b", "b"),
        (pods) => mesh("b", ["a", "b"], undefined, pods),
        /root a may not go yet: the CA has been as it is since 2026-11-25T12:00:00\.000Z, and 1 proxy \(shop\/old\) may still/,
      ],
    ];
    for (const [what, ca, answers, expected] of phases) {
      it(`${what}, until every proxy has had its certificate renewed`, async () => {
        const old = answers([pod("old", after(-86400), "90s")]);
        const [found] = await findings(ca, old, after(89));
        assert.match(found!.problem, expected);
        assert.match(
          found!.fix,
          /wait until 2026-11-25T12:01:30\.000Z, or restart .* kubectl rollout restart deployment -n shop/,
        );
        assert.deepEqual(await findings(ca, old, after(90)), []);
      });
      it(`${what}: where a proxy asks for no other life, that is a day`, async () => {
        const old = answers([pod("old", after(-86400))]);
        assert.deepEqual(brief(await findings(ca, old, after(86399))), ["mesh/ca-phase error"]);
        assert.deepEqual(await findings(ca, old, after(86400)), []);
      });
      it(`${what}, unless the proxies were restarted since`, async () => {
        assert.deepEqual(await findings(ca, answers([pod("new", after(11))]), after(20)), []);
        const soon = await findings(ca, answers([pod("soon", after(9))]), after(20));
        assert.deepEqual(brief(soon), ["mesh/ca-phase error"], "the last istiod had not started by then");
      });
    }
    it("while an istiod runs that has not loaded the CA of now", async () => {
      const [found] = await findings(generated("b", "b"), {
        ...mesh("b", ["a", "b"]),
        "/api/v1/pods": { items: [istiod(after(-60)), istiod(after(10))] },
      });
      assert.match(found!.problem, /istio-system\/istiod-1 started before Secret cacerts was changed/);
      assert.match(found!.fix, /kubectl rollout restart deployment -n istio-system -l app=istiod/);
    });
    it("where nobody may look at the proxies", async () => {
      const pods = { "/api/v1/pods": new Status(403, "pods is forbidden") };
      const found = await findings(generated("b", "b"), { ...mesh("b", ["a", "b"]), ...pods });
      assert.deepEqual(brief(found), ["mesh/ca-phase error"]);
      assert.match(found[0]!.problem, /the pods of the cluster cannot be listed: .*pods is forbidden/);
    });
    it("and minds pods without a proxy, and those that have ended, not at all", async () => {
      const ended = { ...pod("old", after(-86400)), status: { phase: "Succeeded" } };
      const plain = {
        metadata: { name: "plain" },
        spec: { containers: [{ name: "app" }] },
        status: { phase: "Running" },
      };
      assert.deepEqual(await findings(generated("b", "b"), mesh("b", ["a", "b"], undefined, [ended, plain])), []);
    });
  });

  it("refuses to take a CA away that somebody plugged in", async () => {
    const answers = mesh("a", ["a"]);
    const secret = answers[`${inRoot}/secrets/cacerts`] as { metadata: object };
    secret.metadata = metadata("cacerts");
    const found = await findings(generated("a", "a"), { ...answers, [istiods]: { items: [] } });
    assert.deepEqual(brief(found), ["mesh/foreign-ca error"]);
    assert.match(found[0]!.fix, /take that CA over with istio\.ca\.issuer: provided/);
  });

  it("warns of an intermediate, and of a root, that ends", async () => {
    const late = await findings(generated("a", "a"), mesh("a", ["a"]), new Date(changed.getTime() + 360 * day));
    assert.deepEqual(brief(late), ["mesh/ca-renewal warning"]);
    assert.match(late[0]!.fix, /pulumi up --refresh renews it/);
    const later = await findings(generated("a", "a"), mesh("a", ["a"]), new Date(changed.getTime() + 3300 * day));
    assert.deepEqual(brief(later), ["mesh/ca-renewal warning", "mesh/root-ends warning"]);
  });

  it("refuses another trust domain, unless the earlier one is still accepted", async () => {
    const answers = {
      ...map("istiod"),
      [`${inRoot}/configmaps/istio`]: { metadata: { name: "istio" }, data: { mesh: "trustDomain: old.example" } },
    };
    const found = await findings(own, answers);
    assert.deepEqual(brief(found), ["mesh/trust-domain error"]);
    assert.match(found[0]!.problem, /trust domain is old\.example, and would become cluster\.local/);
    assert.deepEqual(await findings(own, answers, after(0), { trustDomainAliases: ["old.example"] }), []);
  });
});
