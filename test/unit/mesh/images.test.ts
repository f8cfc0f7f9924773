import assert from "node:assert/strict";
import { dockerConfig, relocated, relocatedPath } from "../../../mesh/images";

describe("an image on another registry", () => {
  const cases: [string, string, string][] = [
    ["docker.io/redis", "mirror.example.com", "mirror.example.com/library/redis"],
    ["saarasio/enroute-gwi", "mirror.example.com/hub/", "mirror.example.com/hub/saarasio/enroute-gwi"],
    ["redis", "mirror.example.com", "mirror.example.com/library/redis"],
    ["docker.io/library/redis", "mirror.example.com", "mirror.example.com/library/redis"],
    ["quay.io/kiali/kiali", "mirror.example.com:5000", "mirror.example.com:5000/kiali/kiali"],
    ["localhost/x", "mirror.example.com", "mirror.example.com/x"],
    ["mirror.example.com/a/b", "mirror.example.com", "mirror.example.com/a/b"],
  ];
  for (const [repository, registry, expected] of cases)
    it(`keeps its path: ${repository} → ${expected}`, () => assert.equal(relocated(repository, registry), expected));

  it("is on the path of a hub, which is no image", () => {
    assert.equal(relocatedPath("docker.io/istio", "mirror.example.com/x"), "mirror.example.com/x/istio");
    assert.equal(relocatedPath("mirror.example.com/istio", "mirror.example.com"), "mirror.example.com/istio");
    assert.equal(relocatedPath("docker.io/istio", undefined), "docker.io/istio");
  });

  it("stays where no other is named", () => assert.equal(relocated("quay.io/a/b", undefined), "quay.io/a/b"));

  it("is pulled with the credentials of a Docker configuration", () =>
    assert.deepEqual(JSON.parse(dockerConfig({ registry: "r.example.com", username: "u", password: "p" })), {
      auths: { "r.example.com": { auth: Buffer.from("u:p").toString("base64") } },
    }));
});
