import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { stringify } from "yaml";
import { ClusterError } from "../../../cluster/client";
import { type Verdict, lookForCluster, stateOf, verdictOf } from "../../../recovery/gone";

describe("whether a cluster is gone", () => {
  const rows: [Verdict["state"], string, number?][] = [
    ["answers", "Unauthorized", 401],
    ["answers", "forbidden", 403],
    ["answers", "HTTP 503", 503],
    ["answers", "https://x answers, but not as a Kubernetes API server does", 200],
    ["gone", "connect ECONNREFUSED 127.0.0.1:6443"],
    ["gone", "getaddrinfo ENOTFOUND gone.example.com"],
    ["gone", "connect EHOSTUNREACH 192.0.2.1:6443"],
    ["gone", "connect ETIMEDOUT 192.0.2.1:6443"],
    ["gone", "no answer within 15 s"],
    ["unseen", "self-signed certificate in certificate chain"],
    ["unseen", "Hostname/IP does not match certificate's altnames"],
    ["unseen", "read ECONNRESET"],
    ["unseen", "getaddrinfo EAI_AGAIN api.example.com"],
    ["unseen", "connect ENETUNREACH 192.0.2.1:6443"],
    [
      "unseen",
      "the credentials of the kubeconfig cannot be used: exec plugin aws ended with 1: getaddrinfo ENOTFOUND sts.example",
    ],
  ];
  for (const [state, message, status] of rows)
    it(`is ${state} by ${message}`, () => assert.equal(stateOf(new ClusterError(message, status)), state));

  it("is judged by any place that answers, then by any that nobody could look at", () => {
    const [answers, gone, unseen] = (["answers", "gone", "unseen"] as const).map((state) => ({
      state,
      evidence: state,
    }));
    const table: [Verdict[], string][] = [
      [[gone!, answers!], "answers"],
      [[unseen!, answers!], "answers"],
      [[unseen!, gone!, gone!], "unseen"],
      [[gone!, gone!], "gone"],
      [[unseen!], "unseen"],
    ];
    for (const [verdicts, state] of table) assert.deepEqual(verdictOf(verdicts), { state, evidence: state });
    assert.deepEqual(verdictOf([]), { state: "unseen", evidence: "" });
  });

  it("is seen by asking: of a server, of its refusal, of a port without one, of no kubeconfig", async () => {
    let status = 200;
    const server = createServer((_, response) => response.writeHead(status).end("{}"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const kubeconfig = stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "one",
      clusters: [{ name: "one", cluster: { server: `http://127.0.0.1:${port}` } }],
      contexts: [{ name: "one", context: { cluster: "one", user: "one" } }],
      users: [{ name: "one", user: { token: "a" } }],
    });
    const look = (context = "") => lookForCluster({ kubeconfig, context });
    try {
      assert.equal((await look()).state, "answers");
      status = 401;
      assert.equal((await look()).state, "answers");
      assert.equal((await look("two")).state, "unseen");
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    assert.equal((await look()).state, "gone");
    const proxied = kubeconfig.replace("server:", `proxy-url: http://127.0.0.1:${port}\n      server:`);
    assert.equal((await lookForCluster({ kubeconfig: proxied, context: "" })).state, "unseen", "the proxy is gone");
    assert.equal((await lookForCluster({ kubeconfig: "/nowhere/kubeconfig", context: "" })).state, "unseen");
  });
});
