import { LineCounter, isMap, isNode, isScalar, parseDocument } from "yaml";

/** Where a stack finds the sandbox instead of what it names. */
export interface SandboxEndpoints {
  readonly kubeconfig: string;
  readonly context: string;
  readonly chartRepository: string;
  /** Version of Pulumi's kubernetes plugin, where it is not the one of the npm package. */
  readonly kubernetesPluginVersion?: string;
}

const project = "enroute-istio";
export const pluginVersionKey = `${project}:kubernetesPluginVersion`;

/** Sections of the settings that install a chart; where they do not say from where, the published repository is meant. */
const chartSections = ["istio", "gateway", "prometheus", "kiali"];

/** Belongs to the secrets provider of the real stack; the sandbox encrypts with a passphrase of its own. */
export const encryption = ["secretsprovider", "encryptedkey", "encryptionsalt"];

/** The content of a stack file. @throws with line and column of the first mistake, and the lines around it. */
export function parseStack(text: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const refuse = (offset: number, why: string) => {
    const { line, col } = lines.linePos(offset);
    throw new Error(`line ${line}, column ${col}: ${why}`);
  };
  const [error] = document.errors;
  if (error !== undefined) refuse(error.pos[0], error.message.replace(/ at line \d+, column \d+:?/, ":").trimEnd());
  const { contents } = document;
  for (const node of [contents, isMap(contents) ? contents.get("config", true) : undefined])
    if (isNode(node) && !isMap(node) && !(isScalar(node) && node.value === null))
      refuse(node.range?.[0] ?? 0, 'the settings of a stack are keys with values below "config:"');
  return document.toJS();
}

/**
 * The content of a stack file, for a run in the sandbox: everything stays as the stack says, but its cluster and its chart
 * repositories are the sandbox's.
 *
 * @throws if a value is encrypted: the sandbox does not have the real stack's key.
 */
export function forSandbox(stack: unknown, sandbox: SandboxEndpoints): unknown {
  const { config, ...rest } = isRecord(stack) ? stack : {};
  const replaced = withRepository(isRecord(config) ? config : {}, sandbox.chartRepository, "config") as Record<
    string,
    unknown
  >;
  for (const key of chartSections.map((section) => `${project}:${section}`)) {
    const section = replaced[key];
    if (isRecord(section)) {
      replaced[key] = { ...section, chartRepository: sandbox.chartRepository };
    }
  }
  return {
    ...Object.fromEntries(Object.entries(rest).filter(([key]) => !encryption.includes(key))),
    config: {
      ...replaced,
      [`${project}:kubeconfig`]: sandbox.kubeconfig,
      [`${project}:context`]: sandbox.context,
      ...(sandbox.kubernetesPluginVersion === undefined ? {} : { [pluginVersionKey]: sandbox.kubernetesPluginVersion }),
    },
  };
}

/** Every `chartRepository`, wherever it is. */
function withRepository(value: unknown, url: string, path: string): unknown {
  if (Array.isArray(value)) {
    return value.map((item, index) => withRepository(item, url, `${path}[${index}]`));
  }
  if (!isRecord(value)) {
    return value;
  }
  if (typeof value["secure"] === "string" && Object.keys(value).length === 1) {
    throw new Error(`${path} is encrypted with the key of the real stack, which the sandbox does not have`);
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === "chartRepository" ? url : withRepository(item, url, `${path}.${key}`),
    ]),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
