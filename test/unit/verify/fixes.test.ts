import assert from "node:assert/strict";
import type { Pod } from "../../../cluster/kinds";
import type { HelmRelease } from "../../../cluster/helm-releases";
import { restarting, restoring, updating } from "../../../verify/checks/fixes";
import type { Read } from "../../../verify/facts";

describe("the fix for an object of a Helm release", () => {
  const of = (read: Read<HelmRelease[]>) => restoring({ releases: { mesh: read } }, "mesh", "istiod");
  const release = (status: string): Read<HelmRelease[]> => ({
    state: "read",
    value: [{ name: "istiod", revision: 7, status }],
  });
  it("is Helm's own, with the revision that is deployed", () => {
    assert.equal(of(release("deployed")), "have Helm put it back: helm rollback istiod 7 -n mesh");
    assert.equal(
      updating({ releases: { mesh: release("deployed") } }, "mesh", "istiod"),
      "if the stack was changed since, run pulumi up; else have Helm put it back: helm rollback istiod 7 -n mesh",
    );
  });
  it("comes after that of the release itself", () => {
    for (const read of [release("failed"), { state: "absent" }, { state: "read", value: [] }] satisfies Read<
      HelmRelease[]
    >[])
      assert.match(of(read), /put its release right first \(istiod\): see releases\/deployed/);
  });
  it("says how to find the revision where that may not be read", () =>
    assert.match(of({ state: "unreadable", reason: "no" }), /helm history istiod -n mesh$/));
});

describe("the fix for pods that must start anew", () => {
  const pod = (name: string, owner?: [kind: string, name: string]): Pod => ({
    metadata: {
      ...{ name, namespace: "shop" },
      ...(owner === undefined ? {} : { ownerReferences: [{ kind: owner[0], name: owner[1] }] }),
    },
    spec: { containers: [] },
  });
  const table: [what: string, pods: Pod[], expected: string][] = [
    [
      "a Deployment's, once",
      [pod("web-5d9c-a", ["ReplicaSet", "web-5d9c"]), pod("web-5d9c-b", ["ReplicaSet", "web-5d9c"])],
      "kubectl -n shop rollout restart deployment web",
    ],
    ["a StatefulSet's", [pod("db-0", ["StatefulSet", "db"])], "kubectl -n shop rollout restart statefulset db"],
    ["a DaemonSet's", [pod("log-x", ["DaemonSet", "log"])], "kubectl -n shop rollout restart daemonset log"],
    [
      "nobody's",
      [pod("bare")],
      "kubectl -n shop delete pod bare (a pod that nothing makes again: whoever made it has to)",
    ],
    [
      "a Job's among others",
      [pod("web-5d9c-a", ["ReplicaSet", "web-5d9c"]), pod("once-x", ["Job", "once"])],
      "kubectl -n shop rollout restart deployment web; kubectl -n shop delete pod once-x (a pod that nothing makes again: whoever made it has to)",
    ],
  ];
  for (const [what, pods, expected] of table) it(`restarts ${what}`, () => assert.equal(restarting(pods), expected));
});
