import assert from "node:assert/strict";
import { reasonLine, reasonOf } from "../../../base/text";

describe("what a tool said", () => {
  const post = (kind: string) => `Post "https://192.0.2.1/apis/v1/${kind}?fieldManager=helm": connection reset by peer`;
  // As Helm 3.20 and the engine 3.246 print them; the last is what the API server's restart leaves of a chart with CRDs.
  const cases: [string, string, string, string][] = [
    ["one error in a list", "1 error occurred:\n\t* timed out\n\n", "timed out", "timed out"],
    ["plain words", "context deadline exceeded", "context deadline exceeded", "context deadline exceeded"],
    ["nothing", " \n", "unknown error", "unknown error"],
    [
      "a list alone",
      "2 errors occurred:\n\t* no address\n\t* not ready\n\n",
      "- no address\n- not ready",
      "no address; not ready",
    ],
    [
      "a list in a list, the same thing again and again",
      `1 error occurred:\n\t* Helm Release istio-system/istio-base: 3 errors occurred:\n\t* ${post("crds")}\n\t* ${post("crds")}\n\t* ${post("webhooks")}\n\n\n\n`,
      `Helm Release istio-system/istio-base: 3 errors occurred:\n- ${post("crds")}\n- ${post("webhooks")}`,
      `Helm Release istio-system/istio-base: 3 errors occurred: ${post("crds")}; ${post("webhooks")}`,
    ],
    [
      "a long list",
      "5 errors occurred:\n\t* a\n\t* b\n\t* c\n\t* d\n\t* e\n\n",
      "- a\n- b\n- c\n- d\n- e",
      "a; b; c; and 2 more",
    ],
  ];
  for (const [what, text, lines, line] of cases)
    it(`is told whole, and on one line for evidence: ${what}`, () => {
      assert.equal(reasonOf(text), lines);
      assert.equal(reasonLine(text), line);
    });
});
