import assert from "node:assert/strict";
import type { Held, Planned } from "../../../mesh/ownership";
import type { Settings } from "../../../settings/schema";
import {
  type Finding,
  type PreflightOptions,
  type PreflightReport,
  type StackView,
  errorsOf,
  preflightError,
  preflightReport,
} from "../../../verify/preflight";
import { preflightChecks } from "../../../verify/preflight/checks";
import { neededKinds } from "../../../verify/preflight/rights";
import { stackFile, stackNames } from "../stack-files";
import { type Answer, type Question, Status, fakeApi } from "./fake-api";
import { ingress } from "./healthy";

const root = "istio-system";
const review = (allows: (attributes: Record<string, string>) => boolean) => (question: Question) => {
  const { spec } = question.body as { spec: { resourceAttributes: Record<string, string> } };
  return { status: { allowed: allows(spec.resourceAttributes) } };
};
const selfReview = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const node = (name: string, ready: boolean) => ({
  metadata: { name },
  status: { conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
});
const none = { items: [] };

/** An empty cluster on which everything can be rolled out. */
const empty: Record<string, Answer> = {
  "/version": { major: "1", minor: "36", gitVersion: "v1.36.2" },
  "/api/v1/nodes": { items: [node("a", true), node("b", true)] },
  [selfReview]: review(() => true),
  [`/api/v1/namespaces/${root}/secrets`]: none,
  "/api/v1/namespaces/enroute-system/secrets": none,
  "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": none,
  "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations": none,
  "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations": none,
  "/apis/apps/v1/deployments": none,
};

async function report(
  answers: Record<string, Answer>,
  settings = stackFile("sandbox"),
  options: PreflightOptions = {},
): Promise<PreflightReport> {
  const api = await fakeApi({ ...empty, ...answers });
  try {
    return await preflightReport({ ...settings, kubeconfig: api.kubeconfig, context: "fake" }, options);
  } finally {
    await api.close();
  }
}

async function findings(
  answers: Record<string, Answer>,
  settings = stackFile("sandbox"),
  stack?: StackView,
): Promise<Finding[]> {
  return (await report(answers, settings, stack === undefined ? {} : { stack })).findings;
}

/** A stack with nothing but its namespaces. */
const viewOf = (owner: string, held: Held, planned: Partial<Planned> = {}): StackView => ({
  owner,
  held: () => Promise.resolve(held),
  planned: () => Promise.resolve({ objects: [], releases: [], ...planned }),
  rendered: () => Promise.resolve([]),
});
const brief = (found: Finding[]) => found.map(({ check, severity }) => `${check} ${severity}`);
const helm = (name: string, namespace: string) => ({
  "meta.helm.sh/release-name": name,
  "meta.helm.sh/release-namespace": namespace,
});
const policies = `/apis/security.istio.io/v1/namespaces/${root}/peerauthentications`;
const policy = (name: string, creationTimestamp: string, annotations = {}) => ({
  metadata: { name, namespace: root, creationTimestamp, annotations },
  spec: { mtls: { mode: "PERMISSIVE" } },
});
const ours = policy("default", "2026-11-01T00:00:00Z", { "enroute-istio/reason": "x" });

describe("preflight", () => {
  it("finds nothing against a rollout on an empty cluster", async () => assert.deepEqual(await findings({}), []));

  it("finds everything at once, errors first, each with cause and fix", async () => {
    const found = await findings({
      "/version": { major: "1", minor: "29+", gitVersion: "v1.29.4-gke.1" },
      "/api/v1/nodes": { items: [node("a", true), node("b", false)] },
      "/api/v1/namespaces/bookinfo": { metadata: { name: "bookinfo" } },
      [policies]: { items: [policy("legacy", "2026-01-01T00:00:00Z")] },
    });
    assert.deepEqual(brief(found), [
      "cluster/version error",
      "cluster/namespaces error",
      "mesh/other-policy error",
      "cluster/nodes warning",
    ]);
    assert.ok(found.every(({ problem, fix }) => problem !== "" && fix !== ""));
    const text = preflightError(errorsOf(found));
    assert.match(
      text,
      /^The cluster is not ready for the rollout; nothing was changed\.\n {2}- FAILED: cluster\/version: the cluster runs Kubernetes v1\.29/,
    );
    assert.doesNotMatch(text, /nodes/);
  });

  it("stops at a cluster that does not answer: nothing else can be known", async () => {
    const found = await findings({ "/version": new Status(503, "no leader") });
    assert.deepEqual(brief(found), ["cluster/reachable error"]);
  });

  describe("check by check", () => {
    const lines = ({ results }: PreflightReport) => results.map(({ id, status }) => `${status} ${id}`);
    const own = () => {
      const { certificate, istio } = stackFile("sandbox");
      assert.deepEqual([certificate.issuer, istio.ca.issuer], ["generated", "istiod"]);
      return preflightChecks.filter(
        ({ when, needs, withStack }) =>
          when?.holds(stackFile("sandbox")) !== false && !needs.includes("charts") && withStack !== true,
      );
    };

    it("shows the evidence of each that the stack is for", async () => {
      const whole = await report({});
      assert.deepEqual(
        lines(whole),
        own().map(({ id }) => `passed ${id}`),
      );
      assert.deepEqual([whole.ready, whole.status, whole.partial], [true, "passed", undefined]);
      assert.ok(whole.results.every(({ evidence }) => evidence !== ""));
      const evidence = Object.fromEntries(whole.results.map((result) => [result.id, result.evidence]));
      assert.equal(evidence["cluster/nodes"], "2 nodes, all ready");
      assert.match(evidence["cluster/version"]!, /^v1\.36\.2; Istio 1\.31 supports/);
      // Of what is not there yet, nothing is claimed.
      for (const id of ["mesh/istio-upgrade", "mesh/other-policy", "certificates/renewal", "mesh/ca-phase"])
        assert.match(evidence[id]!, /^(no istiod yet|there is none yet)$/, id);
    });

    it("does not count as passed what it may not see, and goes on to warn of it", async () => {
      const forbidden = new Status(403, "secrets is forbidden");
      const seen = await report({ [`/api/v1/namespaces/${root}/secrets`]: forbidden });
      assert.deepEqual([seen.ready, seen.status, seen.warnings], [true, "unknown", 1]);
      const of = (id: string) => seen.results.find((result) => result.id === id)!;
      assert.equal(of("releases/unfinished").status, "unknown");
      assert.match(of("cluster/rights").evidence, /^the Helm releases could not be looked at: /);
    });

    it("of a cluster that does not answer tells that, and that nothing else could be told", async () => {
      const gone = await report({ "/version": new Status(503, "no leader") });
      assert.deepEqual([gone.ready, gone.status, gone.passed, gone.failed], [false, "failed", 2, 1]);
      assert.equal(gone.unknown, own().length - 3);
    });

    it("with only, reads what those need, and says which they were", async () => {
      const api = await fakeApi(empty);
      const settings = { ...stackFile("sandbox"), kubeconfig: api.kubeconfig, context: "fake" };
      try {
        const some = await preflightReport(settings, { only: ["cluster/nodes", "releases"] });
        assert.deepEqual(lines(some), ["passed cluster/nodes", "passed releases/unfinished"]);
        assert.deepEqual(some.partial!.run, ["cluster/nodes", "releases/unfinished"]);
        assert.deepEqual(api.asked.map(({ path }) => path.replace(/\?.*/, "")).sort(), [
          "/api/v1/namespaces/enroute-system/secrets",
          `/api/v1/namespaces/${root}/secrets`,
          "/api/v1/nodes",
          "/version",
        ]);
      } finally {
        await api.close();
      }
    });

    it("with only, tells all the same of a cluster that does not answer, or fails at one of the questions", async () => {
      const only = ["cluster/nodes"];
      const gone = await report({ "/version": new Status(503, "no leader") }, undefined, { only });
      assert.deepEqual(lines(gone), ["failed cluster/reachable", "unknown cluster/nodes"]);
      const broken = await report({ "/api/v1/nodes": new Status(500, "no leader") }, undefined, { only });
      assert.deepEqual(lines(broken), ["failed cluster/answers", "unknown cluster/nodes"]);
    });

    it("cannot tell of a check that the stack is not for, nor of answers where nothing was asked", async () => {
      const other = await report({}, undefined, { only: ["certificates/issuer", "cluster/answers"] });
      assert.deepEqual(lines(other), ["unknown cluster/answers", "unknown certificates/issuer"]);
      assert.equal(other.results[1]!.evidence, "it is for stacks with certificate.issuer: certManager");
    });
  });

  describe("on the version", () => {
    const version = (minor: string, istio = "1.31.0") => {
      const settings = stackFile("sandbox");
      const own = { ...settings, istio: { ...settings.istio, version: istio } };
      return findings({ "/version": { major: "1", minor, gitVersion: `v1.${minor}.0` } }, own);
    };
    it("lets the supported ones pass, refuses older ones, and warns of newer ones", async () => {
      assert.deepEqual([await version("32"), await version("36"), await version("34+")], [[], [], []]);
      assert.deepEqual(brief(await version("31")), ["cluster/version error"]);
      assert.deepEqual(brief(await version("37")), ["cluster/version warning"]);
      assert.deepEqual(brief(await version("34", "1.99.0")), ["cluster/version warning"]);
      assert.match(
        (await version("31"))[0]!.problem,
        /runs Kubernetes v1\.31\.0; Istio 1\.31 supports Kubernetes 1\.32 to 1\.36/,
      );
    });
  });

  describe("on the nodes", () => {
    it("refuses a cluster without any that is ready", async () => {
      assert.deepEqual(brief(await findings({ "/api/v1/nodes": none })), ["cluster/nodes error"]);
      assert.deepEqual(brief(await findings({ "/api/v1/nodes": { items: [node("a", false)] } })), [
        "cluster/nodes error",
      ]);
    });

    const taint = { key: "dedicated", value: "edge", effect: "NoSchedule" };
    const of = (name: string, spec: object, labels: object = {}) => ({
      ...node(name, true),
      metadata: { name, labels },
      spec,
    });
    const about = async (nodes: object[], settings = stackFile("sandbox")) =>
      (await findings({ "/api/v1/nodes": { items: nodes } }, settings)).filter(
        ({ check }) => check === "cluster/schedulable",
      );

    it("warns where no node takes a release's pods, of each release, with the way out", async () => {
      const found = await about([of("a", { unschedulable: true }), of("b", { taints: [taint] })]);
      assert.deepEqual(
        found.map(({ severity, problem }) => [severity, problem.split(":")[0]]),
        ["istiod", "enroute-istio", "prometheus", "kiali-server"].map((release) => [
          "warning",
          `no node takes the pods of ${release}`,
        ]),
      );
      assert.match(found[0]!.problem, /: a is cordoned, b has the taint dedicated=edge:NoSchedule$/);
      assert.match(found[0]!.fix, /kubectl uncordon a; tolerate dedicated=edge:NoSchedule in istio\.values/);
      assert.deepEqual(await about([of("a", { unschedulable: true }), node("b", true)]), []);
    });

    it("asks for EnRoute's architecture alone, and for what a release selects and tolerates", async () => {
      const [found, ...others] = await about([of("arm", {}, { "kubernetes.io/arch": "arm64" })]);
      assert.deepEqual(others, []);
      assert.match(found!.problem, /of enroute-istio: arm is of architecture arm64$/);
      assert.match(found!.fix, /add a node of amd64/);
      const settings = stackFile("sandbox");
      settings.gateway.values = {
        nodeSelector: { pool: "edge" },
        tolerations: [{ key: "dedicated", operator: "Exists" }],
      };
      const edge = of("edge", { taints: [taint] }, { pool: "edge" });
      assert.deepEqual(await about([node("a", true), edge], settings), []);
      const [unlabelled] = await about([node("a", true)], settings);
      assert.match(unlabelled!.problem, /of enroute-istio: a has no label pool=edge$/);
      assert.match(unlabelled!.fix, /labels that gateway\.values selects/);
    });
  });

  describe("on volumes and metrics", () => {
    const classes = "/apis/storage.k8s.io/v1/storageclasses";
    const api = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io";
    const stored = () => {
      const settings = stackFile("sandbox");
      settings.prometheus!.storage = "1Gi";
      return settings;
    };
    const scaled = () => {
      const settings = stackFile("sandbox");
      settings.gateway.autoscaling = { maxReplicas: 3 };
      return settings;
    };
    const usual = {
      metadata: { name: "fast", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
    };

    it("warns where nothing makes the volume of Prometheus", async () => {
      const [none_] = await findings({ [classes]: none }, stored());
      assert.match(none_!.problem, /the cluster has no StorageClass/);
      const [found] = await findings({ [classes]: { items: [{ metadata: { name: "slow" } }] } }, stored());
      assert.deepEqual(brief([none_!, found!]), ["cluster/storage warning", "cluster/storage warning"]);
      assert.match(
        found!.fix,
        /kubectl annotate storageclass slow storageclass\.kubernetes\.io\/is-default-class=true/,
      );
      assert.deepEqual(await findings({ [classes]: { items: [usual] } }, stored()), []);
      const former = { name: "fast", annotations: { "storageclass.beta.kubernetes.io/is-default-class": "true" } };
      assert.deepEqual(await findings({ [classes]: { items: [{ metadata: former }] } }, stored()), []);
      const bound = {
        [`/api/v1/namespaces/${root}/persistentvolumeclaims/prometheus-server`]: { status: { phase: "Bound" } },
      };
      assert.deepEqual(await findings({ ...bound, [classes]: none }, stored()), []);
    });

    it("warns where an autoscaler that the stack asks for has no metrics", async () => {
      const [missing] = await findings({}, scaled());
      assert.deepEqual(brief([missing!]), ["cluster/metrics-api warning"]);
      assert.match(missing!.problem, /is missing: the autoscaler of the gateway has nothing to go by/);
      const status = (is: string) => ({ status: { conditions: [{ type: "Available", status: is }] } });
      const [broken] = await findings({ [api]: status("False") }, scaled());
      assert.match(`${broken!.problem} ${broken!.fix}`, /does not answer.*kubectl describe apiservice/);
      assert.deepEqual(await findings({ [api]: status("True") }, scaled()), []);
    });
  });

  describe("on what namespaces enforce", () => {
    const label = "pod-security.kubernetes.io/enforce";
    const enforced = (name: string, level: string): Record<string, Answer> => ({
      [`/api/v1/namespaces/${name}`]: { metadata: { name, labels: { [label]: level } } },
    });
    const existing = (change: (settings: Settings) => void = () => {}) => {
      const settings = stackFile("sandbox");
      for (const namespace of [settings.istio.namespace, settings.gateway.namespace, ...settings.namespaces])
        namespace.create = false;
      change(settings);
      return settings;
    };
    const about = async (answers: Record<string, Answer>, settings: Settings) => {
      const names = [root, "enroute-system", "bookinfo"];
      const there = Object.fromEntries(names.map((name) => [`/api/v1/namespaces/${name}`, { metadata: { name } }]));
      return (await findings({ ...there, ...answers }, settings)).filter(({ check }) =>
        ["cluster/pod-security", "cluster/quotas"].includes(check),
      );
    };
    const cni = (settings: Settings) => void (settings.istio.values = { pilot: { cni: { enabled: true } } });

    it("warns of Pod Security levels that refuse the sidecar's init container, or the charts' own pods", async () => {
      for (const level of ["baseline", "restricted"]) {
        const [found, ...others] = await about(enforced("bookinfo", level), existing());
        assert.deepEqual([brief([found!]), others], [["cluster/pod-security warning"], []]);
        assert.match(found!.problem, /runs as root with NET_ADMIN and NET_RAW: the API server refuses its pods$/);
        assert.match(
          found!.fix,
          /kubectl label --overwrite namespace bookinfo pod-security.kubernetes.io\/enforce=privileged/,
        );
      }
      for (const level of ["privileged", "unknown"])
        assert.deepEqual(await about(enforced("bookinfo", level), existing()), []);
      assert.deepEqual(await about(enforced(root, "baseline"), existing()), []);
      const [istiod] = await about(enforced(root, "restricted"), existing());
      assert.match(istiod!.problem, /the pods of istiod and prometheus do not drop/);
    });

    it("lets Istio's CNI plugin do the work of the init container; EnRoute's pod is still not restricted", async () => {
      assert.deepEqual(await about(enforced("bookinfo", "restricted"), existing(cni)), []);
      assert.deepEqual(await about(enforced("enroute-system", "baseline"), existing(cni)), []);
      const [found] = await about(enforced("enroute-system", "restricted"), existing(cni));
      assert.match(found!.problem, /the pods of EnRoute do not drop/);
    });

    it("goes by the labels that the stack sets", async () => {
      const own = existing((settings) => void (settings.namespaces[0]!.labels = { [label]: "restricted" }));
      const [found] = await about(enforced("bookinfo", "privileged"), own);
      assert.match(found!.fix, /^set namespaces\[0\]\.labels\["pod-security/);
    });

    it("warns of quotas and limits that refuse the pods", async () => {
      const quota = { metadata: { name: "compute" }, spec: { hard: { "limits.cpu": "8" } } };
      const path = (namespace: string) => `/api/v1/namespaces/${namespace}/resourcequotas`;
      const [found, ...others] = await about({ [path("enroute-system")]: { items: [quota] } }, existing());
      assert.deepEqual([brief([found!]), others], [["cluster/quotas warning"], []]);
      assert.match(
        found!.problem,
        /ResourceQuota compute wants limits\.cpu of every container, and .*cert-server.* have none/,
      );
      // Istio gives its containers both.
      assert.deepEqual(await about({ [path("bookinfo")]: { items: [quota] } }, existing()), []);
    });
  });

  describe("on the rights", () => {
    it("asks once where everything is allowed", async () => {
      let questions = 0;
      const counted = (question: Question) => {
        questions++;
        return review(() => true)(question);
      };
      assert.deepEqual(await findings({ [selfReview]: counted }), []);
      assert.equal(questions, 1);
    });

    it("names what is not allowed, by kind and place", async () => {
      const found = await findings({
        [selfReview]: review(
          ({ verb, resource, namespace }) =>
            verb !== "*" && resource !== "customresourcedefinitions" && !(namespace === root && verb === "delete"),
        ),
      });
      assert.deepEqual(brief(found), ["cluster/rights error"]);
      assert.match(found[0]!.problem, /get\/create\/patch\/delete customresourcedefinitions\.apiextensions\.k8s\.io/);
      assert.match(found[0]!.problem, /delete deployments\.apps in istio-system/);
      assert.doesNotMatch(found[0]!.problem, /enroute-system/);
    });

    const looking = review(({ verb = "" }) => ["get", "list", "watch"].includes(verb));
    const preview = async (answers: Parameters<typeof report>[0]) =>
      (await report(answers, undefined, { isPreview: true })).findings;

    it("warns in a preview of what may not be changed, which is an error in an update", async () => {
      const previewed = await preview({ [selfReview]: looking });
      assert.deepEqual(brief(previewed), ["cluster/rights warning", "cluster/escalation warning"]);
      assert.match(previewed[0]!.problem, /may not create\/patch\/delete /);
      assert.deepEqual(brief(await findings({ [selfReview]: looking })), [
        "cluster/rights error",
        "cluster/escalation warning",
      ]);
    });

    it("refuses a preview that may not even look, and says which looks", async () => {
      const found = await preview({
        [selfReview]: review(({ resource }) => resource !== "secrets" && resource !== "*"),
      });
      assert.deepEqual(brief(found), ["cluster/rights error"]);
      assert.match(found[0]!.problem, /may not get secrets in /);
      assert.doesNotMatch(found[0]!.problem, /create/);
    });

    it("is one error where these credentials may not even ask", async () => {
      const found = await findings({
        [selfReview]: new Status(403, "user system:anonymous cannot create selfsubjectaccessreviews"),
        "/api/v1/nodes": new Status(403, "nodes is forbidden"),
      });
      assert.deepEqual(brief(found), ["cluster/rights error"]);
      assert.match(found[0]!.problem, /may not even ask what they may do: .*system:anonymous/);
    });

    it("warns where rights may not be passed on, and where something could not be looked at", async () => {
      const found = await findings({
        [selfReview]: review(({ verb }) => verb !== "*" && verb !== "escalate"),
        "/api/v1/nodes": new Status(403, "nodes is forbidden"),
      });
      assert.deepEqual(brief(found), ["cluster/rights warning", "cluster/escalation warning"]);
      assert.match(found[0]!.problem, /the nodes could not be looked at: not allowed: nodes is forbidden/);
    });

    it("are those of what the stack makes", () => {
      const text = (settings: Settings) =>
        neededKinds(settings).map(({ group, resource, namespace }) =>
          [resource, group, namespace].filter(Boolean).join(" "),
        );
      const staging = text(stackFile("staging"));
      for (const kind of [
        "customresourcedefinitions apiextensions.k8s.io",
        "peerauthentications security.istio.io istio-system",
        "peerauthentications security.istio.io shop",
        "gatewayhosts enroute.saaras.io bookinfo",
        "globalconfigs enroute.saaras.io enroute-system",
        "secrets bookinfo",
        "poddisruptionbudgets policy enroute-system",
        "persistentvolumeclaims istio-system",
      ])
        assert.ok(staging.includes(kind), kind);
      assert.ok(!text(stackFile("sandbox")).includes("poddisruptionbudgets policy enroute-system"));
      // What became of the profile counts.
      const grown = stackFile("sandbox");
      const ofIstiod = [
        "horizontalpodautoscalers autoscaling istio-system",
        "poddisruptionbudgets policy istio-system",
      ];
      assert.deepEqual(
        ofIstiod.map((kind) => text(grown).includes(kind)),
        [false, false],
      );
      grown.istio.values = { autoscaleEnabled: true, pilot: { autoscaleMin: 2 } };
      assert.deepEqual(
        ofIstiod.map((kind) => text(grown).includes(kind)),
        [true, true],
      );
      assert.ok(!text(stackFile("prod")).includes("secrets shop"), "an existing Secret is not made");
      for (const name of stackNames)
        assert.equal(new Set(text(stackFile(name))).size, text(stackFile(name)).length, name);
    });
  });

  describe("on the namespaces", () => {
    const namespace = (labels: object = {}, more: object = {}) => ({ metadata: { name: "bookinfo", labels, ...more } });
    const managed = { "app.kubernetes.io/managed-by": "enroute-istio" };
    it("takes our own for ours, and nobody else's", async () => {
      assert.deepEqual(await findings({ "/api/v1/namespaces/bookinfo": namespace(managed) }), []);
      const [found] = await findings({ "/api/v1/namespaces/bookinfo": namespace() });
      assert.match(found!.problem, /namespace bookinfo exists already, and namespaces\[0\] asks to create it/);
      assert.match(found!.fix, /set namespaces\[0\]\.create to false/);
    });
    const owner = "acme/enroute-istio/dev";
    const mark = (by: string) => ({ annotations: { "enroute-istio/stack": by } });
    const none: Held = { objects: [], releases: [] };
    const held = (patch: boolean, fieldManager = "pulumi-kubernetes-1"): Held => ({
      objects: [{ kind: "Namespace", group: "", name: "bookinfo", patch, fieldManager, urn: "u" }],
      releases: [],
    });
    const fields = (manager: string, label: string) => ({
      managedFields: [{ manager, fieldsV1: { "f:metadata": { "f:labels": { [`f:${label}`]: {} } } } }],
    });
    type Create = boolean | "adopt";
    const table: [string, Create, object, Held, string[]][] = [
      ["ours by mark", true, namespace({}, mark(owner)), none, []],
      ["of an early version of this stack", true, namespace(managed), held(false), []],
      ["of an early version of another stack", true, namespace(managed), none, ["cluster/namespaces error"]],
      ["of another stack", true, namespace(managed, mark("acme/x/y")), none, ["cluster/namespaces error"]],
      ["of another stack", "adopt", namespace(managed, mark("acme/x/y")), none, ["cluster/namespaces error"]],
      ["of another stack", false, namespace({}, mark("acme/x/y")), none, []],
      ["that was only labelled by us", true, namespace({}), held(true), ["cluster/namespaces error"]],
      ["of somebody else", "adopt", namespace({}), none, ["cluster/hand-over warning"]],
      ["ours", "adopt", namespace({}, mark(owner)), none, []],
      ["ours", false, namespace({}, mark(owner)), none, ["cluster/hand-over warning"]],
      [
        "whose team says disabled",
        false,
        namespace({ "istio-injection": "disabled" }),
        none,
        ["cluster/namespace-labels error"],
      ],
      [
        "whose team says disabled",
        "adopt",
        namespace({ "istio-injection": "disabled" }),
        none,
        ["cluster/hand-over warning", "cluster/namespace-labels error"],
      ],
      [
        "whose team follows a revision",
        false,
        namespace({ "istio.io/rev": "old" }),
        none,
        ["cluster/namespace-labels error"],
      ],
      [
        "of which we set the other label before",
        false,
        namespace({ "istio.io/rev": "old" }, fields("pulumi-kubernetes-1", "istio.io/rev")),
        held(true),
        [],
      ],
      [
        "of which another program of Pulumi's set the other label",
        false,
        namespace({ "istio.io/rev": "old" }, fields("pulumi-kubernetes-2", "istio.io/rev")),
        held(true),
        ["cluster/namespace-labels error"],
      ],
      [
        "ours, where a hand set the label to another value",
        true,
        namespace({ "istio-injection": "disabled" }, mark(owner)),
        none,
        [],
      ],
      [
        "ours, where a hand set the other label",
        true,
        namespace({ "istio.io/rev": "old" }, mark(owner)),
        none,
        ["cluster/namespace-labels warning"],
      ],
    ];
    for (const [what, create, live, state, expected] of table)
      it(`with create: ${create} on one ${what}: ${expected.join(", ") || "nothing to say"}`, async () => {
        const settings = stackFile("sandbox");
        settings.namespaces[0]!.create = create;
        const view = viewOf(owner, state);
        const found = await findings({ "/api/v1/namespaces/bookinfo": live }, settings, view);
        assert.deepEqual(brief(found).sort(), expected);
      });
    it("tells of one that is missing, and of one on its way out", async () => {
      const [missing] = await findings({}, stackFile("prod"));
      assert.match(missing!.problem, /namespace shop does not exist, and namespaces\[0\]\.create is false/);
      const [leaving] = await findings({
        "/api/v1/namespaces/bookinfo": namespace(managed, { deletionTimestamp: "2026-11-01T00:00:00Z" }),
      });
      assert.match(leaving!.problem, /namespace bookinfo is being deleted/);
    });
  });

  describe("on the Helm releases", () => {
    const secret = (name: string, version: number, status: string) => ({
      metadata: { name: `sh.helm.release.v1.${name}.v${version}`, labels: { name, version: String(version), status } },
    });
    const inRoot = (...items: object[]) => findings({ [`/api/v1/namespaces/${root}/secrets`]: { items } });

    it("explains one that was cut off, with the command that helps", async () => {
      const [first] = await inRoot(secret("istiod", 1, "pending-install"));
      assert.equal(first!.severity, "error");
      assert.match(first!.problem, /release istiod in namespace istio-system is pending-install at revision 1/);
      assert.match(first!.fix, /^if no other update is running: npm run recover -- --stack <stack> --yes/);
    });
    it("warns of one that failed, which the engine tries again", async () => {
      assert.deepEqual(brief(await inRoot(secret("istiod", 1, "failed"))), ["releases/unfinished warning"]);
    });
    it("minds its own releases only", async () => {
      assert.deepEqual(await inRoot(secret("other", 1, "pending-install"), secret("istiod", 1, "deployed")), []);
    });
  });

  describe("on what is there already", () => {
    const kinds = (...items: object[]) => ({ "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": { items } });
    const named = (name: string, annotations = {}, labels = {}, namespace?: string) => ({
      metadata: { name, annotations, labels, ...(namespace === undefined ? {} : { namespace }) },
    });
    const istiods = (...items: object[]) => ({ "/apis/apps/v1/deployments": { items } });

    it("finds CRDs of an Istio that Helm does not know, and of another release", async () => {
      const [unknown] = await findings(
        kinds(
          named("peerauthentications.security.istio.io"),
          named("gateways.networking.istio.io"),
          named("gateways.gateway.networking.k8s.io"),
        ),
      );
      assert.equal(unknown!.check, "cluster/ownership");
      assert.match(
        unknown!.problem,
        /CustomResourceDefinition peerauthentications\.security\.istio\.io, .* belong to nobody's Helm release/,
      );
      assert.match(unknown!.fix, /istioctl uninstall/);
      const [other] = await findings(
        kinds(named("peerauthentications.security.istio.io", helm("base", "istio-system"))),
      );
      assert.match(other!.problem, /belongs to Helm release istio-system\/base: Helm refuses/);
      assert.match(other!.fix, /helm uninstall base -n istio-system/);
    });
    it("takes what a destroy of ours has left for ours", async () => {
      assert.deepEqual(
        await findings(kinds(named("peerauthentications.security.istio.io", helm("istio-base", root)))),
        [],
      );
    });
    it("finds a gateway of the same name in other hands", async () => {
      const found = await findings({
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/enroute": named("enroute", helm("enroute", "edge")),
      });
      assert.deepEqual(brief(found), ["cluster/ownership error"]);
      assert.match(found[0]!.problem, /ClusterRole enroute belongs to Helm release edge\/enroute/);
    });
    it("finds another Istio: of the same revision it is in the way, of another it is news", async () => {
      const same = await findings(
        istiods(named("istiod", helm("istiod", "mesh"), { "istio.io/rev": "default" }, "mesh")),
      );
      assert.deepEqual(brief(same), ["mesh/other-istio error"]);
      const other = await findings(
        istiods(named("istiod-1-30", helm("istiod-1-30", root), { "istio.io/rev": "1-30" }, root)),
      );
      assert.deepEqual(brief(other), ["mesh/other-istio warning"]);
    });
  });

  it("refuses an upgrade of Istio that skips a minor version, and lets pass a step up or down", async () => {
    const running = (version: string) =>
      findings({
        [`/apis/apps/v1/namespaces/${root}/deployments`]: {
          items: [{ metadata: { name: "istiod", namespace: root, labels: { "helm.sh/chart": `istiod-${version}` } } }],
        },
      });
    const [skipped, ...more] = await running("1.29.2");
    assert.deepEqual(more, []);
    assert.equal(`${skipped?.check} ${skipped?.severity}`, "mesh/istio-upgrade error");
    assert.match(skipped!.problem, /from 1\.29\.2 to 1\.31\.0 in one step/);
    assert.match(skipped!.fix, /a release of 1\.30 first/);
    assert.match((await running("1.33.0"))[0]!.fix, /a release of 1\.32 first/);
    for (const version of ["1.30.5", "1.31.0", "1.31.2", "1.32.0", "unreadable"])
      assert.deepEqual(await running(version), [], version);
  });

  describe("on the phases of an upgrade", () => {
    const istiod = (revision: string, version: string, ready = 1) => ({
      metadata: {
        name: revision === "default" ? "istiod" : `istiod-${revision}`,
        namespace: root,
        labels: { "istio.io/rev": revision, "helm.sh/chart": `istiod-${version}` },
        annotations: helm(revision === "default" ? "istiod" : `istiod-${revision}`, root),
      },
      status: { readyReplicas: ready },
    });
    const pod = (name: string, revision: string) => ({
      metadata: {
        ...{ name: `${name}-7d4-x1`, namespace: "bookinfo", annotations: { "istio.io/rev": revision } },
        ownerReferences: [{ kind: "ReplicaSet", name: `${name}-7d4` }],
      },
      spec: { containers: [{ name: "app" }, { name: "istio-proxy", image: "docker.io/istio/proxyv2:1.31.0" }] },
    });
    const admission = "/apis/admissionregistration.k8s.io/v1";
    const mesh = (istiods: object[], validating: string, more: Record<string, Answer> = {}) => ({
      [`/apis/apps/v1/namespaces/${root}/deployments`]: { items: istiods },
      [`${admission}/validatingwebhookconfigurations/istiod-default-validator`]: {
        metadata: { name: "istiod-default-validator", labels: { "istio.io/rev": validating } },
      },
      "/api/v1/namespaces": none,
      "/api/v1/pods": none,
      ...more,
    });
    const stack = viewOf("acme/enroute-istio/x", {
      objects: [],
      releases: [`${root}/istiod`, `${root}/istiod-1-32-0`],
    });
    const both = [istiod("default", "1.31.0"), istiod("1-32-0", "1.32.0")];
    const declared = (...revisions: string[]) => {
      const settings = stackFile("sandbox");
      const { version: _, ...istio } = settings.istio;
      const versions: Record<string, string> = { default: "1.31.0", "1-32-0": "1.32.0" };
      const all = revisions.map((revision) => ({ revision, version: versions[revision]! }));
      return { ...settings, istio: { ...istio, revisions: all } };
    };
    const only = ["mesh/revision-phase", "mesh/istio-upgrade"];
    const found = async (answers: Record<string, Answer>, settings: Settings, view: StackView | undefined = stack) => {
      const options = view === undefined ? { only } : { only, stack: view };
      return (await report(answers, settings, options)).findings.map(
        ({ severity, problem }) => `${severity}: ${problem}`,
      );
    };

    it("lets a new one come beside the old one, and each of them go when nobody uses it", async () => {
      assert.deepEqual(await found(mesh(both.slice(0, 1), "default"), declared("default", "1-32-0")), []);
      assert.deepEqual(await found(mesh(both, "1-32-0"), declared("1-32-0")), []);
      assert.deepEqual(await found(mesh(both, "default"), declared("default")), []);
    });

    it("refuses to take one away that validates, and names the pods and namespaces of it", async () => {
      const running = mesh(both, "default", {
        "/api/v1/namespaces": { items: [{ metadata: { name: "wiki", labels: { "istio-injection": "enabled" } } }] },
        "/api/v1/pods": { items: [pod("reviews", "default"), pod("ratings", "1-32-0")] },
      });
      const [validates, follows, runs, ...more] = await found(running, declared("1-32-0"));
      assert.deepEqual(more, []);
      assert.match(validates!, /^error: revision default may not go yet: it checks Istio's objects/);
      assert.match(follows!, /namespace wiki follows it/);
      assert.match(runs!, /1 proxy of it runs: bookinfo\/reviews-7d4-x1/);
    });

    it("refuses where nobody can tell who uses it", async () => {
      const blind = mesh(both, "1-32-0", { "/api/v1/pods": new Status(403, "pods is forbidden") });
      assert.match((await found(blind, declared("1-32-0"))).join(), /nobody can tell whether anything still uses/);
    });

    it("refuses to move the default to one that is not ready", async () => {
      const starting = mesh([both[0]!, istiod("1-32-0", "1.32.0", 0)], "default");
      const settings = declared("default", "1-32-0");
      settings.istio.defaultRevision = "1-32-0";
      assert.match(
        (await found(starting, settings)).join(),
        /the default may not move from revision default to 1-32-0 yet/,
      );
      assert.deepEqual(await found(mesh(both, "default"), settings), []);
    });

    it("leaves to others what the stack does not have", async () => {
      const other = viewOf("acme/enroute-istio/x", { objects: [], releases: [`${root}/istiod-1-32-0`] });
      assert.deepEqual(await found(mesh(both, "default"), declared("1-32-0"), other), []);
    });

    it("goes by the claim of the mesh where the stack is not given", async () => {
      const claim = {
        metadata: {
          name: "enroute-istio-owner",
          annotations: { "enroute-istio/stack": "a/b/c", "enroute-istio/releases": `${root}/istiod` },
        },
      };
      const claimed = mesh(both, "default", { [`/api/v1/namespaces/${root}/configmaps/enroute-istio-owner`]: claim });
      const one = await report(claimed, declared("1-32-0"), { only });
      assert.match(one.findings.map(({ problem }) => problem).join(), /revision default may not go yet: it checks/);
      assert.deepEqual((await report(mesh(both, "1-32-0"), declared("1-32-0"), { only })).findings, []);
    });
  });

  describe("on versions", () => {
    const only = ["versions"];
    const day = (text: string) => new Date(`${text}T12:00:00Z`);
    const found = async (answers: Record<string, Answer>, settings = stackFile("sandbox"), now = day("2026-11-01")) =>
      (await report(answers, settings, { only, now })).findings.map(
        ({ check, problem, fix }) => `${check}: ${problem}: ${fix}`,
      );
    const istio = (version: string) => {
      const settings = stackFile("sandbox");
      return { ...settings, istio: { ...settings.istio, version } };
    };

    it("warns of the end of Istio's support ahead of time, and after it", async () => {
      assert.deepEqual(await found({}), []);
      assert.match(
        (await found({}, istio("1.31.4"), day("2027-02-01"))).join(),
        /^versions\/istio: Istio 1\.31 is supported until 2027-02-28/,
      );
      assert.deepEqual(await found({}, istio("1.31.4"), day("2027-01-20")), []);
      assert.match(
        (await found({}, istio("1.30.8"), day("2027-01-20"))).join(),
        /Istio 1\.30 has been out of support since 2026-12-02/,
      );
    });

    it("warns of a published vulnerability, with the release that has none", async () => {
      const [first, second, ...more] = await found({}, istio("1.30.0"));
      assert.deepEqual(more, []);
      assert.match(first!, /Istio 1\.30\.0 has CVE-2026-47774: .*upgrade --stack <stack> --to 1\.30\.1$/);
      assert.match(second!, /ISTIO-SECURITY-2026-006: .* --to 1\.30\.4$/);
      const definition = "backendtlspolicies.gateway.networking.k8s.io";
      const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${definition}`;
      const there = await found({ [path]: { metadata: { name: definition } } });
      assert.match(there.join(), /^versions\/istio: Istio 1\.31\.0 has GHSA-qm8v-g4f9-qhjx: .* --to 1\.31\.1$/);
    });

    it("warns of a pinned Envoy without security fixes", async () => {
      const settings = stackFile("sandbox");
      settings.gateway.images = { ...settings.gateway.images, envoy: { tag: "v1.27.0" } };
      assert.match(
        (await found({}, settings)).join(),
        /^versions\/envoy: Envoy v1\.27\.0 has been out of support since 2024-07-27/,
      );
      settings.gateway.images.envoy = { tag: "v1.38.2" };
      assert.deepEqual(await found({}, settings), []);
    });

    it("warns of a new EnRoute with one replica, and names the command for its definitions", async () => {
      const path = "/apis/apps/v1/namespaces/enroute-system/deployments/enroute";
      const running = (chart: string, redis = "redis:7.4.1") => ({
        [path]: {
          metadata: { name: "enroute", labels: { "helm.sh/chart": chart } },
          spec: { template: { spec: { containers: [{ name: "redis", image: redis }] } } },
        },
      });
      const settings = { ...stackFile("sandbox") };
      settings.gateway = { ...settings.gateway, replicas: 1 };
      assert.deepEqual(await found(running("enroute-0.8.7"), settings), []);
      const [restart, definitions] = await found(running("enroute-0.8.6"), settings);
      assert.match(restart!, /one replica, and restarts \(chart enroute-0\.8\.6 becomes enroute-0\.8\.7\)/);
      assert.match(definitions!, /helm show crds enroute --repo \S+ --version 0\.8\.7 \| kubectl apply --server-side/);
      assert.match(
        (await found(running("enroute-0.8.7", "redis:7.2.0"), settings)).join(),
        /restarts \(image redis: 7\.4\.1\)/,
      );
      settings.gateway = { ...settings.gateway, replicas: 2 };
      assert.deepEqual(
        (await found(running("enroute-0.8.6"), settings)).map((text) => text.split(":")[0]),
        ["versions/enroute-definitions"],
      );
    });
  });

  describe("on the namespaces that istiod looks at", () => {
    const selected = () => {
      const settings = stackFile("sandbox");
      settings.istio.meshConfig = { discoverySelectors: [{ matchLabels: { mesh: "yes" } }] };
      for (const one of [settings.istio.namespace, settings.gateway.namespace, ...settings.namespaces])
        Object.assign(one, { create: false, labels: {} });
      return settings;
    };
    const live = (names: string[]) =>
      Object.fromEntries(
        [root, "enroute-system", "bookinfo"].map((name) => [
          `/api/v1/namespaces/${name}`,
          { metadata: { name, labels: names.includes(name) ? { mesh: "yes" } : {} } },
        ]),
      );
    it("goes by the labels that they have", async () => {
      assert.deepEqual(await findings(live([root, "enroute-system", "bookinfo"]), selected()), []);
      const found = await findings(live(["enroute-system"]), selected());
      assert.deepEqual(brief(found), ["mesh/discovery error", "mesh/discovery error"]);
      assert.match(found[0]!.problem, /matches namespace istio-system: .*STRICT is off everywhere/);
      assert.match(found[0]!.fix, /values: \[istio-system\]\] \}|values: \[istio-system\]/);
      assert.match(found[1]!.fix, /to namespaces\[0\]\.labels$/);
    });
    it("counts the labels that the stack will set", async () => {
      const settings = selected();
      settings.istio.namespace.labels = { mesh: "yes" };
      assert.deepEqual(await findings(live(["enroute-system", "bookinfo"]), settings), []);
    });
  });

  describe("on the revision that a namespace asks for", () => {
    const asking = (injection: "enabled" | { revision: string }, istio: object = {}) => {
      const settings = stackFile("sandbox");
      Object.assign(settings.istio, istio);
      settings.namespaces[0]!.injection = injection;
      return settings;
    };
    const webhooks = (values: string[], annotations = {}) => ({
      "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations": {
        items: [
          {
            metadata: { name: "istio-revision-tag-x", annotations },
            webhooks: [
              {
                name: "rev.namespace.sidecar-injector.istio.io",
                clientConfig: { service: { namespace: "old", name: "istiod", path: "/inject" } },
                namespaceSelector: { matchExpressions: [{ key: "istio.io/rev", operator: "In", values }] },
              },
            ],
          },
        ],
      },
    });
    it("refuses one that nobody has", async () => {
      for (const there of [{}, webhooks(["other"])]) {
        const found = await findings(there, asking({ revision: "canary" }));
        assert.deepEqual(brief(found), ["mesh/revision error"]);
        assert.match(
          found[0]!.problem,
          /no control plane injects pods of namespace bookinfo \(istio\.io\/rev=canary\)/,
        );
        assert.match(found[0]!.fix, /leave namespaces\[0\]\.injection out/);
      }
      const found = await findings({}, asking("enabled", { revision: "1-31" }));
      assert.match(found[0]!.problem, /istio-injection=enabled/);
    });
    it("takes one that is there, that the stack has, or a tag that it makes", async () => {
      assert.deepEqual(await findings(webhooks(["canary"]), asking({ revision: "canary" })), []);
      assert.deepEqual(await findings({}, asking({ revision: "1-31" }, { revision: "1-31" })), []);
      assert.deepEqual(await findings({}, asking({ revision: "default" })), []);
      assert.deepEqual(await findings({}, asking({ revision: "prod" }, { values: { revisionTags: ["prod"] } })), []);
    });
    it("does not count a tag of its own that this update takes away", async () => {
      const gone = webhooks(["prod"], helm("istiod", root));
      assert.deepEqual(brief(await findings(gone, asking({ revision: "prod" }))), ["mesh/revision error"]);
    });
  });

  describe("on what the gateway would serve in clear text", () => {
    const services = [{ name: "web", port: 80 }];
    const hosts = (...items: object[]) => ({ "/apis/enroute.saaras.io/v1/gatewayhosts": { items } });
    const plainHost = (fqdn: string, annotations = {}) => ({
      metadata: { name: "plain", namespace: "tools", annotations },
      spec: { virtualhost: { fqdn }, routes: [{ services }] },
    });
    const ingresses = { "/apis/networking.k8s.io/v1/ingresses": { items: [ingress("wiki", ["wiki.example.com"])] } };

    it("warns of a host of others without TLS, and takes one that carries its reason", async () => {
      const found = await findings(hosts(plainHost("plain.example.com")));
      assert.deepEqual(brief(found), ["mesh/clear-text warning"]);
      assert.match(
        found[0]!.problem,
        /GatewayHost tools\/plain: the gateway would serve plain\.example\.com\/ in clear/,
      );
      const reason = { "enroute-istio/insecure-routes": '{"/":"devices without TLS"}' };
      assert.deepEqual(await findings(hosts(plainHost("plain.example.com", reason))), []);
    });
    it("warns of what others add to a host of the stack, which the update does not put right", async () => {
      const { host } = stackFile("sandbox").hosts[0]!;
      const open = { services, conditions: [{ prefix: "/more" }], permitInsecure: true };
      const own = {
        metadata: { name: host, namespace: "bookinfo" },
        spec: { virtualhost: { fqdn: host, tls: { secretName: "s" } }, routes: [open] },
      };
      const more = { metadata: { name: "more", namespace: "tools" }, spec: { fqdn: host, route: open } };
      const found = await findings({ ...hosts(own), "/apis/enroute.saaras.io/v1/serviceroutes": { items: [more] } });
      assert.deepEqual(
        found.filter(({ check }) => check === "mesh/clear-text").map(({ problem }) => problem.split(":")[0]),
        ["ServiceRoute tools/more"],
      );
    });
    it("warns of Ingresses where the stack lets EnRoute serve them, and there alone", async () => {
      assert.deepEqual(await findings(ingresses), []);
      const stack = stackFile("sandbox");
      stack.gateway.ingresses = { reason: "old charts" };
      const found = await findings(ingresses, stack);
      assert.deepEqual(brief(found), ["mesh/clear-text warning"]);
      assert.match(
        found[0]!.problem,
        /Ingress tools\/wiki: the gateway would serve wiki\.example\.com\/ in clear text/,
      );
    });
  });

  describe("on mesh-wide policies", () => {
    it("is content with ours alone", async () =>
      assert.deepEqual(await findings({ [policies]: { items: [ours] } }), []));
    it("refuses an older one, with ours there and without", async () => {
      const legacy = policy("legacy", "2026-01-01T00:00:00Z");
      for (const items of [[legacy], [ours, legacy]])
        assert.deepEqual(brief(await findings({ [policies]: { items } })), ["mesh/other-policy error"]);
    });
    it("refuses one that has our name", async () => {
      const [found] = await findings({ [policies]: { items: [policy("default", "2026-12-01T00:00:00Z")] } });
      assert.match(found!.problem, /istio-system\/default exists, and is not ours/);
      assert.equal(found!.severity, "error");
    });
    it("warns of a younger one, and passes over one with a selector", async () => {
      const later = policy("later", "2026-12-01T00:00:00Z");
      assert.deepEqual(brief(await findings({ [policies]: { items: [ours, later] } })), ["mesh/other-policy warning"]);
      const narrow = { ...policy("narrow", "2026-01-01T00:00:00Z"), spec: { selector: { matchLabels: { a: "b" } } } };
      assert.deepEqual(await findings({ [policies]: { items: [ours, narrow] } }), []);
    });
  });
});
