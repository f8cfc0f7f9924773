import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { parseManifest } from "../../../review/charts";
import { type Step, manifests, stepOf, steps, writeManifests } from "../../../review/gitops";
import { commentLimit, failureMarkdown, markdown, marker } from "../../../review/markdown";
import type { OwnedObject } from "../../../review/objects";
import { stackConfiguration } from "../../../review/stack-file";
import { encryptedIngress } from "../../../stacks/encrypted-ingress";
import { run } from "../mocks";
import { stackFile, stackNames } from "../stack-files";
import { own, release, rendered, reviewOf, side } from "./sides";

const host = own(
  "{apiVersion: enroute.saaras.io/v1, kind: GatewayHost, metadata: {name: h, namespace: n}, spec: {virtualhost: {fqdn: a.example, tls: {secretName: s, minimumProtocolVersion: '1.2'}}}}",
);
const configMap = (name: string, text: string) =>
  own(JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "n" }, data: { text } }));

describe("the comment", () => {
  it("says that nothing changes where nothing does", () => {
    const text = markdown(reviewOf(side([host]), side([host])));
    assert.ok(text.startsWith(`${marker("prod")}\n\n## 🔒 prod: nothing changes in the cluster\n`));
    assert.match(text, /\*\*Encryption\*\* \| no leg gets weaker \|/);
    assert.match(text, /\*\*Objects\*\* \| 1 unchanged \|/);
  });

  it("begins with the leg that gets weaker, charts, and what the policies refuse", () => {
    const lax = own(
      "{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: p, namespace: n}, spec: {mtls: {mode: DISABLE}}}",
    );
    const after = side([host, lax], [release({ version: "0.9.0" })]);
    const review = reviewOf(side([host], [release()]), after);
    review.policies.added.push({
      rule: "strict",
      level: "mandatory",
      object: "PeerAuthentication n/p",
      message: "no @one says why.",
      fix: "declare it",
    });
    const text = markdown(review);
    assert.match(text.split("\n")[2]!, /^## 🔓 prod: 1 object changes$/);
    assert.match(text, /\*\*gets weaker: gateway → workload\*\*/);
    assert.match(text, /\*\*refused: 1 mandatory finding\*\*/);
    assert.match(text, /\| enroute-istio \| enroute \| 0\.8\.7 \| 0\.9\.0 \|/);
    assert.doesNotMatch(text, /@one/, "it would notify somebody");
  });

  it("is never longer than GitHub takes, and says what it leaves out", () => {
    const objects = Array.from({ length: 300 }, (_, index) => configMap(`c${index}`, "x".repeat(index * 20)));
    const text = markdown(reviewOf(side([]), side([...objects, host])), { preview: "line\n".repeat(20_000) });
    assert.ok(text.length <= commentLimit, `${text.length} characters`);
    assert.match(text, /\*\*This comment is cut short:\*\* it shows the diffs of \d+ of 301 objects/);
    assert.match(text, /pulumi preview, the first \d+ of 20000 lines left out/);
    assert.match(text, /## 🔒 prod: 301 objects change/);
    // The gravest first.
    assert.ok(text.includes("+  name: h"), "the host's diff");
  });

  it("is never longer even where marks and names alone would be", () => {
    const long = "n".repeat(200);
    const objects = Array.from({ length: 2000 }, (_, index) =>
      own(`{apiVersion: v1, kind: Service, metadata: {name: ${long}${index}, namespace: n}, spec: {type: NodePort}}`),
    );
    const text = markdown(reviewOf(side([]), side(objects)));
    assert.ok(text.length <= commentLimit, `${text.length} characters`);
    assert.match(text, /leaves out even the names of \d+/);
  });

  it("cannot be broken out of by what an object holds", () => {
    const text = markdown(reviewOf(side([]), side([configMap("c", "```\n</details>\n# injected")])));
    assert.match(text, /^````diff$/m);
  });

  it("says why there is no review", () => {
    assert.match(failureMarkdown("prod", "no chart"), /## ⛔ prod: there is no review\n\n```text\nno chart\n```/);
  });
});

describe("a manifest of Helm", () => {
  it("gives objects their namespace, and knows what Helm installs only once", () => {
    const text = [
      "---\n# Source: x/crds/a.yaml\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.b}\n",
      "---\n# Source: x/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n...\n",
      "---\n# Source: x/templates/b.yaml\n\n---\n# Source: x/templates/c.yaml\nkind: List\napiVersion: v1\nmetadata: {}\nitems: [{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: o}}]\n",
    ].join("");
    const objects = parseManifest(text, { name: "r", namespace: "n" });
    assert.deepEqual(
      objects.map(({ object: { kind, metadata }, installedOnce }) => [kind, metadata.namespace, installedOnce]),
      [
        ["CustomResourceDefinition", undefined, true],
        ["ConfigMap", "n", undefined],
        ["Secret", "o", undefined],
      ],
    );
  });

  it("that is no YAML is refused with its release", () => {
    assert.throws(
      () => parseManifest("---\na: [\n", { name: "r", namespace: "n" }),
      /Release r of the head renders to something that is not YAML/,
    );
  });
});

describe("a stack's file", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "review-"));
    writeFileSync(
      join(folder, "Pulumi.yaml"),
      "name: p\nstackConfigDir: s\nconfig: {a: {default: x}, b: {type: string}}\n",
    );
    mkdirSync(join(folder, "s"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const write = (text: string) => writeFileSync(join(folder, "s/Pulumi.dev.yaml"), text);

  it("is read without its secrets, whose paths are known", () => {
    write("config: {p:c: {key: {secure: v1:abc}, list: [{secure: v1:def}]}, p:d: plain}");
    const found = stackConfiguration(folder, "dev", "the head");
    assert.deepEqual(found.masked, ["c.key", "c.list[0]"]);
    assert.deepEqual(found.secretKeys, ["p:c"]);
    assert.deepEqual(Object.keys(found.values), ["p:a", "p:c", "p:d"]);
    assert.doesNotMatch(JSON.stringify(found), /v1:/);
  });

  it("is read without what the other side encrypts, in whatever way it stands there", () => {
    write("config: {p:c: {key: plain, 'a.b': plain, n: 1, whole: {x: plain}}, p:d: plain, p:e: {secure: v1:abc}}");
    const secret = [["c", "key"], ["c", "a.b"], ["c", "whole"], ["d"], ["e"], ["gone"]];
    const { masked, values } = stackConfiguration(folder, "dev", "the base", secret);
    assert.deepEqual(masked, ["c.key", 'c["a.b"]', "d", "e"]);
    const hidden = "[not encrypted] -----BEGIN ENCRYPTED VALUE-----";
    assert.deepEqual(JSON.parse(values["p:c"]!), { key: hidden, "a.b": hidden, n: 1, whole: { x: "plain" } });
    assert.equal(values["p:d"], hidden);
    assert.match(values["p:e"]!, /^\[encrypted [0-9a-f]{8}\] /);
  });

  it("that is missing is named with its side and with those that exist", () => {
    write("config: {}");
    assert.throws(
      () => stackConfiguration(folder, "prod", "the base (main)"),
      /no file of stack prod in the base \(main\): s\/Pulumi\.prod\.yaml is missing\. It has files of dev\./,
    );
  });

  it("has the extension of the project's file; one with another extension is named", () => {
    write("config: {}");
    renameSync(join(folder, "Pulumi.yaml"), join(folder, "Pulumi.yml"));
    assert.throws(
      () => stackConfiguration(folder, "dev", "the head"),
      /s\/Pulumi\.dev\.yml is missing\. It has no stack files at all\.\n {2}fix: rename s\/Pulumi\.dev\.yaml/,
    );
    renameSync(join(folder, "s/Pulumi.dev.yaml"), join(folder, "s/Pulumi.dev.yml"));
    assert.deepEqual(stackConfiguration(folder, "dev", "the head").values, { "p:a": "x" });
  });

  it("with settings from elsewhere is refused: only a part could be shown", () => {
    write("environment: [shared]\nconfig: {}");
    assert.throws(() => stackConfiguration(folder, "dev", "the head"), /environments of Pulumi ESC/);
  });
});

describe("manifests for GitOps", () => {
  const secret = own("{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: n}, stringData: {k: opensesame}}");

  it("hold one file for each object, without key material, and tell what is left out", () => {
    const labels: OwnedObject = {
      ...own("{apiVersion: v1, kind: Namespace, metadata: {name: n, labels: {istio-injection: enabled}}}"),
      patch: true,
    };
    const credential = configMap("c", "password: opensesame\nuser: u\n");
    const { files, leftOut } = manifests(side([secret, host, labels, credential]));
    assert.deepEqual([...files.keys()], ["5-routes/n_gatewayhost_enroute_h.yaml"]);
    assert.deepEqual(
      leftOut.map(({ title }) => title),
      ["ConfigMap n/c", "Namespace n", "Secret n/s"],
    );
    assert.match(leftOut[1]!.reason, /istio-injection=enabled/);
    assert.doesNotMatch([...files.values()].join(), /opensesame/);
  });

  it("do not depend on the order in which objects come", () => {
    const objects = [host, configMap("a", "x"), configMap("b", "y")];
    assert.deepEqual([...manifests(side(objects)).files], [...manifests(side([...objects].reverse())).files]);
  });

  it("keep embedded texts as they are, and say their step to Argo CD", () => {
    const text = '{"b": 1,\n "a": 2}\n';
    const [content] = manifests(side([configMap("a", text)])).files.values();
    const written = parse(content!) as { data: { text: string }; metadata: { annotations: Record<string, string> } };
    assert.equal(written.data.text, text);
    assert.deepEqual(written.metadata.annotations, { "argocd.argoproj.io/sync-wave": "4" });
  });

  it("are deleted from the folder when they are gone, and nothing else is", () => {
    const folder = mkdtempSync(join(tmpdir(), "gitops-"));
    try {
      writeManifests(folder, "dev", manifests(side([host, configMap("a", "x")])));
      writeManifests(folder, "dev", manifests(side([host, secret])));
      assert.deepEqual(readdirSync(folder).sort(), ["5-routes", "README.md"]);
      assert.match(readFileSync(join(folder, "README.md"), "utf8"), /`Secret n\/s`: holds key material/);
      writeFileSync(join(folder, "README.md"), "somebody else's");
      assert.throws(() => writeManifests(folder, "dev", manifests(side([host]))), /holds something else/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  // The order is told twice: by the program to the engine, and here to tools that know only folders.
  for (const stack of stackNames)
    it(`come in steps that keep the order of the program of stack ${stack}`, async () => {
      const { resources } = await run(() => encryptedIngress(stackFile(stack)), { stack });
      const stepsOf = new Map<string, Step[]>();
      for (const { type, name, urn, inputs } of resources) {
        if (!type.startsWith("kubernetes:")) continue;
        const metadata = (inputs["metadata"] ?? {}) as { name: string };
        const kind = type
          .split(":")
          .pop()!
          .replace(/Patch$/, "");
        const isRelease = kind === "Release";
        const object = { apiVersion: (inputs["apiVersion"] as string | undefined) ?? "v1", kind, metadata };
        const owned = isRelease
          ? { ...rendered("{apiVersion: v1, kind: Service, metadata: {name: x}}", name) }
          : { object };
        stepsOf.set(urn, [...(stepsOf.get(urn) ?? []), stepOf(owned)]);
      }
      assert.ok(stepsOf.size > 10);
      const nameOf = (urn: string) => urn.split("::").slice(-2).join("::").split("$").pop()!;
      const byName = new Map([...stepsOf].map(([urn, list]) => [nameOf(urn), list]));
      let edges = 0;
      for (const { urn, dependencies } of resources)
        for (const dependency of dependencies) {
          const [own, needed] = [byName.get(nameOf(urn)), byName.get(nameOf(dependency))];
          if (own === undefined || needed === undefined) continue;
          edges++;
          const index = (list: Step[]) => Math.max(...list.map((step) => steps.indexOf(step)));
          assert.ok(index(needed) <= index(own), `${nameOf(urn)} needs ${nameOf(dependency)}`);
        }
      assert.ok(edges > 5, `only ${edges} edges`);
    });
});
