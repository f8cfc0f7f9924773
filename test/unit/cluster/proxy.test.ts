import assert from "node:assert/strict";
import { proxyFor } from "../../../cluster/proxy";

describe("the proxy of a cluster", () => {
  const url = "https://api.prod.example.com:6443";
  const cases: [string, string, Record<string, string>, string | undefined][] = [
    ["none", url, {}, undefined],
    ["HTTPS_PROXY for https", url, { HTTPS_PROXY: "http://proxy:3128" }, "http://proxy:3128"],
    ["https_proxy, without a scheme", url, { https_proxy: "proxy:3128" }, "http://proxy:3128"],
    ["HTTP_PROXY alone is not for https", url, { HTTP_PROXY: "http://proxy:3128" }, undefined],
    ["HTTP_PROXY for http", "http://api:80", { HTTP_PROXY: "http://proxy:3128" }, "http://proxy:3128"],
    ["not for this machine", "https://127.0.0.1:6443", { HTTPS_PROXY: "http://proxy:3128" }, undefined],
    ["not for localhost", "https://localhost:6443", { HTTPS_PROXY: "http://proxy:3128" }, undefined],
    ["not for ::1", "https://[::1]:6443", { HTTPS_PROXY: "http://proxy:3128" }, undefined],
  ];
  for (const [what, address, environment, expected] of cases)
    it(`is chosen as Go chooses it: ${what}`, () => assert.equal(proxyFor(address, environment), expected));

  const exceptions: [string, string, boolean][] = [
    ["*", url, true],
    ["example.com", url, true],
    [".example.com", url, true],
    ["*.example.com", url, true],
    ["xample.com", url, false],
    [".api.prod.example.com", url, false],
    ["api.prod.example.com:6443", url, true],
    ["api.prod.example.com:443", url, false],
    [" other.org , EXAMPLE.com ", url, true],
    ["10.0.0.0/8", "https://10.1.2.3:6443", true],
    ["10.0.0.0/8", "https://11.1.2.3:6443", false],
    ["10.0.0.0/8", url, false],
    ["10.1.2.3", "https://10.1.2.3:6443", true],
    ["fd00::/8", "https://[fd00::1]:6443", true],
    ["[fd00::1]:6443", "https://[fd00::1]:6443", true],
    ["", url, false],
  ];
  for (const [list, address, isExcepted] of exceptions)
    it(`NO_PROXY=${list} ${isExcepted ? "leaves out" : "does not leave out"} ${address}`, () => {
      const found = proxyFor(address, { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: list });
      assert.equal(found, isExcepted ? undefined : "http://proxy:3128");
    });
});
