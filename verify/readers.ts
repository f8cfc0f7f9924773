import { enroute } from "../mesh/enroute";
import { securePath } from "../mesh/gateway-host";
import { istiodName } from "../settings/expected";
import { ingressPaths, mostIngressProbes } from "./checks/clear-text";
import { gatewayAddress } from "./checks/client-leg";
import type { VerifyFacts } from "./checks/define";
import { meshRoots } from "./checks/identity";
import { livePods } from "./checks/injection";
import type { Readers } from "./facts";
import { probeHost, requestPlain } from "./probes/client-leg";
import { probeSigning } from "./probes/identity";
import { type ClusterView, type Source, viewReaders } from "./view";

/** What the facts of verify are read from. */
export interface VerifySource extends Source {
  /** Connect to Services' cluster IPs directly, not through the API server. */
  dialServices: boolean;
  /** How long each connection may take, in milliseconds. */
  timeout: number;
}

/** Where each fact of verify comes from. */
export const verifyReaders: Readers<VerifyFacts, VerifySource> = {
  ...viewReaders,
  clientLeg: {
    what: "what clients of each host see",
    dials: "the gateway",
    needs: ["services"],
    async read({ settings, timeout }, view) {
      const address = gatewayAddress(view, settings);
      if (address === undefined) return undefined;
      const probe = async ({ host, minimumTlsVersion, routes }: (typeof settings.hosts)[number]) => {
        const path = securePath(routes) ?? "/";
        return [host, await probeHost({ address, host, minimumTlsVersion, path, timeout })] as const;
      };
      return Object.fromEntries(await Promise.all(settings.hosts.map(probe)));
    },
  },
  ingressAnswers: {
    what: "what plain requests for Ingresses' paths are answered",
    dials: "the gateway",
    needs: ["services", "ingresses", "gatewayHosts", "serviceRoutes"],
    async read({ settings, timeout }, view) {
      const address = gatewayAddress(view, settings);
      if (address === undefined) return undefined;
      const isKnown = [view.ingresses, view.gatewayHosts, view.serviceRoutes].every(
        ({ state }) => state !== "unreadable",
      );
      const asked = isKnown ? ingressPaths(view).slice(0, mostIngressProbes) : [];
      const ask = async ({ host, prefix }: (typeof asked)[number]) => {
        const name = host === "*" ? "any.invalid" : host;
        return [`${host}${prefix}`, await requestPlain({ address, host: name, path: encodeURI(prefix), timeout })] as const;
      };
      return Object.fromEntries(await Promise.all(asked.map(ask)));
    },
  },
  signing: {
    what: "a certificate signed for the gateway",
    dials: "istiod",
    needs: ["services", "pods", "rootCertificates"],
    async read({ cluster, settings, dialServices, timeout }, view) {
      const rootNamespace = settings.istio.namespace.name;
      const service = istiodName(settings);
      const roots = meshRoots(view, settings);
      if (roots === undefined) return { outcome: "silent", reason: "the mesh's root certificate is not known" };
      const route = routeToIstiod(view, rootNamespace, service, dialServices);
      if (route === undefined) return { outcome: "silent", reason: "no istiod is ready" };
      const account = { namespace: settings.gateway.namespace.name, name: enroute.serviceAccount };
      return probeSigning({ cluster, rootNamespace, service, route, account, roots, timeout });
    },
  },
};

function routeToIstiod(view: ClusterView, namespace: string, name: string, dialServices: boolean) {
  const services = view.services[namespace];
  const service =
    services?.state === "read" ? services.value.find(({ metadata }) => metadata.name === name) : undefined;
  const clusterIP = service?.spec.clusterIP;
  if (dialServices) return clusterIP === undefined ? undefined : { clusterIP };
  const pods = view.pods[namespace];
  const selector = Object.entries(service?.spec.selector ?? {});
  const pod = livePods(pods?.state === "read" && selector.length > 0 ? pods.value : []).find(
    ({ metadata, status }) =>
      selector.every(([key, value]) => metadata.labels?.[key] === value) &&
      status?.containerStatuses?.every(({ ready }) => ready),
  );
  return pod === undefined ? undefined : { pod: pod.metadata.name };
}
