import assert from "node:assert/strict";
import { chartSource } from "../../../components/chart";

describe("chartSource", () => {
  it("names chart, exact version, repository and a timeout of 300 s", () => {
    assert.deepEqual(chartSource("istiod", { version: "1.31.0", chartRepository: "https://charts.example.com" }), {
      chart: "istiod",
      version: "1.31.0",
      repositoryOpts: { repo: "https://charts.example.com" },
      timeout: 300,
    });
  });

  it("names an OCI chart by its whole reference", () => {
    const args = { version: "1.31.0", chartRepository: "oci://ghcr.io/istio/release/charts/", timeoutSeconds: 60 };
    assert.deepEqual(chartSource("istiod", args), {
      chart: "oci://ghcr.io/istio/release/charts/istiod",
      version: "1.31.0",
      timeout: 60,
    });
  });
});
