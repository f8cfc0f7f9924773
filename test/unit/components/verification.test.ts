import assert from "node:assert/strict";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { Verification } from "../../../components/verification";
import { encryptedIngress } from "../../../stacks/encrypted-ingress";
import { type Report, reportOf } from "../../../base/report";
import { run, valueOf } from "../mocks";
import { stackFile } from "../stack-files";

const report = (status: "passed" | "failed"): Report =>
  reportOf([{ id: "a/check", check: "a/check", title: "t", status, severity: "error", evidence: "e", issues: [] }]);

const last = (urn: string) => urn.split("::").at(-1);

class Group extends pulumi.ComponentResource {
  constructor(name: string) {
    super("test:x:Group", name, {});
    new k8s.core.v1.ConfigMap(`${name}-child`, { metadata: { name } }, { parent: this });
    this.registerOutputs({});
  }
}

describe("Verification", () => {
  it("looks when everything that it depends on is there, children too, and knows the CA", async () => {
    const events: string[] = [];
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const { result } = await run(
      () => {
        const verification = new Verification(
          "verification",
          {
            caCertificate: pulumi.output("a CA"),
            verify: ({ caCertificate }) => {
              events.push(`verify with ${caCertificate}`);
              return Promise.resolve(report("passed"));
            },
          },
          { dependsOn: [new Group("group")] },
        );
        setTimeout(() => {
          events.push("the child is done");
          release();
        }, 50);
        return verification.summary;
      },
      {
        outputs: async ({ name }) => {
          if (name === "group-child") await held;
          return {};
        },
      },
    );
    assert.deepEqual(await valueOf(result), { status: "passed", passed: 1, failed: [], warnings: [], unknown: [] });
    assert.deepEqual(events, ["the child is done", "verify with a CA"]);
  });

  it("does not look in a preview, and its summary is not known there", async () => {
    let looks = 0;
    const { result } = await run(
      () =>
        new Verification("verification", {
          caCertificate: undefined,
          verify: () => {
            looks++;
            return Promise.resolve(report("passed"));
          },
        }).summary,
      { preview: true },
    );
    assert.equal(looks, 0);
    assert.equal(await (result as unknown as { isKnown: Promise<boolean> }).isKnown, false);
  });

  it("stands at the end of a rollout that asks for it, behind everything else", async () => {
    const settings = { ...stackFile("staging"), verifyAfterUp: true };
    const { resources, find, result } = await run(() => encryptedIngress(settings), { preview: true });
    const { dependencies } = find("Verification", "verification");
    // All that is made in the cluster; what the certificate is made of stands behind its Secret.
    const made = resources.filter(({ type }) => type.startsWith("kubernetes:"));
    assert.ok(made.length > 20);
    assert.deepEqual(
      made
        .filter(({ urn }) => !dependencies.some((dependency) => last(dependency) === last(urn)))
        .map(({ urn }) => urn),
      [],
    );
    assert.ok(result.verification !== undefined);
  });

  it("leaves no trace in a stack that does not ask", async () => {
    const { names, result } = await run(() => encryptedIngress(stackFile("sandbox")), { preview: true });
    assert.ok(!names().some((name) => name.includes("erification")));
    assert.ok(!("verification" in result));
  });

  it("is told what leaves with the update", async () => {
    const leaving = ["PeerAuthentication shop/weak", "Release mesh/kiali"];
    const known: unknown[] = [];
    const { result } = await run(
      () =>
        new Verification("verification", {
          caCertificate: undefined,
          leaving: () => Promise.resolve(leaving),
          verify: (given) => {
            known.push(given);
            return Promise.resolve(report("passed"));
          },
        }).summary,
    );
    assert.equal((await valueOf(result)).status, "passed");
    assert.deepEqual(known, [{ leaving }]);
  });
});
