import { enroute } from "../mesh/enroute";
import { securePath } from "../mesh/gateway-host";
import { type GatewayEndpoint, gatewayEndpoint } from "../mesh/gateway-service";
import { ingressPaths, mostIngressProbes } from "./checks/clear-text";
import { gatewayService } from "./checks/client-leg";
import type { VerifyFacts } from "./checks/define";
import { readProxies, readWorkloadLeg } from "./effect";
import type { Readers } from "./facts";
import { istiodRoutes } from "./istiod";
import { probeHost, requestPlain } from "./probes/client-leg";
import { probeSigning } from "./probes/identity";
import { type Source, viewReaders } from "./view";

/** What the facts of verify are read from. */
export interface VerifySource extends Source {
  /** Connect to Services' cluster IPs directly, not through the API server. */
  dialServices: boolean;
  /** How long each connection may take, in milliseconds. */
  timeout: number;
  /** Ask istiod about so many pods of workloads at most. */
  sample: number;
}

/** What to connect to as a client; undefined where nothing is known, or nothing leads there from here. */
async function reach(
  { cluster, settings, dialServices }: VerifySource,
  view: Pick<VerifyFacts, "services">,
): Promise<GatewayEndpoint | undefined> {
  const service = gatewayService(view, settings);
  if (service === undefined) return undefined;
  const takesNodes = service.spec.type === "NodePort" && !dialServices;
  const nodes = takesNodes ? await cluster.list<object>("/api/v1/nodes").catch(() => undefined) : undefined;
  return gatewayEndpoint(service, { dialServices, nodes });
}

/** Where each fact of verify comes from. */
export const verifyReaders: Readers<VerifyFacts, VerifySource> = {
  ...viewReaders,
  clientLeg: {
    what: "what clients of each host see",
    dials: "the gateway",
    needs: ["services"],
    async read(source, view) {
      const { settings, timeout } = source;
      const endpoint = await reach(source, view);
      if (endpoint === undefined) return undefined;
      const probe = async ({ host, minimumTlsVersion, routes }: (typeof settings.hosts)[number]) => {
        const path = securePath(routes) ?? "/";
        return [host, await probeHost({ ...endpoint, host, minimumTlsVersion, path, timeout })] as const;
      };
      return Object.fromEntries(await Promise.all(settings.hosts.map(probe)));
    },
  },
  ingressAnswers: {
    what: "what plain requests for Ingresses' paths are answered",
    dials: "the gateway",
    needs: ["services", "ingresses", "gatewayHosts", "serviceRoutes"],
    async read(source, view) {
      const { timeout } = source;
      const endpoint = await reach(source, view);
      if (endpoint === undefined) return undefined;
      const isKnown = [view.ingresses, view.gatewayHosts, view.serviceRoutes].every(
        ({ state }) => state !== "unreadable",
      );
      const asked = isKnown ? ingressPaths(view).slice(0, mostIngressProbes) : [];
      const ask = async ({ host, prefix }: (typeof asked)[number]) => {
        const name = host === "*" ? "any.invalid" : host;
        return [
          `${host}${prefix}`,
          await requestPlain({ ...endpoint, host: name, path: encodeURI(prefix), timeout }),
        ] as const;
      };
      return Object.fromEntries(await Promise.all(asked.map(ask)));
    },
  },
  signing: {
    what: "a certificate signed for the gateway",
    dials: "istiod",
    needs: ["services", "pods", "rootCertificates"],
    async read(source, view) {
      const { settings, timeout } = source;
      const account = { namespace: settings.gateway.namespace.name, name: enroute.serviceAccount };
      const found = istiodRoutes(source, view);
      if (typeof found === "string") return { outcome: "silent", reason: found };
      return probeSigning({ ...found[0], account, timeout });
    },
  },
  proxies: {
    what: "what istiod sends to the mesh's proxies",
    dials: "istiod",
    needs: ["services", "pods", "rootCertificates"],
    read: readProxies,
  },
  workloadLeg: {
    what: "how the ports of workloads answer, with --dial-services",
    dials: "the Services of workloads, with --dial-services",
    needs: ["services", "pods", "rootCertificates"],
    read: readWorkloadLeg,
  },
};
