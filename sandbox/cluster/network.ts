import { appendFileSync, existsSync } from "node:fs";
import { type Server as HttpServer, createServer as createHttpServer } from "node:http";
import { type Server, type Socket, connect, createServer } from "node:net";
import { join } from "node:path";
import type { Meta } from "./api";
import type { Pod } from "./pod";

export interface Service {
  readonly metadata: Meta;
  readonly spec: {
    readonly clusterIP?: string;
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly {
      readonly port: number;
      readonly targetPort?: number | string;
      readonly protocol?: string;
    }[];
  };
}

/** A real process that stands behind pods. */
export interface Backend {
  readonly pods: readonly Pod[];
  readonly address: string;
  /** Container port → the port that the process really listens on. */
  readonly ports: ReadonlyMap<number, number>;
  /** What stands before it. */
  readonly inbound?: {
    /** Socket of the sidecar. */
    readonly path: string;
    /** Whether the sidecar gets what is sent to a container port. */
    readonly captures: (port: number) => boolean;
  };
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
  /** Socket of the sidecar that takes the connection in its place. */
  readonly inbound?: string;
}

/**
 * Which process answers on which Service address: "<cluster IP>:<port>" → endpoint. Of several backends behind one
 * Service, the last one.
 */
export function routesOf(services: readonly Service[], backends: readonly Backend[]): Map<string, Endpoint> {
  const routes = new Map<string, Endpoint>();
  for (const { metadata, spec } of services) {
    if (!spec.clusterIP || spec.clusterIP === "None") {
      continue;
    }
    for (const backend of backends) {
      const pod = backend.pods.find((pod) => isSelected({ metadata, spec }, pod));
      for (const { port, targetPort, protocol } of pod === undefined ? [] : (spec.ports ?? [])) {
        const wanted = containerPort(pod!, targetPort ?? port);
        const local = backend.ports.get(wanted);
        if (local !== undefined && (protocol ?? "TCP") === "TCP") {
          const { address, inbound } = backend;
          routes.set(`${spec.clusterIP}:${port}`, {
            ...{ address, port: local },
            ...(inbound?.captures(wanted) === true ? { inbound: inbound.path } : {}),
          });
        }
      }
    }
  }
  return routes;
}

/** Whether a Service leads to a pod. */
export function isSelected({ metadata, spec }: Service, pod: Pod): boolean {
  const selector = Object.entries(spec.selector ?? {});
  return (
    selector.length > 0 &&
    pod.metadata.namespace === metadata.namespace &&
    selector.every(([label, value]) => pod.metadata.labels?.[label] === value)
  );
}

/** The number of a port of a pod; 0 if no container has a port of that name. */
export function containerPort(pod: Pod, port: number | string): number {
  if (typeof port === "number") {
    return port;
  }
  const ports = pod.spec.containers.flatMap((container) => container.ports ?? []);
  return ports.find(({ name }) => name === port)?.containerPort ?? 0;
}

/**
 * What kube-proxy and the rules of a pod's network namespace do on a real cluster: connections to a Service's address reach the
 * process behind it, or the sidecar that catches them. Where there is none that is ready, they are refused.
 */
export class ServiceNetwork {
  private routes: ReadonlyMap<string, Endpoint> = new Map();
  private readonly listeners = new Map<string, Server>();
  /** Connections by the route that they took. */
  private readonly connections = new Map<Socket, string>();
  private readonly proxy: HttpServer;

  /** @param recordings while this folder is there, all that passes is written into it: a file for each Service address. */
  constructor(
    private readonly note: (text: string) => void,
    private readonly recordings: string,
  ) {
    this.proxy = createHttpServer((_, response) => response.writeHead(405).end());
    this.proxy.on("connect", (request, client: Socket) => {
      const established = () => client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      if (!this.forward(request.url ?? "", client, established)) {
        client.on("error", () => {});
        client.end("HTTP/1.1 503 Service Unavailable\r\n\r\n");
      }
    });
  }

  /** Serves the API server's own connections into the cluster on a socket. */
  async serveProxy(socket: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.proxy.once("error", reject);
      this.proxy.listen(socket, resolve);
    });
  }

  /** Routes that are no more take their connections along. */
  update(routes: ReadonlyMap<string, Endpoint>): void {
    this.routes = routes;
    for (const [client, key] of this.connections) {
      if (!routes.has(key)) {
        client.destroy();
      }
    }
    for (const [key, server] of this.listeners) {
      if (!routes.has(key)) {
        server.close();
        this.listeners.delete(key);
      }
    }
    for (const key of routes.keys()) {
      if (!this.listeners.has(key)) {
        this.listeners.set(key, this.listen(key));
      }
    }
  }

  close(): void {
    this.update(new Map());
    this.proxy.close();
    this.proxy.closeAllConnections();
  }

  private listen(key: string): Server {
    const [address, port] = key.split(":");
    const server = createServer((client) => {
      if (!this.forward(key, client)) {
        client.destroy();
      }
    });
    server.on("error", (error: NodeJS.ErrnoException) => {
      const why =
        error.code === "EACCES" ? "only root may listen there; the API server does not need it" : error.message;
      this.note(`${key} is not reachable from this machine: ${why}`);
    });
    server.listen(Number(port), address);
    return server;
  }

  private forward(key: string, client: Socket, connected: () => void = () => {}): boolean {
    const route = this.routes.get(key);
    if (route === undefined) {
      return false;
    }
    const { address, port, inbound } = route;
    const target = connect(inbound === undefined ? { host: address, port, noDelay: true } : { path: inbound }, () => {
      connected();
      if (inbound !== undefined) {
        const { remoteAddress = "127.0.0.1", remotePort = 0 } = client;
        target.write(`PROXY TCP4 ${remoteAddress} ${address} ${remotePort} ${port}\r\n`);
      }
      // Not sooner: whoever listens has the bytes flow.
      [client, target].forEach((socket) => socket.on("data", (bytes: Buffer) => this.record(key, bytes)));
      client.pipe(target).pipe(client);
    });
    const end = () => {
      this.connections.delete(client);
      client.destroy();
      target.destroy();
    };
    client.on("error", end).on("close", end);
    target.on("error", end).on("close", end);
    this.connections.set(client, key);
    return true;
  }

  /** Looks each time, as connections may be older than the recording. */
  private record(key: string, bytes: Buffer): void {
    if (existsSync(this.recordings)) {
      appendFileSync(join(this.recordings, key.replace(":", "_")), bytes);
    }
  }
}
