import { ownerAnnotation, reasonAnnotation, untilAnnotation } from "../../base/annotations";
import { asText, asTree, at } from "../../base/tree";
import { admitted, notOnlyFrom, onlyFromGatewayName } from "../../mesh/authorization";
import { clientTlsProblems, hostOf } from "../../mesh/destination-rule";
import { enroute } from "../../mesh/enroute";
import { clientLegOf, oldestTlsOf, undeclaredPlainRoutes } from "../../mesh/gateway-host";
import { ingressGrants } from "../../mesh/gateway-rights";
import { isMeshConfig, turnsIstioOn, usesIstioCertificates } from "../../mesh/global-config";
import { hasBothLabels, isInjected, neverInjected } from "../../mesh/injection";
import { readByIstiod } from "../../mesh/istio-values";
import { isPast } from "../../mesh/mutual-tls-policies";
import { modesOf, meshPolicies, weakModes } from "../../mesh/peer-authentication";
import { type Finding, type PolicyObject, type Rule, isRelease, unknownValue } from "../rule";

/** Rules about the two encrypted legs: client → gateway and gateway → workload. */
export const encryptionRules: Rule[] = [
  {
    name: "mtls-strict",
    description: "No PeerAuthentication takes plain text, outside declared exceptions.",
    level: "mandatory",
    scope: "object",
    find: (objects) =>
      each(objects, "PeerAuthentication").flatMap((policy) => {
        const weak = declaredWeak(policy, objects);
        if (weak.length === 0 || annotation(policy, reasonAnnotation) !== undefined) return [];
        return {
          object: policy,
          message: `${weak.map(({ path, mode }) => `${path} is ${mode}`).join(", ")}: workloads would take plain text, and no reason is declared.`,
          fix: "set STRICT; or declare the exception in mutualTls.exceptions of the stack, with reason, owner and until",
        };
      }),
  },
  {
    name: "mtls-exceptions",
    description: "Each exception from STRICT has an owner and an end date that has not passed.",
    level: "mandatory",
    scope: "object",
    find: (objects, { now = new Date() }) =>
      each(objects, "PeerAuthentication").flatMap((policy): Finding[] => {
        if (declaredWeak(policy, objects).length === 0) return [];
        if (annotation(policy, reasonAnnotation) === undefined) return []; // mtls-strict reports it
        const [owner, until] = [ownerAnnotation, untilAnnotation].map((key) => annotation(policy, key));
        const missing = [...(owner === undefined ? ["owner"] : []), ...(until === undefined ? ["until"] : [])];
        const fix = "set owner and until of the exception in mutualTls.exceptions of the stack";
        if (missing.length > 0)
          return [
            {
              object: policy,
              message: `the exception has no ${missing.join(" and no ")}: it would never end.`,
              fix,
            },
          ];
        const past = isPast(until!, now);
        if (past === undefined)
          return [
            {
              object: policy,
              message: `the exception's end ${until} is not a date such as 2027-03-31: its end cannot be checked.`,
              fix,
            },
          ];
        return past
          ? [
              {
                object: policy,
                message: `the exception of ${owner} ended on ${until}: plain text was agreed to until then only.`,
                fix: "remove the exception from mutualTls.exceptions; or agree on a new end with its owner, and set until",
              },
            ]
          : [];
      }),
  },
  {
    name: "mtls-mesh-wide",
    description: "A mesh has one PeerAuthentication for all of it, and it is STRICT.",
    level: "mandatory",
    scope: "stack",
    find: (objects) =>
      meshRoots(objects).flatMap(({ root, mesh }): Finding[] => {
        const policies = meshPolicies(each(objects, "PeerAuthentication"), root);
        const fix = `keep PeerAuthentication ${root}/default with spec.mtls.mode STRICT (component MeshMutualTls)`;
        if (policies.length === 0)
          return [
            {
              object: mesh,
              message: `no policy in ${root} is for the whole mesh: Istio's default takes plain text.`,
              fix,
            },
          ];
        return policies.flatMap((policy): Finding[] => {
          const [{ mode, weakness }] = modesOf(policy, root);
          const found = mode === "UNSET" ? "not set, which means PERMISSIVE" : mode;
          return weakness === 0
            ? []
            : [
                {
                  object: policy,
                  message: `the mesh-wide mode is ${found}: every workload without a policy of its own would take plain text.`,
                  fix,
                },
              ];
        });
      }),
  },
  {
    name: "gateway-in-mesh",
    description: "The gateway speaks mutual TLS to the workloads: EnRoute's switches for Istio are on.",
    level: "mandatory",
    scope: "stack",
    find: (objects) => {
      const globals = each(objects, "GlobalConfig").filter(isMeshConfig);
      const fix = "keep the component MeshGlobalConfig, and istio.enable in the values of the chart enroute";
      return objects
        .filter((object) => isRelease(object, "enroute"))
        .flatMap((release): Finding[] => [
          ...(at(release, "values", "istio", "enable") === true
            ? []
            : [
                {
                  object: release,
                  message: "istio.enable is not true: the gateway has no cert-server, and no certificate for the mesh.",
                  fix,
                },
              ]),
          ...(usesIstioCertificates(globals)
            ? []
            : [
                {
                  object: globals.find((config) => !turnsIstioOn(config)) ?? release,
                  message: `${globals.some(turnsIstioOn) ? "it is one of several GlobalConfigs, and does not set" : "no GlobalConfig sets"} istio_enabled: the gateway would speak plain text to the workloads.`,
                  fix,
                },
              ]),
        ]);
    },
  },
  {
    name: "host-tls",
    description: "Every GatewayHost is served over TLS, 1.2 or newer.",
    level: "mandatory",
    scope: "object",
    find: (objects) =>
      each(objects, "GatewayHost").flatMap((host): Finding[] => {
        if (clientLegOf(host) !== "tls")
          return [
            {
              object: host,
              message: "it names no TLS Secret: the gateway would serve the host in clear text on port 80.",
              fix: "set spec.virtualhost.tls.secretName (component GatewayHost does)",
            },
          ];
        const version = at(host, "spec", "virtualhost", "tls", "minimumProtocolVersion");
        return oldestTlsOf(host) !== "1.1"
          ? []
          : [
              {
                object: host,
                message: `minimumProtocolVersion is ${version === undefined ? "not set" : JSON.stringify(version)}: EnRoute takes every word but 1.2 and 1.3 to mean TLS 1.1, which is broken.`,
                fix: 'set hosts[].minimumTlsVersion to "1.2" or "1.3"',
              },
            ];
      }),
  },
  {
    name: "host-insecure-routes",
    description: "No route is served without TLS (permitInsecure) unless the stack declares a reason.",
    level: "mandatory",
    scope: "object",
    find: (objects) =>
      [...each(objects, "GatewayHost"), ...each(objects, "ServiceRoute")].flatMap((object) =>
        undeclaredPlainRoutes(object).map((prefix) => ({
          object,
          message: `route ${prefix} has permitInsecure: it is served in clear text on port 80, too, and no reason is declared.`,
          fix: "remove it; or declare it in the stack: hosts[].routes[].permitInsecure with a reason",
        })),
      ),
  },
  {
    name: "gateway-ingresses",
    description: "The gateway may not list Ingresses, which it serves in clear text, unless the stack says why.",
    level: "mandatory",
    scope: "stack",
    find: (objects) =>
      gatewayNamespaces(objects)
        .flatMap((namespace) => ingressGrants(objects, namespace))
        .filter((binding) => annotation(binding, reasonAnnotation) === undefined)
        .map((object) => ({
          object,
          message:
            "the gateway may list Ingresses by it: EnRoute serves each without a class annotation in clear text on port 80, also one of another controller, and nobody has said why.",
          fix: "take the gateway out of its subjects; or declare it in gateway.ingresses of the stack, with a reason",
        })),
  },
  {
    name: "destination-rule-tls",
    description: "No DestinationRule turns TLS towards a workload off, or the check of its certificate.",
    level: "mandatory",
    scope: "object",
    find: (objects) =>
      each(objects, "DestinationRule").flatMap((rule) =>
        clientTlsProblems(rule).map(({ path, setting, effect }) => ({
          object: rule,
          message: `${path}.${setting}: sidecars would send requests to ${hostOf(rule)} ${effect}.`,
          fix: `remove ${path}: sidecars choose mutual TLS by themselves`,
        })),
      ),
  },
  {
    name: "only-from-gateway",
    description: "Where workloads take requests from the gateway alone, no other policy lets others in.",
    level: "mandatory",
    scope: "stack",
    find: (objects) =>
      each(objects, "AuthorizationPolicy")
        .filter(isOnlyFromGateway)
        .flatMap((own) => widening(own, objects)),
  },
  {
    name: "namespace-injection",
    description: "Namespaces of the gateway and of hosts are labelled for sidecars, and a namespace keeps its label.",
    level: "mandatory",
    scope: "stack",
    find: (objects, { previous = [] }) => {
      const namespaces = (among: readonly PolicyObject[]) => among.filter(({ kind }) => kind === "Namespace");
      const needed = new Map<string, string>();
      for (const namespace of namespaces(previous).filter(isInjected))
        needed.set(
          namespace.metadata.name,
          "it has the label today, and its pods would lose their sidecars at the next restart",
        );
      for (const { metadata } of each(objects, "GatewayHost"))
        if (metadata.namespace !== undefined)
          needed.set(metadata.namespace, "hosts route to pods in it, which have to speak mutual TLS");
      for (const release of objects.filter((object) => isRelease(object, "enroute")))
        if (release.metadata.namespace !== undefined)
          needed.set(release.metadata.namespace, "the gateway runs in it, and gets its certificate from a sidecar");
      const fix = "label it istio-injection=enabled or istio.io/rev=<revision>: list it in namespaces of the stack";
      return [
        ...[...needed].flatMap(([name, why]): Finding[] => {
          const found = namespaces(objects).filter(({ metadata }) => metadata.name === name);
          if (found.some(isInjected)) return [];
          const object = found[0] ?? `Namespace ${name}`;
          return neverInjected.includes(name)
            ? [
                {
                  object,
                  message: `Istio injects no pod of it, whatever its labels: ${why}.`,
                  fix: "use another namespace",
                },
              ]
            : [{ object, message: `no label has sidecars injected: ${why}.`, fix }];
        }),
        ...namespaces(objects)
          .filter(hasBothLabels)
          .map((object) => ({
            object,
            message: "it has both labels, istio-injection and istio.io/rev: Istio ignores the revision.",
            fix: "keep one of them",
          })),
      ];
    },
  },
];

function each(objects: readonly PolicyObject[], kind: string): PolicyObject[] {
  return objects.filter((object) => object.kind === kind);
}

function annotation({ metadata }: PolicyObject, key: string): string | undefined {
  const value = metadata.annotations?.[key]?.trim();
  return value === "" ? undefined : value;
}

/** Where a policy weakens mutual TLS. mtls-mesh-wide reports a mesh-wide one that sets nothing. */
function declaredWeak(policy: PolicyObject, objects: readonly PolicyObject[]) {
  // Judged by itself, without the release of istiod, a policy of the root namespace counts like any other.
  const root = meshRoots(objects).find((mesh) => mesh.root === policy.metadata.namespace)?.root;
  return weakModes(policy, root).filter(({ mode }) => mode !== "UNSET");
}

function isOnlyFromGateway({ metadata: { name } }: PolicyObject): boolean {
  return name === onlyFromGatewayName;
}

/** What lets others than the gateway call workloads that a policy keeps for it; that policy itself where it keeps nothing. */
function widening(own: PolicyObject, objects: readonly PolicyObject[]): Finding[] {
  const namespace = own.metadata.namespace ?? "";
  const [principal] = admitted(own);
  if (principal === unknownValue) return [];
  const roots = meshRoots(objects).map(({ root }) => root);
  const policies = each(objects, "AuthorizationPolicy");
  const reasons = (roots.length === 0 ? [namespace] : roots).flatMap((rootNamespace) =>
    notOnlyFrom(policies, { namespace, rootNamespace, principal: principal ?? "" }),
  );
  const fix = `narrow it to ${principal ?? "the gateway's identity"}; or take onlyFromGateway of ${namespace} away`;
  return reasons.map((reason) =>
    reason.state === "widened"
      ? {
          object: reason.policy,
          message: `it lets ${reason.others.join(", ")} call workloads of ${namespace}, which are for the gateway alone: Istio takes what any ALLOW policy takes.`,
          fix,
        }
      : {
          object: own,
          message:
            reason.state === "open"
              ? `sidecars do not obey it for all workloads of ${namespace}: they take requests from everybody.`
              : "it lets nobody in: the gateway's requests get 403.",
          fix: "leave it as the component OnlyFromGateway makes it",
        },
  );
}

/** Namespaces in which EnRoute runs: of its release, or of what its chart makes. */
function gatewayNamespaces(objects: readonly PolicyObject[]): string[] {
  const isGateway = (object: PolicyObject) =>
    isRelease(object, "enroute") ||
    (object.kind === "Deployment" &&
      object.metadata.labels?.["app.kubernetes.io/name"] === enroute.selector["app.kubernetes.io/name"]);
  return [...new Set(objects.filter(isGateway).flatMap(({ metadata }) => metadata.namespace ?? []))];
}

/** The root namespace of each mesh among the objects, and what installs that mesh. */
function meshRoots(objects: readonly PolicyObject[]): { root: string; mesh: PolicyObject }[] {
  const found = objects.flatMap((object) => {
    const isDeployment = object.kind === "Deployment" && object.metadata.labels?.["app"] === "istiod";
    if (!isDeployment && !isRelease(object, "istiod")) return [];
    const values = readByIstiod(asTree(object["values"]));
    const root = asText(at(values, "meshConfig", "rootNamespace")) ?? object.metadata.namespace;
    return root === undefined ? [] : [{ root, mesh: object }];
  });
  return found.filter(({ root }, index) => found.findIndex((other) => other.root === root) === index);
}
