import type { RequestOptions } from "node:https";
import { KubeConfig } from "@kubernetes/client-node";
import { defined } from "../base/defined";
import { asText } from "../base/tree";
import { type Credentials, credentialsOf, pemOf } from "./credentials";
import type { Target } from "./kubeconfig";
import { proxyFor } from "./proxy";

const name = "stack";

/**
 * A context of a kubeconfig for client-node, which knows how to speak TLS and through proxies: it is given what client-go would use,
 * since its own reading of kubeconfigs differs in a dozen places.
 */
export class ClusterAccess extends KubeConfig {
  constructor(readonly target: Target) {
    super();
    this.use({ headers: {} });
  }

  /** The proxy that requests go through: the kubeconfig's, or the environment's. */
  get proxy(): string | undefined {
    const { cluster } = this.target;
    return asText(cluster["proxy-url"]) ?? proxyFor(String(cluster["server"]));
  }

  override async applyToHTTPSOptions(options: Parameters<KubeConfig["applyToHTTPSOptions"]>[0]): Promise<void> {
    // Each time: tokens end, and files are written anew.
    const credentials = await credentialsOf(this.target);
    this.use(credentials, pemOf(this.target.cluster, "certificate-authority"));
    await super.applyToHTTPSOptions(options);
    const own = options as RequestOptions;
    own.headers = { ...(own.headers as Record<string, string>), ...credentials.headers };
  }

  private use({ token, username, password, certificate, key }: Credentials, ca?: string): void {
    const { cluster } = this.target;
    const server = String(cluster["server"]);
    const encoded = (pem: string | undefined) => (pem === undefined ? undefined : Buffer.from(pem).toString("base64"));
    this.loadFromOptions({
      contexts: [{ name, cluster: name, user: name }],
      currentContext: name,
      clusters: [
        defined({
          ...{ name, server, proxyUrl: this.proxy, caData: encoded(ca) },
          tlsServerName: asText(cluster["tls-server-name"]),
          // client-node takes plain HTTP, as `kubectl proxy` speaks it, only so.
          skipTLSVerify: cluster["insecure-skip-tls-verify"] === true || server.startsWith("http:"),
        }),
      ],
      users: [defined({ name, token, username, password, certData: encoded(certificate), keyData: encoded(key) })],
    });
  }
}
