import assert from "node:assert/strict";
import { parse } from "yaml";
import { compileExceptions } from "../../../mesh/mutual-tls-policies";
import { meshRenewal, servingRemedies } from "../../../mesh/lives";
import { reasonAnnotation } from "../../../base/annotations";
import { type PolicyObject, judge } from "../../../policy/rules";
import type { KubernetesObject } from "../../../review/objects";
import { settingsWarnings } from "../../../settings/warnings";
import { SettingsError } from "../../../settings/error";
import { loadSettings } from "../../../settings/load";
import { preflight } from "../../../verify/preflight";
import type { Settings } from "../../../settings/schema";
import { allChecks } from "../../../verify/verify";
import { issue } from "../certificates";
import { changes } from "../review/sides";
import { configuration, stackConfig, stackFile } from "../stack-files";
import { fakeApi } from "../verify/fake-api";
import { type Seen, type Serving, healthy, publicKeyOf, serving, valueIn } from "../verify/healthy";

/*
 * One table of objects for each question of the mesh, put to everybody who judges them: the checks of verify on a cluster that
 * has the object, the policies on a program that makes it, the review of a change that brings it, and the settings where they
 * can say the same. All answers must be that of the table.
 */

const settings = stackFile("staging");
const root = settings.istio.namespace.name;
const edge = settings.gateway.namespace.name;
const member = "shop";
const now = new Date("2026-11-20");

/** Installs the mesh among the objects that the policies judge: they know its root namespace by it. */
const istiod: PolicyObject = {
  apiVersion: "helm.sh/v3",
  kind: "Release",
  metadata: { name: "istiod", namespace: root },
  chart: "istiod",
  version: "1.31.0",
};

function object(text: string): KubernetesObject {
  return parse(text) as KubernetesObject;
}

/** Whether one of the policies has something against an object. */
function policyFinds(rules: string[], made: KubernetesObject, others: KubernetesObject[] = []): boolean {
  return judge([istiod, made, ...others], { environment: "dev", now }).some(
    (found) => rules.includes(found.rule) && found.object.includes(made.metadata.name),
  );
}

/** Whether a review marks that a change weakens a leg. */
function reviewFinds(before: KubernetesObject[], after: KubernetesObject[]): boolean {
  const sides = [before, after].map((objects) => objects.map((made) => ({ object: made })));
  return changes(sides[0]!, sides[1]!).changes.some(({ marks }) => marks.some(({ level }) => level === "weaker"));
}

describe("all judges agree", () => {
  let certificates: Serving;
  before(async () => {
    certificates = await serving(settings);
  });

  function verifyFinds(checks: string[], put: (seen: Seen) => void, stack: Settings = settings): boolean {
    const seen = healthy(structuredClone(stack), certificates);
    put(seen);
    const results = allChecks(seen.view, seen.settings, seen.probes, seen.options);
    assert.deepEqual(
      results.filter(({ status, check }) => status === "failed" && !checks.includes(check)).map(({ check }) => check),
      [],
    );
    return results.some(({ check, status }) => checks.includes(check) && status === "failed");
  }

  describe("whether a PeerAuthentication is weak", () => {
    const policies: [what: string, namespace: string, spec: string, weak: boolean][] = [
      ["STRICT", member, "{mtls: {mode: STRICT}}", false],
      ["PERMISSIVE", member, "{mtls: {mode: PERMISSIVE}}", true],
      ["DISABLE", member, "{mtls: {mode: DISABLE}}", true],
      ["UNSET, which inherits", member, "{mtls: {mode: UNSET}}", false],
      ["nothing, which inherits", member, "{}", false],
      ["a mode in small letters", member, "{mtls: {mode: strict}}", true],
      ["a workload's", member, "{selector: {matchLabels: {app: a}}, mtls: {mode: PERMISSIVE}}", true],
      ["a port", member, "{selector: {matchLabels: {app: a}}, portLevelMtls: {'80': {mode: DISABLE}}}", true],
      [
        "a port that is STRICT",
        member,
        "{selector: {matchLabels: {app: a}}, portLevelMtls: {'80': {mode: STRICT}}}",
        false,
      ],
      [
        "a port that inherits",
        member,
        "{selector: {matchLabels: {app: a}}, portLevelMtls: {'80': {mode: UNSET}}}",
        false,
      ],
      ["a port without a selector", member, "{mtls: {mode: STRICT}, portLevelMtls: {'80': {mode: PERMISSIVE}}}", true],
      ["a workload's in the root namespace", root, "{selector: {matchLabels: {app: a}}, mtls: {mode: DISABLE}}", false],
      ["an empty selector outside of the root", member, "{selector: {}, mtls: {mode: PERMISSIVE}}", true],
    ];
    const checks = ["strict/namespaces", "strict/workloads", "strict/ports"];
    for (const [what, namespace, spec, weak] of policies)
      it(`${what}: ${weak ? "yes" : "no"}`, () => {
        const made = object(
          `{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: odd, namespace: ${namespace}}, spec: ${spec}}`,
        );
        const verify = verifyFinds(checks, ({ view }) => valueIn(view.peerAuthentications).push(made as never));
        const policy = policyFinds(["mtls-strict"], made);
        assert.deepEqual(
          { verify, policy, review: reviewFinds([], [made]) },
          { verify: weak, policy: weak, review: weak },
        );
      });

    const meshWide: [what: string, spec: string, weak: boolean][] = [
      ["STRICT", "{mtls: {mode: STRICT}}", false],
      ["PERMISSIVE", "{mtls: {mode: PERMISSIVE}}", true],
      ["UNSET, above which Istio's default stands", "{mtls: {mode: UNSET}}", true],
      ["nothing", "{}", true],
      ["with an empty selector", "{selector: {}, mtls: {mode: DISABLE}}", true],
      ["with a selector without labels", "{selector: {matchLabels: {}}, mtls: {mode: PERMISSIVE}}", true],
    ];
    for (const [what, spec, weak] of meshWide)
      it(`${what}, for the whole mesh: ${weak ? "yes" : "no"}`, () => {
        const mesh = (content: string) =>
          object(
            `{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: default, namespace: ${root}}, spec: ${content}}`,
          );
        const made = mesh(spec);
        const verify = verifyFinds(["strict/mesh-wide"], ({ view }) => {
          valueIn(view.peerAuthentications)[0]!.spec = made.spec as never;
        });
        const policy = policyFinds(["mtls-strict", "mtls-mesh-wide"], made);
        const review = reviewFinds([mesh("{mtls: {mode: STRICT}}")], [made]);
        assert.deepEqual({ verify, policy, review }, { verify: weak, policy: weak, review: weak });
      });

    it("as the settings and components do: an exception that a stack declares is compiled, and found by nobody", () => {
      const [made] = compileExceptions(settings.mutualTls.exceptions);
      const compiled = {
        apiVersion: "security.istio.io/v1",
        kind: "PeerAuthentication",
        metadata: { name: made!.name, namespace: made!.namespace, annotations: made!.annotations },
        spec: made!.spec,
      };
      assert.ok(!verifyFinds([], () => undefined));
      assert.ok(!policyFinds(["mtls-strict", "mtls-exceptions"], compiled));
      // To a reviewer it is news all the same.
      assert.ok(reviewFinds([], [compiled]));
      const bare = structuredClone(compiled);
      delete bare.metadata.annotations[reasonAnnotation];
      assert.ok(policyFinds(["mtls-strict"], bare));
    });
  });

  describe("whether a DestinationRule weakens TLS", () => {
    const rules: [what: string, spec: string, weak: boolean][] = [
      ["DISABLE", "{host: api, trafficPolicy: {tls: {mode: DISABLE}}}", true],
      ["SIMPLE inside the mesh", "{host: api, trafficPolicy: {tls: {mode: SIMPLE}}}", true],
      ["insecureSkipVerify", "{host: api, trafficPolicy: {tls: {mode: MUTUAL, insecureSkipVerify: true}}}", true],
      ["ISTIO_MUTUAL", "{host: api, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}", false],
      ["MUTUAL", "{host: api, trafficPolicy: {tls: {mode: MUTUAL}}}", false],
      ["no TLS settings", "{host: api, trafficPolicy: {connectionPool: {}}}", false],
      ["a port", "{host: api, trafficPolicy: {portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}]}}", true],
      ["a subset", "{host: api, subsets: [{name: v1, trafficPolicy: {tls: {mode: SIMPLE}}}]}", true],
      ["every Service", "{host: '*.local', trafficPolicy: {tls: {mode: DISABLE}}}", true],
      ["a full name", `{host: api.${member}.svc.cluster.local, trafficPolicy: {tls: {mode: DISABLE}}}`, true],
      ["a host outside, in plain text", "{host: old.example.com, trafficPolicy: {tls: {mode: DISABLE}}}", false],
      ["a host outside, with TLS", "{host: old.example.com, trafficPolicy: {tls: {mode: SIMPLE}}}", false],
      ["a name with a dot, which is no Service", `{host: api.${member}, trafficPolicy: {tls: {mode: DISABLE}}}`, false],
    ];
    for (const [what, spec, weak] of rules)
      it(`${what}: ${weak ? "yes" : "no"}`, () => {
        const made = object(
          `{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: odd, namespace: ${member}}, spec: ${spec}}`,
        );
        const verify = verifyFinds(["strict/destination-rules"], ({ view }) =>
          valueIn(view.destinationRules).push(made as never),
        );
        const policy = policyFinds(["destination-rule-tls"], made);
        assert.deepEqual(
          { verify, policy, review: reviewFinds([], [made]) },
          { verify: weak, policy: weak, review: weak },
        );
      });
  });

  describe("whether a namespace is injected", () => {
    const namespaces: [labels: string, injected: boolean][] = [
      ["{istio-injection: enabled}", true],
      ["{}", false],
      ["{istio-injection: disabled}", false],
      ["{istio.io/rev: canary}", true],
      ["{istio.io/rev: ''}", false],
      ["{istio-injection: disabled, istio.io/rev: canary}", false],
      ["{istio-injection: enabled, istio.io/rev: canary}", true],
    ];
    const namespace = (labels: string, name = member) =>
      object(`{apiVersion: v1, kind: Namespace, metadata: {name: ${name}, labels: ${labels}}}`);
    const route = (name = member) =>
      object(
        `{apiVersion: enroute.saaras.io/v1, kind: GatewayHost, metadata: {name: h, namespace: ${name}}, spec: {virtualhost: {fqdn: a.example, tls: {secretName: s, minimumProtocolVersion: '1.3'}}}}`,
      );
    const policyRefuses = (made: KubernetesObject) =>
      judge([made, route(made.metadata.name)], { environment: "dev", now }).some(
        ({ rule, message }) => rule === "namespace-injection" && /injected|injects no pod/.test(message),
      );

    for (const [labels, injected] of namespaces)
      it(`with ${labels}: ${injected ? "yes" : "no"}`, () => {
        const made = namespace(labels);
        const found = { ...made.metadata.labels };
        // Verify compares with the labels that the stack asks for: those that inject are asked for.
        const wanted = structuredClone(settings);
        const revision = found["istio-injection"] === undefined ? found["istio.io/rev"] : undefined;
        if (revision)
          wanted.namespaces = wanted.namespaces.map((each) =>
            each.name === member ? { ...each, injection: { revision } } : each,
          );
        const both = injected && Object.keys(found).length === 2;
        const verify = !verifyFinds(
          ["injection/namespace-labels", "injection/revision-webhook"],
          ({ view }) => {
            view.namespaces[member] = { state: "read", value: found };
            if (revision)
              valueIn(view.mutatingWebhooks)[0]!.webhooks!.push({
                ...valueIn(view.mutatingWebhooks)[0]!.webhooks![0]!,
                namespaceSelector: { matchLabels: { "istio.io/rev": revision } },
              });
          },
          wanted,
        );
        const review = !reviewFinds([namespace("{istio-injection: enabled}")], [made]);
        assert.deepEqual(
          { verify: both || verify, policy: !policyRefuses(made), review },
          { verify: injected, policy: injected, review: injected },
        );
        // With both labels it is injected, and nobody who asks for one of them is content.
        if (both) assert.ok(!verify && policyFinds(["namespace-injection"], made));
      });

    for (const name of ["kube-system", "kube-node-lease"])
      it(`${name}, whatever its labels: no`, () => {
        const made = namespace("{istio-injection: enabled}", name);
        const config = { ...stackConfig("staging"), "enroute-istio:namespaces": [{ name: "bookinfo" }, { name }] };
        assert.throws(
          () => loadSettings(configuration(config)),
          (error: Error) => error instanceof SettingsError && /Istio never injects/.test(error.message),
        );
        const renamed = structuredClone(settings);
        renamed.mutualTls.exceptions = [];
        renamed.namespaces = renamed.namespaces.map((each) => (each.name === member ? { ...each, name } : each));
        assert.ok(verifyFinds(["injection/namespace-labels"], () => undefined, renamed));
        assert.ok(policyRefuses(made));
        const joined = { apiVersion: "v1", kind: "Namespace", metadata: { name, labels: {} } };
        assert.ok(!reviewFinds([made], [joined]), "nothing is lost that never was");
      });
  });

  describe("whether a pod has opted out", () => {
    const pods: [metadata: string, out: boolean][] = [
      ["{labels: {sidecar.istio.io/inject: 'false'}}", true],
      ["{annotations: {sidecar.istio.io/inject: 'false'}}", true],
      ["{labels: {sidecar.istio.io/inject: 'true'}, annotations: {sidecar.istio.io/inject: 'false'}}", false],
      ["{labels: {sidecar.istio.io/inject: 'no'}}", false],
      ["{}", false],
    ];
    for (const [metadata, out] of pods)
      it(`with ${metadata}: ${out ? "yes" : "no"}`, () => {
        const workload = (content: string) =>
          object(
            `{apiVersion: apps/v1, kind: Deployment, metadata: {name: odd, namespace: ${member}}, spec: {template: {metadata: ${content}, spec: {containers: [{name: a, image: 'a:1'}]}}}}`,
          );
        const verify = verifyFinds(["injection/opted-out", "injection/pods-in-mesh"], ({ view }) => {
          const [pod] = valueIn(view.pods[member]);
          Object.assign(pod!.metadata, parse(metadata));
          if (out) delete pod!.spec.initContainers;
        });
        assert.deepEqual(
          { verify, review: reviewFinds([workload("{}")], [workload(metadata)]) },
          { verify: out, review: out },
        );
      });
  });

  describe("whether EnRoute uses Istio's certificates", () => {
    const on = `'{"istio_enabled":true}'`;
    const configs: [spec: string, uses: boolean][] = [
      [`{type: globalconfig_globals, config: ${on}}`, true],
      [`{type: globalconfig_globals, config: '{"istio_enabled":false}'}`, false],
      [`{type: globalconfig_globals, config: '{"istio_enabled":"true"}'}`, false],
      [`{type: globalconfig_globals, config: '{"istio_enable":true}'}`, false],
      [`{type: globalconfig_globals, config: 'istio_enabled'}`, false],
      [`{type: globalconfig_globals}`, false],
      [`{type: globalconfig_global, config: ${on}}`, false],
    ];
    const enroute: PolicyObject = {
      ...{ apiVersion: "helm.sh/v3", kind: "Release", metadata: { name: "enroute-istio", namespace: edge } },
      ...{ chart: "enroute", version: "0.8.7", values: { istio: { enable: true } } },
    };
    const config = (spec: string, name = "mesh") =>
      object(
        `{apiVersion: enroute.saaras.io/v1, kind: GlobalConfig, metadata: {name: ${name}, namespace: ${edge}}, spec: ${spec}}`,
      );
    const policyAccepts = (...objects: KubernetesObject[]) =>
      !judge([enroute, ...objects], { environment: "dev", now }).some(({ rule }) => rule === "gateway-in-mesh");
    const checks = ["global-config/one", "global-config/json", "global-config/istio-enabled"];

    for (const [spec, uses] of configs)
      it(`with ${spec}: ${uses ? "yes" : "no"}`, () => {
        const made = config(spec);
        const verify = !verifyFinds(checks, ({ view }) => {
          valueIn(view.globalConfigs)[0]!.spec = made.spec as never;
        });
        const review = !reviewFinds([config(configs[0]![0])], [made]);
        assert.deepEqual({ verify, policy: policyAccepts(made), review }, { verify: uses, policy: uses, review: uses });
      });

    it("with a second one that is off: no", () => {
      const [first, second] = [config(configs[0]![0]), config(configs[1]![0], "other")];
      assert.ok(verifyFinds(checks, ({ view }) => void valueIn(view.globalConfigs).push(second as never)));
      assert.ok(!policyAccepts(first, second));
      assert.ok(reviewFinds([first], [first, second]));
    });
  });

  describe("whether a route may be plain", () => {
    const plain = (routes: Settings["hosts"][number]["routes"]): Settings => {
      const stack = structuredClone(settings);
      stack.hosts[0]!.routes = routes;
      return stack;
    };
    const secure = { service: "productpage", port: 9080 };
    const open = { ...secure, prefix: "/old", permitInsecure: { reason: "old clients" } };
    const everything = { ...secure, permitInsecure: { reason: "old clients" } };
    const { host, namespace } = settings.hosts[0]!;
    const gatewayHost = (annotation: string, prefix: string) =>
      object(
        `{apiVersion: enroute.saaras.io/v1, kind: GatewayHost, metadata: {name: ${host.replaceAll(".", "-")}, namespace: ${namespace}, annotations: {${annotation}}}, spec: {virtualhost: {fqdn: ${host}, tls: {secretName: s, minimumProtocolVersion: '1.2'}}, routes: [{conditions: [{prefix: ${prefix}}], permitInsecure: true}]}}`,
      );
    const checks = ["hosts/secure-routes", "client-leg/plain-http"];
    const answered = (seen: Seen) => void (seen.probes.clientLeg![host]!.plain = { outcome: "answered", status: 200 });

    it("that the stack declares, with its reason: yes", () => {
      assert.ok(!verifyFinds(checks, () => undefined, plain([open, secure])));
      assert.ok(!verifyFinds(checks, answered, plain([everything])));
      assert.ok(
        !policyFinds(
          ["host-insecure-routes"],
          gatewayHost(`enroute-istio/insecure-routes: '{"/old":"old clients"}'`, "/old"),
        ),
      );
    });

    it("that nobody declares: no", () => {
      const change = ({ view }: Seen) =>
        void ((valueIn(view.gatewayHosts)[0]!.spec!.routes![0] as { permitInsecure?: boolean }).permitInsecure = true);
      assert.ok(verifyFinds(["hosts/secure-routes"], change));
      assert.ok(verifyFinds(["client-leg/plain-http"], answered));
      // What is declared for one path holds for no other.
      assert.ok(verifyFinds(["client-leg/plain-http"], answered, plain([open, secure])));
      assert.ok(policyFinds(["host-insecure-routes"], gatewayHost("", "/old")));
      assert.ok(
        policyFinds(["host-insecure-routes"], gatewayHost(`enroute-istio/insecure-routes: '{"/other":"r"}'`, "/old")),
      );
    });

    it("that somebody adds to the host by another object: no", () => {
      const route = (kind: string) =>
        object(
          `{apiVersion: enroute.saaras.io/v1, kind: ${kind}, metadata: {name: more, namespace: ${member}}, spec: {fqdn: ${host}, route: {conditions: [{prefix: /old}], permitInsecure: true}}}`,
        );
      const made = route("ServiceRoute");
      const add = ({ view }: Seen) => void (view.serviceRoutes = { state: "read", value: [made as never] });
      assert.ok(verifyFinds(["hosts/secure-routes"], add, plain([open, secure])));
      assert.ok(policyFinds(["host-insecure-routes"], made));
      assert.ok(reviewFinds([], [made]));
    });

    it("is news to a reviewer in any case, with the reason where there is one", () => {
      const before = gatewayHost("", "/old");
      delete (before.spec as { routes: { permitInsecure?: boolean }[] }).routes[0]!.permitInsecure;
      const texts = (after: KubernetesObject) =>
        changes([{ object: before }], [{ object: after }]).changes.flatMap(({ marks }) =>
          marks.map(({ text }) => text),
        );
      assert.deepEqual(texts(gatewayHost(`enroute-istio/insecure-routes: '{"/old":"old clients"}'`, "/old")), [
        `${host}/old is also served in plain text (permitInsecure: old clients)`,
      ]);
      assert.deepEqual(texts(gatewayHost("", "/old")), [`${host}/old is also served in plain text (permitInsecure)`]);
    });
  });

  describe("whether the gateway may list Ingresses", () => {
    const release: PolicyObject = {
      apiVersion: "helm.sh/v3",
      kind: "Release",
      metadata: { name: "enroute-istio", namespace: edge },
      chart: "enroute",
      values: { istio: { enable: true } },
    };
    const binding = (subjects: string, annotations = "{}") =>
      object(
        `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: enroute-istio-gateway, annotations: ${annotations}}, roleRef: {kind: ClusterRole, name: enroute}, subjects: ${subjects}}`,
      );
    const account = `[{kind: ServiceAccount, name: enroute, namespace: ${edge}}]`;
    const declared = "{enroute-istio/reason: old charts}";
    const stack = structuredClone(settings);
    stack.gateway.ingresses = { reason: "old charts" };
    const allowed = ({ view }: Seen) =>
      void (view.ingressRight = { state: "read", value: { allowed: true, reason: "" } });

    it("though nobody says why: no", () => {
      assert.ok(verifyFinds(["clear-text/ingresses"], allowed));
      assert.ok(policyFinds(["gateway-ingresses"], binding(account), [release]));
    });
    it("as the stack says: yes", () => {
      assert.ok(!verifyFinds(["clear-text/ingresses"], () => undefined, stack));
      assert.ok(!policyFinds(["gateway-ingresses"], binding(account, declared), [release]));
    });
    it("where the chart's role is bound to nobody: it does not", () => {
      assert.ok(!verifyFinds(["clear-text/ingresses"], () => undefined));
      assert.ok(!policyFinds(["gateway-ingresses"], binding("[]"), [release]));
    });
    it("is news to a reviewer in any case, with the reason where there is one", () => {
      const texts = (before: KubernetesObject, after: KubernetesObject) =>
        changes([{ object: before }], [{ object: after }])
          .changes.flatMap(({ marks }) => marks)
          .filter(({ topic }) => topic === "encryption")
          .map(({ text }) => text);
      const served = "EnRoute serves every Ingress without a class annotation in plain text";
      assert.deepEqual(texts(binding("[]"), binding(account)), [served]);
      assert.deepEqual(texts(binding("[]"), binding(account, declared)), [`${served}: old charts`]);
      assert.deepEqual(texts(binding(account), binding("[]")), [
        "EnRoute may no longer list Ingresses by it, and serves none for it",
      ]);
      assert.deepEqual(texts(binding(account), binding(account, declared)), []);
    });
    it("by a role of its own that gains them", () => {
      const role = (resources: string) =>
        object(
          `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: enroute}, rules: [{apiGroups: [networking.k8s.io], resources: ${resources}, verbs: [list]}]}`,
        );
      const bound = binding(account);
      assert.ok(reviewFinds([role("[networkpolicies]"), bound], [role("[ingresses]"), bound]));
      assert.ok(!reviewFinds([role("[ingresses]"), bound], [role("[ingresses]"), bound]));
      assert.ok(!reviewFinds([role("[networkpolicies]")], [role("[ingresses]")]), "bound to nobody");
    });
  });

  describe("what cannot be changed in place", () => {
    const fields: [apiVersion: string, kind: string, path: string, replaced: boolean][] = [
      ["v1", "Service", "spec.clusterIP", true],
      ["v1", "Service", "spec.type", false],
      ["v1", "Secret", "type", true],
      ["apps/v1", "Deployment", "spec.selector", true],
      ["apps/v1", "StatefulSet", "spec.serviceName", true],
      ["apps/v1", "StatefulSet", "spec.replicas", false],
      ["v1", "PersistentVolumeClaim", "spec.storageClassName", true],
      ["batch/v1", "Job", "spec.template", true],
      ["rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "roleRef", true],
      ["policy/v1", "PodDisruptionBudget", "spec.selector", false],
      ["v1", "ConfigMap", "data", false],
    ];
    for (const [apiVersion, kind, path, replaced] of fields)
      it(`${path} of a ${kind}: ${replaced ? "yes" : "no"}`, () => {
        const made = (value: string): KubernetesObject => {
          const content = path.split(".").reduceRight<unknown>((below, key) => ({ [key]: below }), { a: value });
          return { apiVersion, kind, metadata: { name: "x" }, ...(content as object) };
        };
        const [before, after] = [made("1"), made("2")];
        const policy = judge([after], { environment: "prod", now, previous: [before] }).some(
          ({ rule }) => rule === "no-deletions",
        );
        const own = changes([{ object: before, resource: "x" }], [{ object: after, resource: "x" }]);
        const chart = changes([{ object: before, release: "r" }], [{ object: after, release: "r" }]);
        const refused = chart.changes[0]!.marks.some(({ text }) => /cannot be changed in place/.test(text));
        assert.deepEqual(
          { policy, review: own.changes[0]!.action === "replaced", reviewOfCharts: refused },
          { policy: replaced, review: replaced, reviewOfCharts: replaced },
        );
      });
  });

  describe("whether an image floats", () => {
    const images: [reference: string, floats: boolean][] = [
      ["a/b", true],
      ["a/b:latest", true],
      ["a/b:1", false],
      ["host:5000/b", true],
      [`a/b:latest@sha256:${"0".repeat(64)}`, false],
    ];
    for (const kind of ["Deployment", "CronJob"])
      for (const [reference, floats] of images)
        it(`${reference} of a ${kind}: ${floats ? "yes" : "no"}`, () => {
          const workload = (image: string) => {
            const template = `{spec: {containers: [{name: c, image: '${image}'}]}}`;
            const spec =
              kind === "CronJob" ? `{jobTemplate: {spec: {template: ${template}}}}` : `{template: ${template}}`;
            const group = kind === "CronJob" ? "batch/v1" : "apps/v1";
            return object(`{apiVersion: ${group}, kind: ${kind}, metadata: {name: d, namespace: n}, spec: ${spec}}`);
          };
          const marks = changes([{ object: workload("a/b:0") }], [{ object: workload(reference) }]).changes[0]!.marks;
          const review = marks.some(({ topic, text }) => topic === "image" && /other bits/.test(text));
          const policy = policyFinds(["image-tags"], workload(reference));
          assert.deepEqual({ policy, review }, { policy: floats, review: floats });
        });

    it("as the settings do", () => {
      const takes = (tag: string) => {
        const config = stackConfig("staging") as Record<string, { images: { redis: unknown } }>;
        const gateway = structuredClone(config["enroute-istio:gateway"]!);
        gateway.images.redis = { tag };
        try {
          loadSettings(configuration({ ...config, "enroute-istio:gateway": gateway }));
          return true;
        } catch {
          return false;
        }
      };
      assert.deepEqual(["latest", "7", `latest@sha256:${"0".repeat(64)}`].map(takes), [false, true, true]);
    });
  });

  describe("whether a certificate is due, and what to do", () => {
    const day = 86_400_000;
    const lives: [life: number, left: number, due: boolean][] = [
      [90, 15, false],
      [90, 13, true],
      [12, 8, false],
      [12, 3, true],
    ];
    for (const [life, left, due] of lives)
      it(`with ${left} of ${life} days left: ${due ? "yes" : "no"}`, async () => {
        const end = new Date(Date.now() + left * day);
        const given = await issue({
          hosts: settings.hosts.map(({ host }) => host),
          notBefore: new Date(end.getTime() - life * day),
          notAfter: end,
          issuer: certificates.ca,
        });
        const stack: Settings = structuredClone(settings);
        const fixes: string[] = [];
        const verify = (() => {
          const seen = healthy(stack, certificates);
          Object.assign(valueIn(seen.view.servingSecrets[stack.hosts[0]!.namespace]), {
            certificateChain: given.certificate,
            publicKey: publicKeyOf(given),
          });
          const found = allChecks(seen.view, stack, seen.probes, { ...seen.options, days: 14 }).find(
            ({ check }) => check === "certificates/renewal",
          )!;
          return found.status === "failed";
        })();
        const secret = {
          metadata: { name: "gateway-serving-certificate" },
          type: "kubernetes.io/tls",
          data: { "tls.crt": Buffer.from(given.certificate).toString("base64") },
        };
        const preflight = await preflightFinds(stack, secret, fixes);
        const provided: Settings = {
          ...stack,
          certificate: {
            issuer: "provided",
            certificateChain: given.certificate,
            privateKey: given.privateKey,
            caCertificate: certificates.ca.certificate,
            warnBefore: "336h",
          },
        };
        const warned = settingsWarnings(provided).some(({ problem }) => /certificateChain ends on/.test(problem));
        assert.deepEqual({ verify, preflight, settings: warned }, { verify: due, preflight: due, settings: due });
        assert.deepEqual(fixes, due ? [servingRemedies.generated.renew] : []);
        assert.equal(meshRenewal.generated, servingRemedies.generated.renew);
      });

    async function preflightFinds(stack: Settings, secret: object, fixes: string[]): Promise<boolean> {
      const [{ namespace }] = stack.hosts as [Settings["hosts"][number]];
      const api = await fakeApi({
        "/version": { major: "1", minor: "36" },
        [`/api/v1/namespaces/${namespace}/secrets/gateway-serving-certificate`]: secret,
      });
      try {
        const asked = { ...stack, kubeconfig: api.kubeconfig, context: "fake" };
        const found = await preflight(asked, { only: ["certificates"] });
        const renewals = found.filter(({ check }) => check === "certificates/renewal");
        fixes.push(...renewals.map(({ fix }) => fix));
        return renewals.length > 0;
      } finally {
        await api.close();
      }
    }
  });
});
