import { issue } from "../unit/certificates";
import type { Heal, Seeds, Thing } from "./seeds";
import type { Fault } from "./table";

/* Ways into the mesh in clear text through the gateway: each is found, and a plain request shows that it is one. */

/** A fault, and a path that is answered in clear text while it lasts; live.test.ts asks for it. */
export interface ClearTextFault extends Fault {
  open: { host: string; path: string };
  /** Further checks that fail where somebody answers at the gateway's address. */
  live?: string[];
}

const edge = "enroute-system";
const workloads = "bookinfo";
const own = "bookinfo.sandbox.example";
const foreign = "wiki.sandbox.example";
const services = [{ name: "productpage", port: 9080 }];
const route = (prefix: string, more: object = {}) => ({ conditions: [{ prefix }], services, ...more });
const permitInsecure = true;

function enroute(kind: "GatewayHost" | "ServiceRoute", name: string, spec: object): Thing {
  return { apiVersion: "enroute.saaras.io/v1", kind, metadata: { name, namespace: workloads }, spec };
}
const gatewayHost = (fqdn: string, tls: object | undefined, ...routes: object[]) =>
  enroute("GatewayHost", fqdn.replace("*", "any"), {
    virtualhost: { fqdn, ...(tls === undefined ? {} : { tls: { minimumProtocolVersion: "1.2", ...tls } }) },
    routes,
  });
/** A Secret that is there. */
const tls = { secretName: "gateway-serving-certificate" };

/** As for another controller: EnRoute does not read spec.ingressClassName. */
export const ingress = (host: string, path: string): Thing => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "Ingress",
  metadata: { name: "wiki", namespace: workloads },
  spec: {
    ingressClassName: "nginx",
    rules: [
      {
        host,
        http: {
          paths: [{ path, pathType: "Prefix", backend: { service: { name: "productpage", port: { number: 9080 } } } }],
        },
      },
    ],
  },
});

/** The chart's role, given to the gateway by somebody's own binding. */
export const grant: Thing = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRoleBinding",
  metadata: { name: "gateway-ingresses" },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "enroute" },
  subjects: [{ kind: "ServiceAccount", name: "enroute", namespace: edge }],
};

const create =
  (...objects: Thing[]) =>
  async (seeds: Seeds): Promise<Heal> => {
    const heals: Heal[] = [];
    for (const object of objects) heals.unshift(await seeds.create(object));
    return async () => {
      for (const heal of heals) await heal();
    };
  };

const reference = { apiVersion: "enroute.saaras.io/v1", kind: "GatewayHost", namespace: workloads, name: own };

/** Adds routes to the stack's own GatewayHost. */
const addRoutes =
  (...more: object[]) =>
  async (seeds: Seeds): Promise<Heal> => {
    const { spec } = (await seeds.read(reference)) as unknown as { spec: { routes: object[] } };
    return seeds.patch(reference, { spec: { routes: [...spec.routes, ...more] } });
  };

export const clearTextFaults: ClearTextFault[] = [
  {
    name: "an Ingress of another controller, and the right to list it",
    break: create(ingress(foreign, "/"), grant),
    found: ["clear-text/ingresses"],
    live: ["clear-text/answers"],
    open: { host: foreign, path: "/" },
  },
  {
    name: "an Ingress that opens a path of the stack's own host",
    break: create(ingress(own, "/admin"), grant),
    found: ["clear-text/ingresses"],
    live: ["clear-text/answers"],
    open: { host: own, path: "/admin" },
  },
  {
    name: "somebody else's GatewayHost without TLS",
    break: create(gatewayHost(foreign, undefined, route("/"))),
    found: ["clear-text/hosts"],
    open: { host: foreign, path: "/" },
  },
  {
    name: "a GatewayHost for every other name",
    break: create(gatewayHost("*", undefined, route("/"))),
    found: ["clear-text/hosts"],
    open: { host: "whatever.example", path: "/" },
  },
  {
    name: "somebody else's GatewayHost whose Secret is missing",
    break: create(gatewayHost(foreign, { secretName: "nobody" }, route("/"))),
    found: ["clear-text/hosts"],
    open: { host: foreign, path: "/" },
  },
  {
    name: "a GatewayHost with another namespace's Secret that nobody delegates",
    break: async (seeds) => {
      const { certificate, privateKey } = await issue({ hosts: [foreign] });
      const secret = {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "wiki-tls", namespace: "default" },
        type: "kubernetes.io/tls",
        stringData: { "tls.crt": certificate, "tls.key": privateKey },
      };
      return create(secret, gatewayHost(foreign, { secretName: "default/wiki-tls" }, route("/")))(seeds);
    },
    found: ["clear-text/hosts"],
    open: { host: foreign, path: "/" },
  },
  {
    name: "somebody else's GatewayHost with a route that may be used without TLS",
    break: create(gatewayHost(foreign, tls, route("/"), route("/old", { permitInsecure }))),
    found: ["clear-text/hosts"],
    open: { host: foreign, path: "/old" },
  },
  {
    name: "a ServiceRoute that opens a path of somebody else's host",
    break: create(
      gatewayHost(foreign, tls, route("/")),
      enroute("ServiceRoute", "more", { fqdn: foreign, route: route("/more", { permitInsecure }) }),
    ),
    found: ["clear-text/hosts"],
    open: { host: foreign, path: "/more" },
  },
  {
    name: "a ServiceRoute that takes the place of the stack's own route, without TLS",
    break: create(enroute("ServiceRoute", "instead", { fqdn: own, route: route("/", { permitInsecure }) })),
    found: ["hosts/secure-routes"],
    live: ["client-leg/plain-http"],
    open: { host: own, path: "/" },
  },
  {
    name: "a route of the stack's host that may be used without TLS, which the stack does not declare",
    break: addRoutes(route("/hidden", { permitInsecure })),
    found: ["hosts/secure-routes"],
    open: { host: own, path: "/hidden" },
  },
  {
    name: "a host that delegates to routes that may be used without TLS",
    break: async (seeds) => {
      const child = enroute("GatewayHost", "child", { routes: [route("/child", { permitInsecure })] });
      const heal = await seeds.create(child);
      const back = await addRoutes({ conditions: [{ prefix: "/child" }], delegate: { name: "child" } })(seeds);
      return async () => {
        await back();
        await heal();
      };
    },
    found: ["hosts/secure-routes"],
    open: { host: own, path: "/child" },
  },
];
