import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Api, ApiError } from "./api";
import { kubeconfig } from "./control-plane";
import type { Container, Pod } from "./pod";

/** Where the processes that stand for pods find the cluster. */
export interface ClusterAccess {
  readonly api: Api;
  readonly serverUrl: string;
  readonly certificateAuthority: Buffer;
  /** Name of the context in kubeconfigs. */
  readonly contextName: string;
}

/**
 * Writes the Secrets and ConfigMaps that a container mounts below a folder, as a kubelet does: what is optional may be missing, and
 * a later call writes what has changed since. (Istio's programs are given relative paths, so the folder is theirs to work in.)
 */
export async function writeVolumes(
  { api }: ClusterAccess,
  pod: Pod,
  container: Container,
  folder: string,
): Promise<void> {
  for (const { name, mountPath } of container.volumeMounts ?? []) {
    const volume = pod.spec.volumes?.find((candidate) => candidate.name === name);
    const source = volume?.secret ?? volume?.configMap;
    if (source === undefined) {
      continue;
    }
    const kind = volume?.secret === undefined ? "configmaps" : "secrets";
    const objectName = volume?.secret?.secretName ?? volume?.configMap?.name ?? "";
    const data = await dataOf(api, kind, pod.metadata.namespace ?? "", objectName, source.optional ?? false);
    for (const [key, content] of Object.entries(data)) {
      writeChanged(join(folder, mountPath), key, Buffer.from(content, kind === "secrets" ? "base64" : "utf8"));
    }
  }
}

async function dataOf(
  api: Api,
  kind: "secrets" | "configmaps",
  namespace: string,
  name: string,
  optional: boolean,
): Promise<Record<string, string>> {
  try {
    const object = await api.get<{ data?: Record<string, string> }>(`/api/v1/namespaces/${namespace}/${kind}/${name}`);
    return object.data ?? {};
  } catch (error) {
    if (error instanceof ApiError && error.status === 404 && optional) {
      return {};
    }
    throw error;
  }
}

/** Writes a file in one step, if its content is another than before; readable by its owner only. */
export function writeChanged(folder: string, name: string, content: Buffer | string): void {
  const path = join(folder, name);
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  try {
    if (readFileSync(path).equals(bytes)) {
      return;
    }
  } catch {
    // Not there yet.
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const partial = join(folder, `.${name}.partial`);
  writeFileSync(partial, bytes, { mode: 0o600 });
  renameSync(partial, path);
}

/** An empty folder for a process that stands for a pod. */
export function emptyFolder(path: string): string {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
  return path;
}

/** A year, as nobody renews it. */
const tokenSeconds = 365 * 24 * 3600;

/** A token of the pod's service account. @param audience whom it is for; the API server, if left out. */
export async function serviceAccountToken({ api }: ClusterAccess, pod: Pod, audience?: string): Promise<string> {
  const { namespace = "" } = pod.metadata;
  const account = pod.spec.serviceAccountName ?? "default";
  const { status } = await api.post<{ status: { token: string } }>(
    `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
    {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { expirationSeconds: tokenSeconds, ...(audience === undefined ? {} : { audiences: [audience] }) },
    },
  );
  return status.token;
}

/** The process acts as the pod's own service account, so a right that a chart forgot is missed here as well. */
export async function writeKubeconfig(access: ClusterAccess, pod: Pod, folder: string): Promise<void> {
  const token = await serviceAccountToken(access, pod);
  const content = kubeconfig(access.contextName, access.serverUrl, access.certificateAuthority, token);
  writeChanged(folder, "kubeconfig", content);
}
