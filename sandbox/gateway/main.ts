/**
 * Stands for the containers enroute and cert-server of a gateway pod, whose programs cannot be had here: reads what EnRoute reads in
 * the cluster, as EnRoute's service account, and the certificates that the pod's Istio agent writes, and configures Envoy by
 * files. Its only argument is the path of a JSON file with its {@link GatewaySettings}.
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Api, ApiError } from "../cluster/api";
import { writeChanged } from "../cluster/volumes";
import type { Delegation, GatewayHost, Ingress, KeyPair, Secret, Service, ServiceRoute } from "./dag";
import {
  type Found,
  type GlobalConfig,
  certificateSecret,
  clustersResponse,
  configurationOf,
  envoyFiles,
  isKeyPair,
  listenersResponse,
  meshCertificate,
  meshRoots,
  rootsSecret,
} from "./envoy-config";

export interface GatewaySettings {
  readonly serverUrl: string;
  /** PEM of the API server's certificate authority. */
  readonly certificateAuthority: string;
  /** Path of the service account's token. */
  readonly tokenPath: string;
  /** Folder in which Envoy looks for its configuration. */
  readonly folder: string;
  readonly address: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  /** Folder in which the container cert-server sees the agent's certificates; missing if it sees none. */
  readonly meshFolder?: string;
  /** While this file is there, certificates of the mesh are read once and never again: the known failure, made on purpose. */
  readonly keepCertificatesPath: string;
}

/** How often the files of the agent are read: it replaces them without telling anybody. */
const pollMilliseconds = 250;

function main(settings: GatewaySettings): void {
  const { folder } = settings;
  const secrets = join(folder, envoyFiles.secrets);
  mkdirSync(secrets, { recursive: true, mode: 0o700 });
  const api = new Api(
    settings.serverUrl,
    Buffer.from(settings.certificateAuthority),
    readFileSync(settings.tokenPath, "utf8"),
  );
  let mesh: MeshCertificate | undefined;

  const readMesh = () => {
    if (mesh !== undefined && existsSync(settings.keepCertificatesPath)) {
      return;
    }
    const read = readMeshCertificate(settings.meshFolder);
    if (read === undefined) {
      return;
    }
    const isFirst = mesh === undefined;
    mesh = read;
    write(secrets, `${meshCertificate}.json`, certificateSecret(meshCertificate, mesh));
    write(secrets, `${meshRoots}.json`, rootsSecret(meshRoots, mesh.roots));
    if (isFirst) {
      configure();
    }
  };

  const configure = () => {
    // Half a list would look like hosts that are gone.
    if (!Object.values(views).every(({ isListed }) => isListed())) {
      return;
    }
    const { listeners, clusters, servingCertificates } = configurationOf(found(), {
      ...settings,
      hasMeshCertificate: mesh !== undefined,
      secretPath: (name) => join(secrets, `${name}.json`),
    });
    servingCertificates.forEach((pair, name) => write(secrets, `${name}.json`, certificateSecret(name, pair)));
    write(folder, envoyFiles.clusters, clustersResponse(clusters));
    write(folder, envoyFiles.listeners, listenersResponse(listeners));
  };

  const view = <T>(path: string, { isOptional = false } = {}) => {
    let isKnown = false;
    let said = "";
    const { items } = api.view<T & { metadata: never }>(
      path,
      () => {
        isKnown = true;
        setImmediate(configure);
      },
      (error) => {
        if (error.message !== said) console.error(`${path}: ${error.message}`);
        said = error.message;
        // EnRoute goes on without what it may not list, and tries again; what it has read before it keeps.
        if (!isOptional || isKnown || !(error instanceof ApiError) || error.status !== 403) return;
        isKnown = true;
        setImmediate(configure);
      },
    );
    return { items: items as () => T[], isListed: () => isKnown };
  };
  const kinds = "/apis/enroute.saaras.io/v1";
  const views = {
    gatewayHosts: view<GatewayHost>(`${kinds}/gatewayhosts`),
    serviceRoutes: view<ServiceRoute>(`${kinds}/serviceroutes`),
    ingresses: view<Ingress>("/apis/networking.k8s.io/v1/ingresses", { isOptional: true }),
    delegations: view<Delegation>(`${kinds}/tlscertificatedelegations`),
    globalConfigs: view<GlobalConfig>(`${kinds}/globalconfigs`),
    secrets: view<Secret>("/api/v1/secrets?fieldSelector=type%3Dkubernetes.io%2Ftls"),
    services: view<Service>("/api/v1/services"),
  };
  const found = (): Found => ({
    gatewayHosts: views.gatewayHosts.items(),
    serviceRoutes: views.serviceRoutes.items(),
    ingresses: views.ingresses.items(),
    delegations: views.delegations.items(),
    globalConfigs: views.globalConfigs.items(),
    secrets: views.secrets.items(),
    services: views.services.items(),
  });
  setInterval(readMesh, pollMilliseconds);
}

interface MeshCertificate extends KeyPair {
  readonly roots: string;
}

/** The agent writes three files one after the other: they are read as one only where key and certificate fit. */
function readMeshCertificate(folder: string | undefined): MeshCertificate | undefined {
  if (folder === undefined) {
    return undefined;
  }
  try {
    const [certificateChain, privateKey, roots] = ["cert-chain.pem", "key.pem", "root-cert.pem"].map((name) =>
      readFileSync(join(folder, name), "utf8"),
    ) as [string, string, string];
    return isKeyPair({ certificateChain, privateKey }) ? { certificateChain, privateKey, roots } : undefined;
  } catch {
    return undefined;
  }
}

function write(folder: string, name: string, content: unknown): void {
  writeChanged(folder, name, JSON.stringify(content));
}

main(JSON.parse(readFileSync(process.argv[2]!, "utf8")) as GatewaySettings);
