import { type Server, createServer } from "node:net";

/**
 * The addresses of one sandbox: 127.x.0.0/16 of this machine's loopback, with an x that no other sandbox has.
 * 127.x.0.0/24 is the cluster's range of Service addresses; its processes listen in 127.x.1.0/24.
 */
export interface Range {
  readonly serviceCidr: string;
  /** 127.x.1.n */
  readonly address: (n: number) => string;
  readonly release: () => void;
}

const firstSecondByte = 100;
const lastSecondByte = 249;
const claimPort = 47_100;

/**
 * Claims a free range by listening on an address of it: no two processes can, and the kernel takes the claim back from
 * a process that died, so there is no lock to go stale.
 */
export async function claimRange(): Promise<Range> {
  for (let x = firstSecondByte; x <= lastSecondByte; x++) {
    const server = await listen(`127.${x}.1.254`, claimPort);
    if (server !== undefined) {
      server.unref();
      return {
        serviceCidr: `127.${x}.0.0/24`,
        address: (n) => `127.${x}.1.${n}`,
        release: () => server.close(),
      };
    }
  }
  throw new Error(
    `no free range of loopback addresses from 127.${firstSecondByte}.0.0 to 127.${lastSecondByte}.0.0: stop a sandbox first, ` +
      "and note that only Linux has the whole of 127.0.0.0/8 on its loopback interface",
  );
}

/** The least number from `first` on that is not taken. */
export function freeNumber(taken: readonly number[], first: number): number {
  let number = first;
  while (taken.includes(number)) {
    number++;
  }
  return number;
}

/** The preferred port if it is free on this address, else some free port. */
export async function choosePort(address: string, preferred: number): Promise<number> {
  const server = (await listen(address, preferred)) ?? (await listen(address, 0));
  if (server === undefined) {
    throw new Error(`no free port on ${address}`);
  }
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function listen(host: string, port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ host, port, exclusive: true }, () => resolve(server));
  });
}
