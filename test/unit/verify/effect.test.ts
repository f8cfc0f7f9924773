import assert from "node:assert/strict";
import type { Pod } from "../../../cluster/kinds";
import type { Result } from "../../../base/report";
import { workloadPorts, portName, sampled } from "../../../verify/effect";
import { allChecks } from "../../../verify/verify";
import { stackFile } from "../stack-files";
import { except, send } from "./effect-faults";
import { type Seen, type Serving, healthy, serving, valueIn } from "./healthy";

const settings = stackFile("staging");
let certificates: Serving;
const fresh = (): Seen => structuredClone(healthy(settings, certificates));
const result = ({ view, settings: own, probes, options }: Seen, id: string): Result =>
  allChecks(view, own, probes, options).find((each) => each.id === id)!;

before(async () => (certificates = await serving(settings)));

describe("what is in force", () => {
  it("passes with a declared exception that is in force exactly as declared, and names it", () => {
    const seen = fresh();
    except(seen, "PERMISSIVE");
    const { status, evidence } = result(seen, "effect/inbound");
    assert.equal(status, "passed");
    assert.match(evidence, /; as declared: shop\/app-1 port 9102 PERMISSIVE$/);
  });

  it("lets the port of a declared exception go past the proxy", () => {
    const seen = fresh();
    except(seen, "PERMISSIVE");
    valueIn(seen.view.pods["shop"])[0]!.spec.initContainers![0]!.args = ["istio-iptables", "-b", "*", "-d", "9102"];
    assert.equal(result(seen, "effect/captured").status, "passed");
  });

  it("is could not tell for each pod whose proxy was not heard of, with the reason, and never passes", () => {
    const seen = fresh();
    seen.probes.proxies.inbound["bookinfo/app-1"] = {
      state: "unknown",
      reason: "no proxy of it is connected to istiod",
    };
    const { status, evidence, fix } = result(seen, "effect/inbound");
    assert.equal(status, "unknown");
    assert.equal(evidence, "bookinfo/app-1: no proxy of it is connected to istiod");
    assert.match(fix!, /logs <pod> -c istio-proxy/);
  });

  it("names all pods at once where istiod could not be asked", () => {
    const seen = fresh();
    const reason = "istiod could not be asked: no istiod is ready";
    for (const place of Object.keys(seen.probes.proxies.inbound))
      seen.probes.proxies.inbound[place] = { state: "unknown", reason };
    const { status, evidence, fix } = result(seen, "effect/inbound");
    assert.equal(status, "unknown");
    assert.match(evidence, /^bookinfo\/app-1, shop\/app-1: istiod could not be asked: no istiod is ready$/);
    assert.match(fix!, /--dial-services/);
  });

  it("fails for one pod even where another could not be told", () => {
    const seen = fresh();
    seen.probes.proxies.inbound["bookinfo/app-1"] = { state: "unknown", reason: "it is starting" };
    send(seen, "DISABLE", {}, "shop/app-1");
    assert.equal(result(seen, "effect/inbound").status, "failed");
  });

  it("says what --sample left out", () => {
    const seen = fresh();
    delete seen.probes.proxies.inbound["shop/app-1"];
    seen.probes.proxies.leftOut = 1;
    const { status, evidence } = result(seen, "effect/inbound");
    assert.equal(status, "passed");
    assert.match(evidence, /^1 proxy of 2 workloads asked about; 1 pod left out by --sample$/);
  });

  it("is not told of a mesh without workloads", () => {
    const seen = fresh();
    for (const name of ["bookinfo", "shop"]) seen.view.pods[name] = { state: "read", value: [] };
    for (const id of ["effect/inbound", "effect/captured", "effect/plain-text"])
      assert.equal(result(seen, id).status, "unknown", id);
  });

  it("is not told of a Service of the hosts without endpoints", () => {
    const seen = fresh();
    for (const fact of Object.values(seen.probes.proxies.outbound))
      if (fact.state === "sent") fact.value.forEach((one) => (one.endpoints = []));
    const { status, evidence } = result(seen, "effect/gateway-outbound");
    assert.equal(status, "unknown");
    assert.match(evidence, /it has no endpoint: nothing to look at/);
  });

  it("is not told of ports that nobody answers at, nor where Services cannot be dialled", () => {
    const seen = fresh();
    Object.values(seen.probes.workloadLeg!.ports)[0]!.plain = { outcome: "silent", reason: "connect ETIMEDOUT" };
    assert.equal(result(seen, "effect/plain-text").status, "unknown");
    seen.probes.workloadLeg = undefined;
    assert.match(result(seen, "effect/plain-text").fix!, /--dial-services/);
  });

  it("expects a declared exception to answer in plain text", () => {
    const seen = fresh();
    const [one] = workloadPorts(seen.view, seen.settings);
    seen.settings.mutualTls.exceptions = [
      { namespace: "bookinfo", mode: "DISABLE", reason: "r", owner: "o", until: "2999-01-01" },
    ];
    const refused = result(seen, "effect/plain-text");
    assert.match(refused.evidence, /refuses plain text \(read ECONNRESET\), and DISABLE is declared/);
    seen.probes.workloadLeg!.ports[portName(one!)] = {
      plain: { outcome: "taken", text: "HTTP/1.1 200 OK" },
      mutual: { outcome: "refused", reason: "wrong version number" },
    };
    assert.doesNotMatch(result(seen, "effect/plain-text").evidence, new RegExp(portName(one!)));
  });
});

describe("a sample of pods", () => {
  const pod = (name: string, hash: string): Pod => ({
    metadata: { name: `${name}-${hash}-${name.length}`, namespace: "shop", labels: { "pod-template-hash": hash } },
    spec: { containers: [] },
  });
  const many = [1, 2, 3].map((number) => ({
    ...pod("web", "a"),
    metadata: { ...pod("web", "a").metadata, name: `web-a-${number}` },
  }));
  const names = (most: number) =>
    sampled([...many, pod("web", "b"), pod("api", "c")], most).map(({ metadata }) => metadata.name);

  it("has one of each workload's generation before the second of any", () => {
    assert.deepEqual(names(3), ["api-c-3", "web-a-1", "web-b-3"]);
    assert.deepEqual(names(4), ["api-c-3", "web-a-1", "web-b-3", "web-a-2"]);
  });

  it("is everything where the bound is not reached", () => assert.equal(names(Infinity).length, 5));
});
