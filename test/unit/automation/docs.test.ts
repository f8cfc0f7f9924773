import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { explanations } from "../../../automation";
import { commandLine } from "../../../cli/program";
import { settingsOf } from "../../../settings/load";
import { settingsSchema } from "../../../settings/schema";

const root = join(__dirname, "../../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

describe("docs/embedding.md", () => {
  const text = read("docs/embedding.md");

  it("lists every error with its cause and its next step, and no other", () => {
    const rows = [...text.matchAll(/^\| `([a-z-]+)` +\| (.+?) +\| (.+?) +\|$/gm)]
      .map(([, code, cause, next]) => [code!, { cause: cause!, next: next! }] as const)
      .filter(([code]) => code in explanations || /-/.test(code));
    assert.deepEqual(Object.fromEntries(rows), explanations);
  });

  it("comes with settings to begin with, which are right", () => {
    const folder = join(root, "examples/embedding/customers");
    const files = readdirSync(folder);
    assert.ok(files.length > 0);
    for (const file of files) {
      assert.ok(text.includes(`../examples/embedding/customers/${file}`), file);
      const settings: unknown = JSON.parse(readFileSync(join(folder, file), "utf8"));
      assert.equal(settingsOf(settings, { project: "enroute-istio", stack: "shop" }).context, "shop");
    }
  });

  it("names every command", () => {
    for (const command of commandLine().commands)
      if (!["completion", "complete", "help"].includes(command.name()))
        assert.ok(text.includes(`\`${command.name()}\``), command.name());
  });
});

/** What a field may be: a type, a list of one thing, a map of one thing, or an object of exactly these fields. */
type Shape =
  "string" | "boolean" | "integer" | "anything" | { list: Shape } | { map: Shape } | { fields: Record<string, Shape> };

// The fields that the manifest uses, as the operator's CustomResourceDefinition (pulumi.com/v1, operator 2.x) has them.
// Source: https://github.com/pulumi/pulumi-kubernetes-operator/blob/master/docs/stacks.md
const stack: Shape = {
  fields: {
    stack: "string",
    projectRepo: "string",
    branch: "string",
    backend: "string",
    serviceAccountName: "string",
    envRefs: { map: { fields: { type: "string", secret: { fields: { name: "string", key: "string" } } } } },
    config: { map: "anything" },
    refresh: "boolean",
    continueResyncOnCommitMatch: "boolean",
    resyncFrequencySeconds: "integer",
    destroyOnFinalize: "boolean",
    workspaceTemplate: {
      fields: {
        spec: {
          fields: {
            image: "string",
            podTemplate: {
              fields: {
                spec: {
                  fields: {
                    containers: {
                      list: {
                        fields: {
                          name: "string",
                          volumeMounts: {
                            list: { fields: { name: "string", mountPath: "string", readOnly: "boolean" } },
                          },
                        },
                      },
                    },
                    volumes: {
                      list: { fields: { name: "string", secret: { fields: { secretName: "string" } } } },
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
};

/** Paths of what does not fit. */
function misfits(value: unknown, shape: Shape, path: string): string[] {
  if (shape === "anything") return [];
  if (shape === "integer") return Number.isInteger(value) ? [] : [path];
  if (typeof shape === "string") return typeof value === shape ? [] : [path];
  if ("list" in shape)
    return Array.isArray(value)
      ? value.flatMap((item, index) => misfits(item, shape.list, `${path}[${index}]`))
      : [path];
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [path];
  return Object.entries(value).flatMap(([key, item]) => {
    const inner = "map" in shape ? shape.map : shape.fields[key];
    return inner === undefined ? [`${path}.${key}`] : misfits(item, inner, `${path}.${key}`);
  });
}

describe("the Stack manifest for the Pulumi Kubernetes Operator", () => {
  interface Manifest {
    apiVersion: string;
    kind: string;
    spec: {
      stack: string;
      serviceAccountName: string;
      resyncFrequencySeconds: number;
      config: Record<string, unknown>;
      envRefs: Record<string, { type: string; secret: { name: string; key: string } }>;
      workspaceTemplate: {
        spec: {
          image: string;
          podTemplate: {
            spec: {
              containers: { name: string; volumeMounts: { name: string; mountPath: string }[] }[];
              volumes: { name: string; secret: { secretName: string } }[];
            };
          };
        };
      };
    };
  }
  const { apiVersion, kind, spec } = parse(read("examples/operator/stack.yaml")) as Manifest;
  const pod = spec.workspaceTemplate.spec.podTemplate.spec;

  it("has only fields that the operator knows, of the right types", () => {
    assert.deepEqual([apiVersion, kind], ["pulumi.com/v1", "Stack"]);
    assert.deepEqual(misfits(spec, stack, "spec"), []);
    assert.deepEqual(misfits({ branch: 1, brnch: "x" }, stack, "spec"), ["spec.branch", "spec.brnch"]);
    assert.ok(spec.resyncFrequencySeconds >= 60, "the operator's least");
  });

  it("sets settings that there are, and points the kubeconfig at what it mounts", () => {
    const [key, path] = Object.entries(spec.config)[0]!;
    assert.ok(key.replace("enroute-istio:", "") in settingsSchema.shape);
    const [container] = pod.containers;
    assert.equal(container!.name, "pulumi", "the workspace's own container");
    const [mount] = container!.volumeMounts;
    assert.equal(path, `${mount!.mountPath}/kubeconfig`);
    assert.ok(pod.volumes.some(({ name }) => name === mount!.name));
  });

  it("runs the engine of this package's SDK", () => {
    const { devDependencies } = JSON.parse(read("package.json")) as { devDependencies: Record<string, string> };
    assert.equal(spec.workspaceTemplate.spec.image, `pulumi/pulumi:${devDependencies["@pulumi/pulumi"]}-nonroot`);
  });

  it("needs exactly what the document makes", () => {
    const text = read("docs/embedding.md");
    for (const { secret } of Object.values(spec.envRefs))
      assert.ok(
        text.includes(`kubectl create secret generic ${secret.name} -n platform --from-literal=${secret.key}=`),
      );
    for (const { secret } of pod.volumes)
      assert.ok(text.includes(`create secret generic ${secret.secretName} -n platform`));
    assert.ok(text.includes(`kubectl create serviceaccount ${spec.serviceAccountName} -n platform`));
  });
});
