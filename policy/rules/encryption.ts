import { insecureRoutesAnnotation, ownerAnnotation, reasonAnnotation, untilAnnotation } from "../../base/annotations";
import { isPast } from "../../mesh/mutual-tls-policies";
import { type Finding, type PolicyObject, type Rule, asList, asRecord, asText, at, isRelease } from "../rule";

/** Rules about the two encrypted legs: client → gateway and gateway → workload. */
export const encryptionRules: Rule[] = [
  {
    name: "mtls-strict",
    description: "No PeerAuthentication takes plain text, outside declared exceptions.",
    level: "mandatory",
    scope: "object",
    find: (objects) =>
      each(objects, "PeerAuthentication").flatMap((policy) => {
        const weak = modes(policy).filter(({ mode }) => isWeak(mode));
        if (weak.length === 0 || annotation(policy, reasonAnnotation) !== undefined) return [];
        return {
          object: policy,
          message: `${weak.map(({ path, mode }) => `${path} is ${String(mode)}`).join(", ")}: workloads would take plain text, and nobody has said why.`,
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
        if (!modes(policy).some(({ mode }) => isWeak(mode))) return [];
        if (annotation(policy, reasonAnnotation) === undefined) return []; // mtls-strict tells
        const [owner, until] = [ownerAnnotation, untilAnnotation].map((key) => annotation(policy, key));
        const missing = [...(owner === undefined ? ["owner"] : []), ...(until === undefined ? ["until"] : [])];
        const fix = "set owner and until of the exception in mutualTls.exceptions of the stack";
        if (missing.length > 0)
          return [
            {
              object: policy,
              message: `the exception has no ${missing.join(" and no ")}: it would stay for ever.`,
              fix,
            },
          ];
        const past = isPast(until!, now);
        if (past === undefined)
          return [
            {
              object: policy,
              message: `the exception's end ${until} is no date such as 2027-03-31: nobody could tell when it is over.`,
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
        const policies = each(objects, "PeerAuthentication").filter(
          ({ metadata, ...rest }) => metadata.namespace === root && at(rest, "spec", "selector") === undefined,
        );
        const fix = `keep PeerAuthentication ${root}/default with spec.mtls.mode STRICT (component MeshMutualTls)`;
        if (policies.length === 0)
          return [
            {
              object: mesh,
              message: `no policy in ${root} is for the whole mesh: Istio's default takes plain text.`,
              fix,
            },
          ];
        return policies
          .filter((policy) => at(policy, "spec", "mtls", "mode") !== "STRICT")
          .map((policy) => ({
            object: policy,
            message: `the mesh-wide mode is ${asText(at(policy, "spec", "mtls", "mode")) ?? "not set, which means PERMISSIVE"}: every workload without a policy of its own would take plain text.`,
            fix,
          }));
      }),
  },
  {
    name: "gateway-in-mesh",
    description: "The gateway speaks mutual TLS to the workloads: EnRoute's switches for Istio are on.",
    level: "mandatory",
    scope: "stack",
    find: (objects) => {
      const globals = each(objects, "GlobalConfig").filter(
        (object) => at(object, "spec", "type") === "globalconfig_globals",
      );
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
          ...(globals.some(isMeshConfig)
            ? []
            : [
                {
                  object: globals[0] ?? release,
                  message: "no GlobalConfig sets istio_enabled: the gateway would speak plain text to the workloads.",
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
        const tls = at(host, "spec", "virtualhost", "tls");
        if (asText(at(tls, "secretName")) === undefined)
          return [
            {
              object: host,
              message: "it names no TLS Secret: the gateway would serve the host in clear text on port 80.",
              fix: "set spec.virtualhost.tls.secretName (component GatewayHost does)",
            },
          ];
        const version = at(tls, "minimumProtocolVersion");
        return version === "1.2" || version === "1.3"
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
    description: "No route is served without TLS (permitInsecure) unless the stack says why.",
    level: "mandatory",
    scope: "object",
    find: (objects) =>
      [...each(objects, "GatewayHost"), ...each(objects, "ServiceRoute")].flatMap((object) => {
        const declared = declaredInsecureRoutes(object);
        return routes(object)
          .filter((route) => at(route, "permitInsecure") === true)
          .map((route) => asText(at(asList(at(route, "conditions"))[0], "prefix")) ?? "/")
          .filter((prefix) => asText(declared[prefix])?.trim() === undefined)
          .map((prefix) => ({
            object,
            message: `route ${prefix} has permitInsecure: it is served in clear text on port 80, too, and nobody has said why.`,
            fix: "remove it; or declare it in the stack: hosts[].routes[].permitInsecure with a reason",
          }));
      }),
  },
  {
    name: "destination-rule-tls",
    description: "No DestinationRule turns TLS towards a workload off, or the check of its certificate.",
    level: "mandatory",
    scope: "object",
    find: (objects) =>
      each(objects, "DestinationRule").flatMap((rule) =>
        clientTls(rule).flatMap(({ path, tls }): Finding[] => {
          const wrong =
            at(tls, "mode") === "DISABLE"
              ? "mode is DISABLE: sidecars would send plain text"
              : at(tls, "insecureSkipVerify") === true
                ? "insecureSkipVerify is true: sidecars would trust whoever answers"
                : undefined;
          return wrong === undefined
            ? []
            : [
                {
                  object: rule,
                  message: `${path}.${wrong} to ${asText(at(rule, "spec", "host")) ?? "its hosts"}.`,
                  fix: `remove ${path}: sidecars choose mutual TLS by themselves`,
                },
              ];
        }),
      ),
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
          return found.some(isInjected)
            ? []
            : [{ object: found[0] ?? `Namespace ${name}`, message: `no label has sidecars injected: ${why}.`, fix }];
        }),
        ...namespaces(objects)
          .filter(
            ({ metadata }) =>
              metadata.labels?.["istio-injection"] !== undefined && metadata.labels["istio.io/rev"] !== undefined,
          )
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

function modes(policy: PolicyObject): { path: string; mode: unknown }[] {
  return [
    { path: "mtls.mode", mode: at(policy, "spec", "mtls", "mode") },
    ...Object.entries(asRecord(at(policy, "spec", "portLevelMtls"))).map(([port, value]) => ({
      path: `portLevelMtls.${port}.mode`,
      mode: at(value, "mode"),
    })),
  ];
}

/** UNSET, and no mode at all, inherit what holds around the policy. */
function isWeak(mode: unknown): boolean {
  return mode !== undefined && mode !== "STRICT" && mode !== "UNSET";
}

/** The root namespace of each mesh among the objects, and what installs that mesh. */
function meshRoots(objects: readonly PolicyObject[]): { root: string; mesh: PolicyObject }[] {
  const found = objects.flatMap((object) => {
    const isDeployment = object.kind === "Deployment" && object.metadata.labels?.["app"] === "istiod";
    if (!isDeployment && !isRelease(object, "istiod")) return [];
    const root = asText(at(object, "values", "meshConfig", "rootNamespace")) ?? object.metadata.namespace;
    return root === undefined ? [] : [{ root, mesh: object }];
  });
  return found.filter(({ root }, index) => found.findIndex((other) => other.root === root) === index);
}

function isMeshConfig(config: PolicyObject): boolean {
  try {
    return at(JSON.parse(asText(at(config, "spec", "config")) ?? "{}"), "istio_enabled") === true;
  } catch {
    return false;
  }
}

function routes(object: PolicyObject): unknown[] {
  return object.kind === "ServiceRoute" ? [at(object, "spec", "route")].flat() : asList(at(object, "spec", "routes"));
}

function declaredInsecureRoutes(object: PolicyObject): Record<string, unknown> {
  try {
    return asRecord(JSON.parse(annotation(object, insecureRoutesAnnotation) ?? "{}"));
  } catch {
    return {};
  }
}

function isInjected({ metadata: { labels = {} } }: PolicyObject): boolean {
  return labels["istio-injection"] === "enabled" || (labels["istio.io/rev"] ?? "") !== "";
}

/** The TLS settings of a DestinationRule, wherever they stand. */
function clientTls(rule: PolicyObject): { path: string; tls: unknown }[] {
  const policies = [
    { path: "spec.trafficPolicy", policy: at(rule, "spec", "trafficPolicy") },
    ...asList(at(rule, "spec", "subsets")).map((subset, index) => ({
      path: `spec.subsets[${index}].trafficPolicy`,
      policy: at(subset, "trafficPolicy"),
    })),
  ];
  return policies.flatMap(({ path, policy }) => [
    { path: `${path}.tls`, tls: at(policy, "tls") },
    ...asList(at(policy, "portLevelSettings")).map((settings, index) => ({
      path: `${path}.portLevelSettings[${index}].tls`,
      tls: at(settings, "tls"),
    })),
  ]);
}
