import assert from "node:assert/strict";
import { formerGatewayHostName, gatewayHostName } from "../../../mesh/enroute";
import { compileExceptions } from "../../../mesh/mutual-tls-policies";
import { hosts as hostsSchema } from "../../../settings/sections/gateway";

/** Numbers by chance, the same at every run. */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** What the API server takes as a name (RFC 1123, a subdomain). */
const validName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

describe("names in the cluster, tried by chance", () => {
  it("of GatewayHosts: two hosts never share one, in any of its two forms, and the API server takes each", () => {
    const next = chance(7);
    // Few letters, so that hosts are alike: only where dots and hyphens are tells them apart.
    const parts = ["a", "b", "a-b", "b-a", "a--b", "ab"];
    const hosts = new Set<string>();
    while (hosts.size < 3000) {
      const labels = Array.from({ length: 2 + next(5) }, () => parts[next(parts.length)]!);
      hosts.add(labels.join("."));
    }
    const names = new Map<string, string>();
    let alike = 0;
    const former = new Set<string>();
    for (const host of hosts) {
      const routes = [{ service: "s", port: 80 }];
      assert.ok(hostsSchema.element.safeParse({ host, namespace: "n", routes }).success, host);
      const name = gatewayHostName(host);
      assert.ok(validName.test(name) && name.length <= 253, name);
      assert.equal(names.get(name), undefined, `${host} and ${names.get(name)}`);
      names.set(name, host);
      alike += Number(former.has(formerGatewayHostName(host)));
      former.add(formerGatewayHostName(host));
    }
    assert.ok(alike > 100, "hosts that an early version named alike are among them");
    for (const name of former) assert.equal(names.get(name), undefined, `${name} is the name of another host, too`);
  });

  it("of policies: two workloads never share one, and the API server takes each", () => {
    const next = chance(11);
    const words = ["a", "A", "a.b", "a-b", "a_b", "", "x".repeat(63), "ä", "1"];
    const seen = new Map<string, string>();
    for (let count = 0; count < 3000; count++) {
      const size = 1 + next(3);
      const workload = Object.fromEntries(
        Array.from({ length: size }, () => [`k${next(4)}`, words[next(words.length)]!]),
      );
      const [policy] = compileExceptions([
        { namespace: "n", workload, mode: "PERMISSIVE", reason: "r", owner: "o", until: "2099-01-01" },
      ]);
      const { name } = policy!;
      const key = JSON.stringify(Object.entries(workload).sort());
      assert.ok(validName.test(name) && name.length <= 253, name);
      assert.equal(seen.get(name) ?? key, key, name);
      seen.set(name, key);
    }
    assert.ok(seen.size > 500);
  });
});
