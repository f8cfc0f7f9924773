/*
 * How clients come to the gateway: the type of its Service. The chart `enroute` fixes it to LoadBalancer (0.8.7, templates/service.yaml;
 * its value `service.type` is read nowhere), so any other one is put in its place after the chart was rendered.
 */

/** Types that the gateway's Service may have. */
export const serviceTypes = ["LoadBalancer", "NodePort", "ClusterIP"] as const;
export type ServiceType = (typeof serviceTypes)[number];
export const defaultServiceType: ServiceType = "LoadBalancer";

/** The gateway's Service. */
export interface GatewayServiceArgs {
  /** Its type. @default "LoadBalancer" */
  type?: ServiceType;
  /** Ports of the nodes. @default the cluster chooses them */
  nodePorts?: { http?: number; https?: number };
}

/** Helm values about it. The type stands there for who reads them. */
export function gatewayServiceValues({ type = defaultServiceType, nodePorts }: GatewayServiceArgs = {}): object {
  const port = (name: "http" | "https", number: number, targetPort: number) => ({
    ...{ name, port: number, targetPort, protocol: "TCP" },
    ...(nodePorts?.[name] === undefined ? {} : { nodePort: nodePorts[name] }),
  });
  return {
    ...(type === defaultServiceType ? {} : { type }),
    ...(nodePorts === undefined ? {} : { ports: [port("http", 80, 8080), port("https", 443, 8443)] }),
  };
}

const postRendererPrefix = ".enroute-istio/gateway-service-";

/** Path, from the folder that the provider runs in, of the program that gives the Service its type; undefined for the chart's own. */
export function postRendererPath(type: ServiceType = defaultServiceType): string | undefined {
  return type === defaultServiceType ? undefined : `${postRendererPrefix}${type}`;
}

/** The type that a release's post-renderer gives its Services; undefined where it has none of ours. */
export function postRenderedType(path: unknown): ServiceType | undefined {
  return serviceTypes.find((type) => typeof path === "string" && path === postRendererPath(type));
}

/** The post-renderer: a filter of the chart's manifests that any POSIX shell runs. It fails where it finds no such Service. */
export function postRenderer(type: ServiceType): string {
  return `#!/bin/sh
# Gives the Service of the chart enroute the type ${type}, which the stack asks for (gateway.service.type) and the chart fixes.
service= found=
while IFS= read -r line || [ -n "$line" ]; do
  case "$line" in
    ---*) service= ;;
    "kind: Service") service=yes ;;
    "  type: ${defaultServiceType}" | "  type: ${type}")
      if [ -n "$service" ]; then line="  type: ${type}" found=yes; fi ;;
  esac
  printf '%s\\n' "$line"
done
if [ -z "$found" ]; then
  echo "this version of the chart enroute has no Service whose type could be ${type}: leave gateway.service.type out, or set another gateway.version" >&2
  exit 1
fi
`;
}

interface ServiceObject {
  spec: { type?: string; clusterIP?: string; ports?: { port: number; nodePort?: number }[] };
  status?: { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } };
}
interface NodeObject {
  status?: { addresses?: { type: string; address: string }[]; conditions?: { type: string; status: string }[] };
}

/** Where the gateway is connected to. */
export interface GatewayEndpoint {
  address: string;
  httpPort: number;
  httpsPort: number;
}

/** Ports of the nodes that lead to the gateway. */
export function nodePortsOf({ spec: { ports = [] } }: ServiceObject): { http?: number; https?: number } {
  const of = (number: number) => ports.find(({ port }) => port === number)?.nodePort;
  const [http, https] = [of(80), of(443)];
  return { ...(http === undefined ? {} : { http }), ...(https === undefined ? {} : { https }) };
}

/** Where clients outside connect, as the Service tells it: an address, or ports of every node. */
export function gatewayAddressOf(service: ServiceObject): string | undefined {
  const { spec, status } = service;
  if (spec.type === "ClusterIP") return spec.clusterIP;
  if (spec.type === "NodePort") {
    const { http, https } = nodePortsOf(service);
    return https === undefined ? undefined : `ports ${[http, https].filter(Boolean).join(" and ")} of every node`;
  }
  const [ingress] = status?.loadBalancer?.ingress ?? [];
  return ingress?.ip ?? ingress?.hostname;
}

/**
 * What to connect to from here. A cluster IP alone is dialled only where that leads somewhere: inside the cluster.
 *
 * @param nodes of the cluster, for ports of nodes; undefined where they are not known
 */
export function gatewayEndpoint(
  service: ServiceObject,
  { dialServices, nodes = [] }: { dialServices: boolean; nodes?: readonly NodeObject[] | undefined },
): GatewayEndpoint | undefined {
  const { type, clusterIP } = service.spec;
  const usual = { httpPort: 80, httpsPort: 443 };
  if (type !== "NodePort" && type !== "ClusterIP") {
    const address = gatewayAddressOf(service);
    return address === undefined ? undefined : { address, ...usual };
  }
  if (dialServices) return clusterIP === undefined ? undefined : { address: clusterIP, ...usual };
  const { http, https } = nodePortsOf(service);
  const address = nodeAddress(nodes);
  if (type === "ClusterIP" || address === undefined || http === undefined || https === undefined) return undefined;
  return { address, httpPort: http, httpsPort: https };
}

/** Of a node that is ready: the outer address before the inner one. */
function nodeAddress(nodes: readonly NodeObject[]): string | undefined {
  const ready = nodes.filter(({ status }) =>
    status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True"),
  );
  const addresses = ready.flatMap(({ status }) => status?.addresses ?? []);
  return ["ExternalIP", "InternalIP"].flatMap((type) => addresses.filter((one) => one.type === type))[0]?.address;
}
