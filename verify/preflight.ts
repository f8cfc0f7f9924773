import { existsSync } from "node:fs";
import { CoreV1Api, KubeConfig, VersionApi, type ApiException } from "@kubernetes/client-node";
import { ownerLabel, ownerValue } from "../components/mesh-namespace";
import type { Settings } from "../stacks/settings";

/** One reason why the rollout cannot work on the cluster as it is. */
export interface Finding {
  /** What is wrong. */
  problem: string;
  /** What to do about it. */
  fix: string;
}

/** How long a look at the cluster may take, in milliseconds. */
const patience = 10_000;

/**
 * Looks at the cluster before anything is registered with the engine, so that what cannot work fails before anything is
 * touched. Returns every finding; an empty list means go. Changes nothing.
 */
export async function preflight(settings: Settings): Promise<Finding[]> {
  const config = kubeConfig(settings);
  if ("problem" in config) return [config];
  const server = config.getCurrentCluster()?.server ?? "an unnamed server";
  try {
    await bounded(config.makeApiClient(VersionApi).getCode());
  } catch (error) {
    return [unreachable(settings, server, error)];
  }
  return namespaceFindings(settings, config.makeApiClient(CoreV1Api));
}

/** The error text of a preflight that did not pass. */
export function preflightError(findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ problem, fix }) => [`  - ${problem}`, `      fix: ${fix}`]);
  return [`The cluster is not ready for the rollout; nothing was changed.`, ...lines].join("\n");
}

function kubeConfig({ kubeconfig, context }: Settings): KubeConfig | Finding {
  const config = new KubeConfig();
  if (kubeconfig !== "") {
    const path = kubeconfig.replace(/^~(?=\/)/, process.env["HOME"] ?? "~");
    if (!existsSync(path))
      return {
        problem: `kubeconfig ${kubeconfig} does not exist`,
        fix: "correct enroute-istio:kubeconfig, or fetch the file first",
      };
    config.loadFromFile(path);
  } else {
    config.loadFromDefault();
  }
  if (context !== "") {
    const known = config.getContexts().map(({ name }) => name);
    if (!known.includes(context))
      return {
        problem: `context ${context} is not in ${kubeconfig === "" ? "the kubeconfig (KUBECONFIG or ~/.kube/config)" : kubeconfig}`,
        fix: `set enroute-istio:context to one of: ${known.join(", ") || "(the file has none)"}`,
      };
    config.setCurrentContext(context);
  }
  return config;
}

function unreachable({ context, kubeconfig }: Settings, server: string, error: unknown): Finding {
  const code = (error as Partial<ApiException<unknown>>).code;
  const cluster = `cluster ${context === "" ? `of ${kubeconfig}` : context} at ${server}`;
  if (code === 401 || code === 403)
    return {
      problem: `${cluster} refuses these credentials (HTTP ${code})`,
      fix: "log in again, or use credentials that may administer the cluster",
    };
  const cause = (error as Error).cause ?? error;
  return {
    problem: `${cluster} cannot be reached: ${(cause as Error).message || String(cause)}`,
    fix: "check that the cluster runs, and that VPN, proxy and the server's address are right",
  };
}

async function namespaceFindings(settings: Settings, core: CoreV1Api): Promise<Finding[]> {
  const wanted = [
    { key: "istio.namespace", ...settings.istio.namespace },
    { key: "gateway.namespace", ...settings.gateway.namespace },
    ...settings.namespaces.map((namespace, index) => ({ key: `namespaces[${index}]`, ...namespace })),
  ];
  const findings = await Promise.all(
    wanted.map(async ({ key, name, create }): Promise<Finding | undefined> => {
      const labels = await namespaceLabels(core, name);
      if (create && labels !== undefined && labels[ownerLabel] !== ownerValue)
        return {
          problem: `namespace ${name} exists already, and ${key} asks to create it`,
          fix: `set ${key}.create to false: it is then labelled only, and left behind by destroy`,
        };
      if (!create && labels === undefined)
        return {
          problem: `namespace ${name} does not exist, and ${key}.create is false`,
          fix: `create it, or set ${key}.create to true`,
        };
      return undefined;
    }),
  );
  return findings.filter((finding) => finding !== undefined);
}

/** Labels of a namespace; undefined if there is no such namespace. */
async function namespaceLabels(core: CoreV1Api, name: string): Promise<Record<string, string> | undefined> {
  try {
    const namespace = await bounded(core.readNamespace({ name }));
    return namespace.metadata?.labels ?? {};
  } catch (error) {
    if ((error as Partial<ApiException<unknown>>).code === 404) return undefined;
    throw error;
  }
}

async function bounded<Result>(work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${patience / 1000} s`)), patience);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
