import assert from "node:assert/strict";
import { formerGatewayHostName, gatewayHostName } from "../../../mesh/enroute";
import { hostName } from "../../../settings/builders";

/** The same numbers at every run: a failure can be seen again. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Valid host names that are easily mistaken for each other: few letters, dashes and dots in all places, some very long. */
function hosts(count: number): string[] {
  const random = randomOf(13);
  const letters = "ab0-.";
  const all = new Set<string>(["a-b.example.com", "a.b.example.com", "a-b-example.com", "a.b-example.com"]);
  while (all.size < count) {
    const length = random(20) === 0 ? 230 + random(20) : 1 + random(9);
    const text = Array.from({ length }, () => letters[random(letters.length)]).join("");
    const host = `${text}.ab`;
    if (hostName.safeParse(host).success) all.add(host);
  }
  return [...all];
}

describe("the name of a host's GatewayHost", () => {
  const all = hosts(5000);
  it("is another one for every host", () => {
    const byName = new Map<string, string>();
    for (const host of all) {
      const name = gatewayHostName(host);
      assert.equal(byName.get(name), undefined, `${host} and ${byName.get(name)} are both ${name}`);
      byName.set(name, host);
    }
  });
  it("is one that the API server takes: a DNS subdomain of at most 253 characters", () => {
    for (const host of all)
      assert.match(
        gatewayHostName(host),
        /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
      );
  });
  it("is never one that an early version gave to a host, whose object keeps it", () => {
    const former = new Set(all.map(formerGatewayHostName));
    assert.deepEqual(
      all.filter((host) => former.has(gatewayHostName(host))),
      [],
    );
  });
});
