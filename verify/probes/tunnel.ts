import { type AddressInfo, type Server, type Socket, createServer } from "node:net";
import { PortForward } from "@kubernetes/client-node";
import { type Cluster, messageOf } from "../../cluster/client";

export interface Tunnel {
  port: number;
  /** Why the API server does not forward, if it said so. */
  failure: () => string | undefined;
  close: () => void;
}

/** A port of this machine that leads to a port of a pod, through the API server, as `kubectl port-forward` does. */
export async function openTunnel(cluster: Cluster, namespace: string, pod: string, port: number): Promise<Tunnel> {
  const forward = new PortForward(cluster.config, true);
  let failure: string | undefined;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    forward.portForward(namespace, pod, [port], socket, null, socket).then(
      // Its type belongs to a package that has none.
      (websocket: unknown) => socket.on("close", () => (websocket as { close?: () => void }).close?.()),
      (error: unknown) => {
        failure = `the API server forwards nothing to pod ${pod}: ${messageOf(error)}`;
        socket.destroy();
      },
    );
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    failure: () => failure,
    close: () => {
      server.close();
      sockets.forEach((socket) => socket.destroy());
    },
  };
}
