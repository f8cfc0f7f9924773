// What of a kubeconfig goes into a TLS connection and its requests.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import type { SecureContextOptions } from "node:tls";
import { promisify } from "node:util";
import { parseJson } from "./http";
import type { Target } from "./kubeconfig";
import { at, listAt, mapAt, textAt, type Tree, type TreeMap } from "./tree";

/** The TLS settings of a target, and its Authorization header ("" for none). */
export interface Credentials {
  readonly tls: SecureContextOptions & { rejectUnauthorized: boolean; servername?: string };
  readonly authorization: string;
}

/**
 * Reads the files and runs the credential plugin that the kubeconfig names.
 * @throws Error if one of them fails
 */
export async function credentialsOf({ cluster, user, server }: Target): Promise<Credentials> {
  if (textAt(cluster, "proxy-url") !== "")
    throw new Error("the kubeconfig's proxy-url is not supported by this stand-in");
  const plugin = at(user, "exec") === undefined ? {} : await runPlugin(mapAt(user, "exec"), { cluster, server });
  const ca = pem(cluster, "certificate-authority");
  const cert = textAt(plugin, "clientCertificateData") || pem(user, "client-certificate");
  const key = textAt(plugin, "clientKeyData") || pem(user, "client-key");
  const servername = textAt(cluster, "tls-server-name");
  return {
    tls: {
      rejectUnauthorized: at(cluster, "insecure-skip-tls-verify") !== true,
      ...(ca === "" ? {} : { ca }),
      ...(cert === "" || key === "" ? {} : { cert, key }),
      ...(servername === "" ? {} : { servername }),
    },
    authorization: authorization(user, textAt(plugin, "token")),
  };
}

/** Whether reading the credentials again may give new ones. */
export function isRenewable({ user }: Target): boolean {
  return at(user, "exec") !== undefined || textAt(user, "tokenFile") !== "";
}

function authorization(user: TreeMap, pluginToken: string): string {
  const file = textAt(user, "tokenFile");
  const token = pluginToken || textAt(user, "token") || (file === "" ? "" : readFileSync(file, "utf8").trim());
  if (token !== "") return `Bearer ${token}`;
  const name = textAt(user, "username");
  return name === "" ? "" : `Basic ${Buffer.from(`${name}:${textAt(user, "password")}`).toString("base64")}`;
}

function pem(from: TreeMap, key: string): string {
  const data = textAt(from, `${key}-data`);
  if (data !== "") return Buffer.from(data, "base64").toString("utf8");
  const file = textAt(from, key);
  return file === "" ? "" : readFileSync(file, "utf8");
}

// The protocol of client-go credential plugins; without a terminal, so that none can stop to ask.
async function runPlugin(exec: TreeMap, target: { cluster: TreeMap; server: string }): Promise<Tree> {
  const command = textAt(exec, "command");
  const extra = listAt(exec, "env").map((item) => [textAt(item, "name"), textAt(item, "value")] as const);
  const spec = {
    interactive: false,
    ...(at(exec, "provideClusterInfo") === true ? { cluster: { ...target.cluster, server: target.server } } : {}),
  };
  const info = JSON.stringify({ apiVersion: textAt(exec, "apiVersion"), kind: "ExecCredential", spec });
  const args = listAt(exec, "args").map(String);
  const env = { ...process.env, ...Object.fromEntries(extra), KUBERNETES_EXEC_INFO: info };
  // Its output may hold credentials, so an error tells its outcome only.
  const failed = (outcome: string): Error => new Error(`getting credentials: exec: executable ${command} ${outcome}`);
  const ended = await promisify(execFile)(command, args, { env }).catch((error: { code?: unknown }) =>
    failed(`failed (${String(error.code)})`),
  );
  if (ended instanceof Error) throw ended;
  const status = mapAt(parseJson(ended.stdout), "status");
  if (textAt(status, "token") === "" && textAt(status, "clientCertificateData") === "") {
    throw failed("returned no credentials");
  }
  return status;
}
