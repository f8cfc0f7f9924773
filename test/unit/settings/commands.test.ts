import assert from "node:assert/strict";
import { pathOf, pathText } from "../../../base/encrypted";
import { quoted, setCommand, stackArgument } from "../../../settings/commands";
import { problem } from "../../../settings/error";
import { howToSet } from "../../../settings/how-to-set";

const where = { project: "enroute-istio", stack: "acme/enroute-istio/prod" };
const misspelt = (key: string, meant?: string) => ({
  ...problem(key, 1, "unknown key"),
  isUnknown: true as const,
  meant,
});

describe("the commands that an error of the settings names", () => {
  const rows: [string, Parameters<typeof howToSet>[0], RegExp[]][] = [
    [
      "a misspelt key: the one that was meant is set, the typo is taken away",
      [misspelt("gateway.replcas", "gateway.replicas")],
      [
        /^ {2}Set one with: pulumi config set --path 'enroute-istio:gateway\.replicas' <value> --stack acme\/enroute-istio\/prod$/m,
        /^ {2}Take one away with: pulumi config rm --path 'enroute-istio:gateway\.replcas' --stack acme\/enroute-istio\/prod$/m,
      ],
    ],
    [
      "a misspelt list at the top, as JSON",
      [misspelt("hots", "hosts")],
      [/set 'enroute-istio:hosts' '<JSON>' --stack/],
    ],
    [
      "a scalar before a list",
      [misspelt("hots", "hosts"), problem("istio.version", "x", "")],
      [/istio\.version' <value>/],
    ],
    [
      "an object that is missing",
      [problem("gateway", undefined, "")],
      [/set 'enroute-istio:gateway' '<JSON>' --stack/],
    ],
    [
      "a list below the top: the file alone",
      [problem("istio.ca.roots", 1, "")],
      [/^ {2}Edit stacks\/Pulumi\.prod\.yaml;/],
    ],
    ["a key like no other: it is taken away", [misspelt("colour")], [/^ {2}Take one away with: [^\n]*\n {2}or edit /]],
    [
      "a password",
      [problem("kiali.chartRepositoryAuth.password", undefined, "")],
      [/set --secret --path '[^']*' --stack/],
    ],
    [
      "a private key",
      [problem("certificate.privateKey", undefined, "")],
      [/--secret --path \S+ --stack \S+ < key\.pem$/m],
    ],
    [
      "a certificate",
      [problem("certificate.certificateChain", undefined, "")],
      [/set --path \S+ --stack \S+ < certif/],
    ],
    [
      "an item of a list",
      [problem("hosts[0].routes[1].port", 0, "")],
      [/'enroute-istio:hosts\[0\]\.routes\[1\]\.port' <v/],
    ],
    [
      "a dot",
      [problem('gateway.podAnnotations["a.b/c"]', 1, "")],
      [/'enroute-istio:gateway\.podAnnotations\["a\.b\/c"\]' <v/],
    ],
    ["a quote", [misspelt(`gateway["it's"]`)], [/config rm --path 'enroute-istio:gateway\["it'\\''s"\]' --stack/]],
  ];
  for (const [what, problems, expected] of rows)
    it(`fit ${what}`, () => {
      const text = howToSet(problems, where);
      for (const part of expected) assert.match(text, part);
      assert.match(text, /docs\/environments\.md describes every key\.$/);
      const asked = problems.filter(({ isUnknown, meant }) => isUnknown === true && meant !== undefined);
      for (const { key } of asked) assert.ok(!text.includes(`set --path '${where.project}:${key}'`), text);
    });

  it("names the file of the stack, where it is another", () => {
    assert.match(howToSet([misspelt("a")], { ...where, file: "Pulumi.prod.yml" }), /or edit Pulumi\.prod\.yml;/);
  });

  it("sets another key in its project's folder, of a stack with and without its organization", () => {
    const set = (owner: string) => setCommand({ stack: stackArgument(owner) }, "takeOverFrom", { value: "a/b/old" });
    assert.equal(set("*/enroute-istio/new"), "pulumi config set --path 'takeOverFrom' a/b/old --stack new");
    assert.match(set("acme/enroute-istio/new"), / --stack acme\/enroute-istio\/new$/);
  });

  it("reads a path as it was written, and quotes any text", () => {
    for (const path of [
      ["hosts", 0, "routes", 12, "port"],
      ["a.b", "c]d", 'e"f', "g\\h", "i"],
      ["*", "x-y"],
    ])
      assert.deepEqual(pathOf(pathText(path)), path);
    assert.equal(quoted("it's"), String.raw`'it'\''s'`);
  });
});
