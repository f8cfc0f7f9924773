import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { defined } from "../base/defined";
import { asList, asText, asTree, at } from "../base/tree";
import type { Target } from "./kubeconfig";

/* Credentials of a kubeconfig, as client-go uses them (k8s.io/client-go v0.34: tools/clientcmd, transport, plugin/pkg/client/auth/exec). */

/** By what a request goes in. */
export interface Credentials {
  token?: string;
  username?: string;
  password?: string;
  /** PEM. */
  certificate?: string;
  key?: string;
  /** Headers of impersonation. */
  headers: Record<string, string | string[]>;
}

/** Reads and asks for the credentials of a context's user. Throws with the reason where the provider could not use them either. */
export async function credentialsOf(target: Target): Promise<Credentials> {
  const { user } = target;
  if (user["auth-provider"] !== undefined)
    throw new Error(
      `its user has an auth-provider (${String(at(user, "auth-provider", "name"))}), which Kubernetes' clients have dropped in 1.26: use the exec plugin of that cloud`,
    );
  const given = defined({
    token: tokenOf(user),
    username: asText(user["username"]),
    password: asText(user["password"]),
    certificate: pemOf(user, "client-certificate"),
    key: pemOf(user, "client-key"),
  });
  // An exec plugin is asked only where nothing else is given.
  const isGiven = given.token !== undefined || given.username !== undefined || given.certificate !== undefined;
  const executed = user["exec"] === undefined || isGiven ? {} : await execute(target);
  return { ...given, ...executed, headers: impersonation(user) };
}

/** A file's token goes before one that stands beside it, which is what it was when the kubeconfig was written. */
function tokenOf(user: Target["user"]): string | undefined {
  const file = asText(user["tokenFile"]);
  const beside = asText(user["token"]);
  if (file === undefined) return beside;
  try {
    return readFileSync(file, "utf8").trim() || beside;
  } catch (error) {
    if (beside !== undefined) return beside;
    throw new Error(`tokenFile ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`, { cause: error });
  }
}

/** PEM of a certificate or a key, which stands in the kubeconfig or in a file. */
export function pemOf(entry: Record<string, unknown>, name: string): string | undefined {
  const data = asText(entry[`${name}-data`]);
  if (data !== undefined) return Buffer.from(data, "base64").toString("utf8");
  const file = asText(entry[name]);
  try {
    return file === undefined ? undefined : readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(`${name} ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`, { cause: error });
  }
}

function impersonation(user: Target["user"]): Credentials["headers"] {
  const groups = asList(user["as-groups"]).map(String);
  const extra = Object.entries(asTree(user["as-user-extra"])).map(([key, values]) => [
    `Impersonate-Extra-${encodeURIComponent(key)}`,
    asList(values).map(String),
  ]);
  return defined({
    "Impersonate-User": asText(user["as"]),
    "Impersonate-Uid": asText(user["as-uid"]),
    "Impersonate-Group": groups.length === 0 ? undefined : groups,
    ...(Object.fromEntries(extra) as Record<string, string[]>),
  });
}

const run = promisify(execFile);

/** Runs an exec plugin (KEP-541). */
async function execute({ user, cluster }: Target): Promise<Partial<Credentials>> {
  const exec = asTree(user["exec"]);
  const command = asText(exec["command"]) ?? "";
  const apiVersion = asText(exec["apiVersion"]);
  if (apiVersion === "client.authentication.k8s.io/v1" && asText(exec["interactiveMode"]) === undefined)
    // As client-go (0.36, tools/clientcmd/validation.go); only earlier versions have a default.
    throw new Error(`exec plugin ${command}: interactiveMode must be specified for ${apiVersion}`);
  if (exec["interactiveMode"] === "Always")
    throw new Error(
      `exec plugin ${command} asks for a terminal (interactiveMode: Always), which Pulumi's provider has none of`,
    );
  const info = {
    ...{ apiVersion, kind: "ExecCredential" },
    spec: { ...(exec["provideClusterInfo"] === true ? { cluster: clusterInfo(cluster) } : {}), interactive: false },
  };
  const env = {
    ...process.env,
    ...Object.fromEntries(asList(exec["env"]).map((one) => [String(at(one, "name")), String(at(one, "value"))])),
    KUBERNETES_EXEC_INFO: JSON.stringify(info),
  };
  const answer = await run(command, asList(exec["args"]).map(String), { env, timeout: 60_000 }).catch(
    (error: unknown) => {
      const { code, stderr = "", message } = error as { code?: string | number; stderr?: string; message: string };
      const hint = asText(exec["installHint"]);
      const reason =
        code === "ENOENT"
          ? `is not on the PATH${hint === undefined ? "" : `; ${hint.trim()}`}`
          : `ended with ${code ?? "a signal"}: ${stderr.trim() || message.split("\n")[0]}`;
      throw new Error(`exec plugin ${command} ${reason}`);
    },
  );
  const { status, apiVersion: answered } = parsed(answer.stdout, command);
  if (answered !== apiVersion)
    throw new Error(`exec plugin ${command} answers in ${String(answered)}, and the kubeconfig asks for ${apiVersion}`);
  const credentials = defined({
    token: asText(at(status, "token")),
    certificate: asText(at(status, "clientCertificateData")),
    key: asText(at(status, "clientKeyData")),
  });
  if (credentials.token === undefined && credentials.certificate === undefined)
    throw new Error(`exec plugin ${command} gave neither a token nor a certificate`);
  return credentials;
}

function parsed(text: string, command: string): { status?: unknown; apiVersion?: unknown } {
  try {
    return asTree(JSON.parse(text));
  } catch {
    // Not shown: it may hold a token.
    throw new Error(`exec plugin ${command} does not answer with an ExecCredential in JSON`);
  }
}

/** `spec.cluster`, with the configuration that the kubeconfig keeps for plugins. */
function clusterInfo(cluster: Target["cluster"]): object {
  const extension = asList(cluster["extensions"]).find(
    (one) => at(one, "name") === "client.authentication.k8s.io/exec",
  );
  const ca = pemOf(cluster, "certificate-authority");
  return defined({
    server: asText(cluster["server"]),
    "tls-server-name": asText(cluster["tls-server-name"]),
    "insecure-skip-tls-verify": cluster["insecure-skip-tls-verify"] === true || undefined,
    "certificate-authority-data": ca === undefined ? undefined : Buffer.from(ca).toString("base64"),
    "proxy-url": asText(cluster["proxy-url"]),
    config: at(extension, "extension"),
  });
}
