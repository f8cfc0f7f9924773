import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type {
  V1ClusterRole,
  V1ClusterRoleBinding,
  V1ConfigMap,
  V1CustomResourceDefinition,
  V1Deployment,
  V1Ingress,
  V1NetworkPolicy,
  V1PersistentVolumeClaim,
  V1Service,
  V1ServiceAccount,
} from "@kubernetes/client-node";
import { parse, parseAllDocuments } from "yaml";
import { enrouteValues } from "../../mesh/enroute-values";
import { baseWithout, istioDefinitions } from "../../mesh/istio-definitions";
import { kialiValues } from "../../components/observability/kiali";
import { prometheusValues } from "../../components/observability/prometheus";
import { buildBinaries } from "../../sandbox/build";

type Values = Record<string, unknown>;
interface Rendered {
  apiVersion?: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  spec?: unknown;
}

/** Release and namespace that the product uses for each chart. */
const releases = {
  enroute: { release: "enroute-istio", namespace: "enroute-system" },
  "kiali-server": { release: "kiali-server", namespace: "istio-system" },
  prometheus: { release: "prometheus", namespace: "monitoring" },
} as const;
type Chart = keyof typeof releases;

const charts = join(__dirname, "../../sandbox/charts");
let helm: string;
let istioCharts: string;

/** What `helm template` prints; a value of null deletes the chart's default. */
function text(chart: Chart, values: Values = {}, release: string = releases[chart].release, flags: string[] = []) {
  const args = ["template", release, join(charts, chart), "--namespace", releases[chart].namespace, "-f", "-"];
  return execFileSync(helm, [...args, ...flags], { encoding: "utf8", input: JSON.stringify(values), stdio: "pipe" });
}

function objects(chart: Chart, values: Values = {}, release?: string, flags?: string[]): Rendered[] {
  return parseAllDocuments(text(chart, values, release, flags))
    .map((document) => {
      assert.deepEqual(document.errors, []);
      return document.toJS() as Rendered | null;
    })
    .filter((object) => object !== null);
}

/** Kind and name of everything rendered, in the order of installation. */
function list(chart: Chart, values: Values = {}, release?: string): string[] {
  return objects(chart, values, release).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
}

function one<T>(rendered: Rendered[], kind: string): T {
  const found = rendered.filter((object) => object.kind === kind);
  assert.equal(found.length, 1, `${found.length} of ${kind}`);
  return found[0] as T;
}

function get<T>(chart: Chart, kind: string, values: Values = {}, release?: string, flags?: string[]): T {
  return one<T>(objects(chart, values, release, flags), kind);
}

function deployment(chart: Chart, values: Values = {}, release?: string) {
  const object = get<V1Deployment>(chart, "Deployment", values, release);
  const spec = object.spec!;
  const pod = spec.template.spec!;
  const container = (name: string) => {
    const found = [...pod.containers, ...(pod.initContainers ?? [])].find((each) => each.name === name);
    assert.ok(found, `no container ${name}`);
    return found;
  };
  return { object, spec, pod, template: spec.template.metadata!, container };
}

const names = (entries: { name: string }[] | undefined) => (entries ?? []).map(({ name }) => name);

describe("The sandbox's charts", function () {
  // A helm process for each rendering; and the machine may be busy building.
  this.timeout(60_000);

  before(async function () {
    this.timeout(0);
    ({ helm, charts: istioCharts } = await buildBinaries());
  });

  it("are, for Istio, the real ones: the CRDs are those of the product's list, and can be left out one by one", () => {
    const [chart] = readdirSync(istioCharts).filter((name) => name.startsWith("base-"));
    const definitions = (values: Values) => {
      const args = ["template", "istio-base", join(istioCharts, chart!), "-f", "-"];
      const rendered = execFileSync(helm, args, { encoding: "utf8", input: JSON.stringify(values), maxBuffer: 1e8 });
      const parsed = parseAllDocuments(rendered).map((document) => document.toJS() as Rendered | null);
      return parsed.flatMap((object) => (object?.kind === "CustomResourceDefinition" ? [object.metadata.name] : []));
    };
    assert.deepEqual(definitions({}).sort(), [...istioDefinitions].sort());
    assert.deepEqual(definitions(baseWithout(istioDefinitions.slice(1), {})), istioDefinitions.slice(0, 1));
  });

  it("bear the published names and versions, and say that they are stand-ins", () => {
    const versions = {
      enroute: ["0.8.7", "v0.1.0"],
      "kiali-server": ["2.29.0", "v2.29.0"],
      prometheus: ["29.27.0", "v3.14.0"],
    };
    for (const [chart, [version, appVersion]] of Object.entries(versions)) {
      const shown = execFileSync(helm, ["show", "chart", join(charts, chart)], { encoding: "utf8" });
      const { description, ...rest } = parse(shown) as Values & { description: string };
      assert.deepEqual([rest["name"], rest["version"], rest["appVersion"]], [chart, version, appVersion]);
      assert.match(description, /sandbox's stand-in/);
    }
  });

  it("render alike twice, save for the signing key that Kiali draws", () => {
    assert.equal(text("enroute", { istio: { enable: true } }), text("enroute", { istio: { enable: true } }));
    const off = prometheusValues({});
    assert.equal(text("prometheus", off), text("prometheus", off));
    const pinned = { login_token: { signing_key: "0123456789abcdef" } };
    assert.equal(text("kiali-server", pinned), text("kiali-server", pinned));
    assert.notEqual(text("kiali-server"), text("kiali-server"));
  });

  it("take the values that the product gives them", () => {
    const images = { redis: { tag: "7.4.1" } };
    const workloadCertificate = { ttl: "1h", outputPath: "/certs" };
    const gateway = deployment(
      "enroute",
      enrouteValues({ replicas: 2, images, logLevel: "info", workloadCertificate, ingresses: "left alone" }),
    );
    assert.deepEqual(parse(gateway.template.annotations!["proxy.istio.io/config"]!), {
      proxyMetadata: { OUTPUT_CERTS: "/certs", SECRET_TTL: "1h" },
    });
    assert.equal(gateway.container("redis").image, "redis:7.4.1");
    assert.equal(gateway.spec.replicas, 2);

    const url = "http://prometheus-server.monitoring";
    const kiali = parse(
      get<V1ConfigMap>("kiali-server", "ConfigMap", kialiValues({ namespace: "istio-system", prometheusUrl: url }))
        .data!["config.yaml"]!,
    ) as { external_services: { prometheus: { url: string } } };
    assert.equal(kiali.external_services.prometheus.url, url);

    const server = deployment("prometheus", prometheusValues({ retention: "3d", storage: "1Gi" }));
    assert.ok(server.container("prometheus-server").args!.includes("--storage.tsdb.retention.time=3d"));
  });

  describe("enroute", () => {
    const mesh = { istio: { enable: true } };

    it("makes exactly four objects, with no binding for its role and no namespace of their own", () => {
      const rendered = objects("enroute");
      assert.deepEqual(list("enroute"), [
        "ServiceAccount enroute",
        "ClusterRole enroute",
        "Service enroute",
        "Deployment enroute",
      ]);
      assert.deepEqual(
        rendered.filter(({ metadata }) => metadata.namespace !== undefined),
        [],
      );
    });

    it("grants the gateway what the published chart grants, and no more", () => {
      const role = get<V1ClusterRole>("enroute", "ClusterRole");
      assert.equal(role.metadata!.labels, undefined);
      const read = ["get", "list", "watch"];
      assert.deepEqual(role.rules, [
        {
          apiGroups: [""],
          resources: ["configmaps", "endpoints", "nodes", "pods", "secrets"],
          verbs: ["list", "watch"],
        },
        { apiGroups: [""], resources: ["nodes"], verbs: ["get"] },
        { apiGroups: [""], resources: ["services"], verbs: read },
        { apiGroups: ["networking.k8s.io"], resources: ["ingresses"], verbs: read },
        {
          apiGroups: ["enroute.saaras.io"],
          resources: [
            "ingresses",
            "gatewayhosts",
            "serviceroutes",
            "globalconfigs",
            "httpfilters",
            "routefilters",
            "tlscertificatedelegations",
          ],
          verbs: [...read, "put", "post", "patch"],
        },
      ]);
    });

    it("names its objects after fullnameOverride, and after the release only where that is emptied", () => {
      const name = (values: Values, release: string) => deployment("enroute", values, release).object.metadata!.name;
      assert.equal(name({}, "other"), "enroute");
      assert.equal(name({ fullnameOverride: "" }, "other"), "other-enroute");
      assert.equal(name({ fullnameOverride: "" }, "my-enroute-2"), "my-enroute-2");
      assert.equal(name({ nameOverride: "gateway" }, "other"), "enroute");
    });

    it("labels its objects, and its pods with the selector's two labels only", () => {
      const selector = { "app.kubernetes.io/name": "enroute", "app.kubernetes.io/instance": "enroute-istio" };
      const all = {
        ...selector,
        "helm.sh/chart": "enroute-0.8.7",
        "app.kubernetes.io/version": "v0.1.0",
        "app.kubernetes.io/managed-by": "Helm",
      };
      const { object, spec, template } = deployment("enroute");
      const service = get<V1Service>("enroute", "Service");
      assert.deepEqual(
        [object, service].map(({ metadata }) => metadata!.labels),
        [all, all],
      );
      assert.deepEqual(get<V1ServiceAccount>("enroute", "ServiceAccount").metadata!.labels, all);
      assert.deepEqual(
        [spec.selector.matchLabels, template.labels, service.spec!.selector],
        [selector, selector, selector],
      );
    });

    it("runs enroute, redis and envoy, and with istio.enable cert-server behind enroute", () => {
      assert.deepEqual(names(deployment("enroute").pod.containers), ["enroute", "redis", "envoy"]);
      const { pod, container } = deployment("enroute", mesh);
      assert.deepEqual(names(pod.containers), ["enroute", "cert-server", "redis", "envoy"]);
      assert.deepEqual(names(pod.initContainers), ["envoy-initconfig"]);
      assert.deepEqual(container("cert-server"), {
        name: "cert-server",
        image: "saarasio/cert-server:v0.1.0",
        imagePullPolicy: "Always",
        command: ["/usr/local/bin/cert-server"],
        args: ["--port", "8005", "--loglevel", "info"],
        ports: [{ name: "tcp", containerPort: 8005, protocol: "TCP" }],
        resources: {},
        securityContext: { privileged: false, readOnlyRootFilesystem: true },
        volumeMounts: [
          { name: "istio-certs", mountPath: "/etc/istio-certs/" },
          { name: "enroute-config", mountPath: "/config" },
        ],
      });
      assert.deepEqual(pod.volumes, [
        { name: "istio-certs", emptyDir: { medium: "Memory" } },
        { name: "enroute-config", emptyDir: {} },
      ]);
      assert.deepEqual(deployment("enroute").pod.volumes, [{ name: "enroute-config", emptyDir: {} }]);
    });

    it("starts, probes and mounts its containers as published", () => {
      const { container } = deployment("enroute");
      const health = { path: "/healthz", port: 8000 };
      const numbers = {
        initialDelaySeconds: 5,
        periodSeconds: 5,
        timeoutSeconds: 2,
        successThreshold: 1,
        failureThreshold: 3,
      };
      const config = [{ name: "enroute-config", mountPath: "/config" }];

      const enroute = container("enroute");
      assert.deepEqual(
        [enroute.image, enroute.imagePullPolicy, enroute.command],
        ["saarasio/enroute-gwi:v0.1.0", "Always", ["/bin/enroute"]],
      );
      assert.deepEqual(enroute.args, [
        "serve",
        "--incluster",
        "--envoy-service-http-port",
        "8080",
        "--envoy-service-https-port",
        "8443",
        "--mode-ingress",
        "--enable-ratelimit",
      ]);
      assert.deepEqual(
        [enroute.livenessProbe, enroute.readinessProbe],
        [
          { httpGet: health, ...numbers },
          { httpGet: health, ...numbers },
        ],
      );
      assert.deepEqual([enroute.ports, enroute.env, enroute.volumeMounts], [undefined, undefined, config]);

      const redis = container("redis");
      assert.deepEqual(
        [redis.image, redis.command, redis.args],
        ["redis:latest", ["redis-server"], ["--port", "6379", "--loglevel", "verbose"]],
      );
      assert.deepEqual([redis.readinessProbe, redis.ports, redis.volumeMounts], [undefined, undefined, undefined]);

      const envoy = container("envoy");
      assert.deepEqual([envoy.image, envoy.command], ["envoyproxy/envoy:v1.27.0", ["envoy"]]);
      assert.deepEqual(envoy.args, [
        "--config-path /config/enroute.json",
        "--service-cluster $(ENROUTE_NAMESPACE)",
        "--service-node $(ENVOY_POD_NAME)",
        "--log-level debug",
      ]);
      assert.deepEqual(envoy.ports, [
        { name: "http", containerPort: 8080 },
        { name: "https", containerPort: 8443 },
      ]);
      assert.deepEqual(envoy.readinessProbe, { httpGet: health, initialDelaySeconds: 3, periodSeconds: 3 });
      assert.equal(envoy.livenessProbe, undefined);
      assert.deepEqual(names(envoy.env), ["ENROUTE_NAMESPACE", "ENVOY_POD_NAME"]);
      assert.deepEqual(envoy.volumeMounts, config);

      const init = container("envoy-initconfig");
      assert.deepEqual(
        [init.image, init.command, init.args, init.volumeMounts],
        ["saarasio/enroute-gwi:v0.1.0", ["/bin/enroute"], ["bootstrap", "/config/enroute.json"], config],
      );
      for (const name of ["enroute", "redis", "envoy"]) {
        assert.deepEqual(container(name).securityContext, { privileged: false, readOnlyRootFilesystem: true });
        assert.deepEqual(container(name).resources, {});
      }
    });

    it("annotates its pods, with istio.enable for the sidecar too", () => {
      const own = {
        "prometheus.io/path": "/stats/prometheus",
        "prometheus.io/port": "8002",
        "prometheus.io/scrape": "true",
      };
      assert.deepEqual(deployment("enroute").template.annotations, own);
      const annotations = deployment("enroute", mesh).template.annotations!;
      const { "proxy.istio.io/config": config, "sidecar.istio.io/userVolumeMount": mount, ...rest } = annotations;
      assert.deepEqual(parse(config!), { proxyMetadata: { OUTPUT_CERTS: "/etc/istio-certs" } });
      assert.deepEqual(JSON.parse(mount!), [{ name: "istio-certs", mountPath: "/etc/istio-certs" }]);
      assert.deepEqual(rest, {
        ...own,
        "traffic.sidecar.istio.io/includeInboundPorts": "",
        "traffic.sidecar.istio.io/includeOutboundIPRanges": "",
      });
    });

    it("makes the Service a LoadBalancer whatever service.type says", () => {
      const given = { type: "ClusterIP", externalTrafficPolicy: "Local", annotations: { on: true, map: { b: "c" } } };
      const { metadata, spec } = get<V1Service>("enroute", "Service", { service: given });
      assert.equal(spec!.type, "LoadBalancer");
      assert.equal(spec!.externalTrafficPolicy, undefined);
      assert.deepEqual(metadata!.annotations, { on: "true", map: "map[b:c]" });
      assert.deepEqual(spec!.ports, [
        { name: "http", port: 80, targetPort: 8080, protocol: "TCP" },
        { name: "https", port: 443, targetPort: 8443, protocol: "TCP" },
      ]);
      const ports = get<V1Service>("enroute", "Service", { service: { ports: [{ port: 8080 }] } }).spec!.ports;
      assert.deepEqual(ports, [{ name: null, port: 8080 }]);
    });

    it("turns values into the fields that the published chart turns them into", () => {
      const values = {
        replicaCount: 3,
        images: {
          enrouteService: { repository: "here/enroute", tag: "v9", pullPolicy: "IfNotPresent" },
          envoy: { tag: null },
          redis: { repository: "redis@sha256", tag: "0a1b" },
        },
        resources: { redis: { limits: { memory: "64Mi" } } },
        service: { useProxyProtocol: true },
        envoySettings: { logLevel: "info" },
        livenessProbe: { periodSeconds: 9 },
        nodeSelector: { disk: "fast" },
        tolerations: [{ operator: "Exists" }],
        imagePullSecrets: [{ name: "registry" }],
        affinity: { podAntiAffinity: null },
        serviceAccount: { name: "gateway", annotations: { team: "edge" } },
      };
      const { spec, pod, container } = deployment("enroute", values);
      assert.equal(spec.replicas, 3);
      for (const name of ["enroute", "envoy-initconfig"]) {
        assert.deepEqual([container(name).image, container(name).imagePullPolicy], ["here/enroute:v9", "IfNotPresent"]);
      }
      assert.equal(container("envoy").image, "envoyproxy/envoy:latest");
      assert.equal(container("redis").image, "redis@sha256:0a1b");
      assert.deepEqual(container("redis").resources, { limits: { memory: "64Mi" } });
      assert.equal(container("enroute").args!.at(-1), "--use-proxy-protocol");
      assert.equal(container("envoy").args!.at(-1), "--log-level info");
      assert.equal(container("enroute").livenessProbe!.periodSeconds, 9);
      assert.deepEqual(
        [pod.nodeSelector, pod.tolerations, pod.imagePullSecrets, pod.affinity, pod.serviceAccountName],
        [values.nodeSelector, values.tolerations, values.imagePullSecrets, undefined, "gateway"],
      );
      const { metadata } = get<V1ServiceAccount>("enroute", "ServiceAccount", values);
      assert.deepEqual([metadata!.name, metadata!.annotations], ["gateway", { team: "edge" }]);
    });

    it("drops the role along with the service account", () => {
      const without = { serviceAccount: { create: false } };
      assert.deepEqual(list("enroute", without), ["Service enroute", "Deployment enroute"]);
      assert.equal(deployment("enroute", without).pod.serviceAccountName, "default");
      const legacy = { ...without, enrouteService: { rbac: { create: true } } };
      assert.equal(list("enroute", legacy)[0], "ServiceAccount default");
    });

    describe("keeps the published chart's traps:", () => {
      it("an autoscaler of an API version that Kubernetes no longer serves", () => {
        const values = { autoscaling: { enabled: true, targetMemoryUtilizationPercentage: 70 } };
        const scaler = get<Rendered>("enroute", "HorizontalPodAutoscaler", values);
        assert.equal(scaler.apiVersion, "autoscaling/v2beta1");
        assert.deepEqual(scaler.spec, {
          minReplicas: 1,
          maxReplicas: 100,
          scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "enroute" },
          metrics: [
            { type: "Resource", resource: { name: "cpu", targetAverageUtilization: 80 } },
            { type: "Resource", resource: { name: "memory", targetAverageUtilization: 70 } },
          ],
        });
        assert.equal(deployment("enroute", values).spec.replicas, undefined);
      });

      it("a mesh-wide policy named global in istio-system, with or without istio.enable", () => {
        const policy = get<Rendered>("enroute", "PeerAuthentication", { istio: { strictmtls: true } });
        assert.deepEqual(policy.metadata, { name: "global", namespace: "istio-system" });
        assert.deepEqual(policy.spec, { mtls: { mode: "STRICT" } });
      });

      it("a GlobalConfig without apiVersion for mesh.linkerD", () => {
        const config = get<Rendered>("enroute", "GlobalConfig", { mesh: { linkerD: true } });
        assert.equal(config.apiVersion, undefined);
        assert.equal(config.metadata.name, "enroute-linkerd");
        const spec = config.spec as { name: string; type: string; config: string };
        assert.deepEqual([spec.name, spec.type], ["linkerd-global-config", "globalconfig_globals"]);
        assert.deepEqual(JSON.parse(spec.config), { linkerd_enabled: true });
      });

      it("an invalid manifest where podAnnotations are emptied and istio.enable is on", () => {
        assert.equal(deployment("enroute", { podAnnotations: null }).template.annotations, undefined);
        assert.throws(
          () => text("enroute", { podAnnotations: null, ...mesh }),
          /YAML parse error on .*deployment\.yaml/,
        );
      });

      it("a key twice where both maps of annotations have it", () => {
        const key = "sidecar.istio.io/userVolumeMount";
        const documents = parseAllDocuments(text("enroute", { podAnnotations: { [key]: "[]" }, ...mesh }));
        assert.deepEqual(
          documents.flatMap(({ errors }) => errors.map(({ code }) => code)),
          ["DUPLICATE_KEY"],
        );
      });

      it("an anti-affinity for a label that its pods lack", () => {
        const { pod, template } = deployment("enroute");
        const [rule] = pod.affinity!.podAntiAffinity!.preferredDuringSchedulingIgnoredDuringExecution!;
        assert.deepEqual(rule!.podAffinityTerm.labelSelector!.matchLabels, { app: "enroute" });
        assert.equal(template.labels!["app"], undefined);
      });
    });

    describe("has custom resource definitions that", () => {
      const definitions = () =>
        objects("enroute", {}, undefined, ["--include-crds"])
          .filter(({ kind }) => kind === "CustomResourceDefinition")
          .map((object) => object as unknown as V1CustomResourceDefinition);

      it("are seven, in crds/, namespaced, of version v1 only", () => {
        assert.deepEqual(
          definitions()
            .map(({ spec }) =>
              [
                spec.group,
                spec.scope,
                spec.names.kind,
                spec.names.plural,
                ...spec.versions.map(({ name }) => name),
              ].join(" "),
            )
            .sort(),
          [
            "GatewayHost gatewayhosts",
            "GlobalConfig globalconfigs",
            "HttpFilter httpfilters",
            "PolicyOverlay policyoverlays",
            "RouteFilter routefilters",
            "ServiceRoute serviceroutes",
            "TLSCertificateDelegation tlscertificatedelegations",
          ].map((names) => `enroute.saaras.io Namespaced ${names} v1`),
        );
        assert.deepEqual(
          list("enroute").filter((object) => object.startsWith("CustomResourceDefinition")),
          [],
        );
      });

      it("have a status subresource and printer columns for GatewayHosts alone", () => {
        const special = definitions().filter(
          ({ spec }) => spec.versions[0]!.subresources ?? spec.versions[0]!.additionalPrinterColumns,
        );
        assert.deepEqual(
          special.map(({ spec }) => [spec.names.kind, spec.names.shortNames]),
          [["GatewayHost", ["gwhost", "gwhosts"]]],
        );
        assert.deepEqual(names(special[0]!.spec.versions[0]!.additionalPrinterColumns), [
          "FQDN",
          "TLS Secret",
          "Status",
          "Status Description",
        ]);
      });

      it("require of a GatewayHost what the gateway cannot do without", () => {
        const host = definitions().find(({ spec }) => spec.names.kind === "GatewayHost")!.spec.versions[0]!;
        const required: string[] = [];
        collectRequired(host.schema!.openAPIV3Schema!, "", required);
        const service = "spec.routes[].services[]";
        const tcp = "spec.tcpproxy.services[]";
        const health = "path,intervalSeconds,timeoutSeconds,healthyThresholdCount,unhealthyThresholdCount";
        assert.deepEqual(
          required.sort(),
          [
            ": metadata,spec",
            "spec: routes",
            "spec.virtualhost: fqdn",
            "spec.routes[].conditions[].header: name",
            "spec.routes[].delegate: name",
            "spec.routes[].retryPolicy: count",
            "spec.routes[].timeoutPolicy: request",
            "spec.tcpproxy.delegate: name",
            "status: currentStatus,description",
            ...[service, tcp].flatMap((path) => [
              `${path}: name,port`,
              `${path}.validation: caSecret,subjectName`,
              `${path}.clientvalidation: caSecret,subjectName`,
              `${path}.healthCheck: ${health}`,
            ]),
          ].sort(),
        );
      });

      it("hold the same route in a ServiceRoute as in a GatewayHost", () => {
        const spec = (kind: string) => {
          const { versions } = definitions().find((each) => each.spec.names.kind === kind)!.spec;
          return versions[0]!.schema!.openAPIV3Schema!.properties!["spec"]!;
        };
        const host = spec("GatewayHost");
        const route = spec("ServiceRoute");
        assert.deepEqual([host.required, route.required], [["routes"], ["fqdn", "route"]]);
        assert.deepEqual(
          strip(route.properties!["route"]),
          strip((host.properties!["routes"] as { items: unknown }).items),
        );
      });
    });
  });

  describe("kiali-server", () => {
    const pinned = { login_token: { signing_key: "0123456789abcdef" } };
    const config = (values: Values) =>
      parse(get<V1ConfigMap>("kiali-server", "ConfigMap", values).data!["config.yaml"]!) as Record<string, Values>;

    it("makes exactly seven objects, all but the roles in the release's namespace", () => {
      const rendered = objects("kiali-server", pinned, "another-release");
      assert.deepEqual(
        rendered.map(({ kind, metadata }) => `${kind} ${metadata.name} ${metadata.namespace}`),
        [
          "NetworkPolicy kiali istio-system",
          "ServiceAccount kiali istio-system",
          "ConfigMap kiali istio-system",
          "ClusterRole kiali-viewer undefined",
          "ClusterRoleBinding kiali-viewer undefined",
          "Service kiali istio-system",
          "Deployment kiali istio-system",
        ],
      );
    });

    it("labels its objects and its pods alike, so that a new chart rolls the pods", () => {
      const labels = {
        "helm.sh/chart": "kiali-server-2.29.0",
        app: "kiali",
        "app.kubernetes.io/name": "kiali",
        "app.kubernetes.io/instance": "kiali",
        version: "v2.29.0",
        "app.kubernetes.io/version": "v2.29.0",
        "app.kubernetes.io/part-of": "kiali",
      };
      const { object, spec, template } = deployment("kiali-server", pinned);
      assert.deepEqual([object.metadata!.labels, template.labels], [labels, labels]);
      assert.deepEqual(spec.selector.matchLabels, {
        "app.kubernetes.io/name": "kiali",
        "app.kubernetes.io/instance": "kiali",
      });
    });

    it("writes nearly all values into config.yaml, unknown ones too, with what it works out itself", () => {
      const given = config({ ...pinned, foo: { bar: 1 }, kiali_route_url: "https://kiali.example" });
      assert.deepEqual(given["foo"], { bar: 1 });
      assert.equal("kiali_route_url" in given, false);
      assert.deepEqual(
        [given["auth"]!["strategy"], given["server"]!["web_root"], given["deployment"]!["namespace"]],
        ["token", "/kiali", "istio-system"],
      );
      assert.deepEqual(given["external_services"]!["istio"], { root_namespace: "istio-system" });
      assert.deepEqual(given["identity"], { cert_file: "", private_key_file: "" });
    });

    it("draws a signing key of 32 characters where none is given, and hashes the configuration that has it", () => {
      const rendered = objects("kiali-server");
      const data = one<V1ConfigMap>(rendered, "ConfigMap").data!["config.yaml"]!;
      assert.match(
        (parse(data) as { login_token: { signing_key: string } }).login_token.signing_key,
        /^[A-Za-z0-9]{32}$/,
      );
      const checksum = (values: Values) => deployment("kiali-server", values).template.annotations!["checksum/config"]!;
      assert.match(checksum({}), /^[0-9a-f]{64}$/);
      assert.notEqual(checksum(pinned), checksum({ ...pinned, foo: "bar" }));
      assert.equal(checksum(pinned), checksum(pinned));
    });

    it("mounts a signing key given as secret:<name>:<key> instead of writing it down", () => {
      const values = { login_token: { signing_key: "secret:keys:signing" } };
      const { pod, container } = deployment("kiali-server", values);
      assert.deepEqual(pod.volumes!.at(-1), {
        name: "login-token-signing-key",
        secret: { secretName: "keys", items: [{ key: "signing", path: "value.txt" }] },
      });
      assert.deepEqual(container("kiali").volumeMounts!.at(-1), {
        name: "login-token-signing-key",
        mountPath: "/kiali-override-secrets/login-token-signing-key",
        readOnly: true,
      });
      assert.deepEqual(config(values)["login_token"], { signing_key: "secret:keys:signing" });
    });

    it("mounts the credentials of services in use, and of those only", () => {
      const auth = { username: "secret:a:user", cert_file: "secret:b:tls.crt", token: "in clear" };
      const values = { ...pinned, external_services: { prometheus: { auth }, grafana: { enabled: false, auth } } };
      const { pod } = deployment("kiali-server", values);
      assert.deepEqual(pod.volumes!.slice(5), [
        { name: "prometheus-cert", secret: { secretName: "b", items: [{ key: "tls.crt", path: "tls.crt" }] } },
        { name: "prometheus-username", secret: { secretName: "a", items: [{ key: "user", path: "value.txt" }] } },
      ]);
    });

    it("runs one restricted container whose optional Secrets and ConfigMaps may be missing", () => {
      const { spec, pod, template, container } = deployment("kiali-server", pinned);
      assert.deepEqual(names(pod.containers), ["kiali"]);
      const kiali = container("kiali");
      assert.deepEqual([kiali.image, kiali.imagePullPolicy], ["quay.io/kiali/kiali:v2.29.0", "Always"]);
      assert.deepEqual(kiali.command, ["/opt/kiali/kiali", "-config", "/kiali-configuration/config.yaml"]);
      assert.deepEqual(kiali.ports, [
        { name: "api-port", containerPort: 20001 },
        { name: "http-metrics", containerPort: 9090 },
      ]);
      assert.deepEqual(kiali.resources, { requests: { cpu: "10m", memory: "64Mi" }, limits: { memory: "1Gi" } });
      const httpGet = { path: "/kiali/healthz", port: "api-port", scheme: "HTTP" };
      assert.deepEqual(
        [kiali.readinessProbe, kiali.livenessProbe, kiali.startupProbe],
        [
          { httpGet, initialDelaySeconds: 5, periodSeconds: 30 },
          { httpGet, initialDelaySeconds: 5, periodSeconds: 30 },
          { httpGet, initialDelaySeconds: 30, periodSeconds: 10, failureThreshold: 6 },
        ],
      );
      assert.deepEqual(kiali.securityContext, {
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
        privileged: false,
        readOnlyRootFilesystem: true,
        runAsNonRoot: true,
        seccompProfile: { type: "RuntimeDefault" },
      });
      const { "checksum/config": checksum, ...annotations } = template.annotations!;
      assert.ok(checksum);
      assert.deepEqual(annotations, {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "9090",
        "prometheus.io/scheme": "http",
        "kiali.io/dashboards": "go,kiali",
        "proxy.istio.io/config": '{ "holdApplicationUntilProxyStarts": true }',
      });
      assert.deepEqual(pod.volumes, [
        { name: "kiali-configuration", configMap: { name: "kiali" } },
        { name: "kiali-cert", secret: { secretName: "istio.kiali-service-account", optional: true } },
        { name: "kiali-secret", secret: { secretName: "kiali", optional: true } },
        { name: "kiali-cabundle", configMap: { name: "kiali-cabundle", optional: true } },
        { name: "kiali-multi-cluster-secret", secret: { secretName: "kiali-multi-cluster-secret", optional: true } },
      ]);
      assert.deepEqual(
        [spec.replicas, spec.strategy],
        [1, { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } }],
      );
    });

    it("opens the two ports in the Service and in the NetworkPolicy, and one without metrics", () => {
      const quiet = { ...pinned, server: { observability: { metrics: { enabled: false } } } };
      const ports = (values: Values) => [
        get<V1Service>("kiali-server", "Service", values).spec!.ports!.map(({ name, port }) => `${name} ${port}`),
        get<V1NetworkPolicy>("kiali-server", "NetworkPolicy", values).spec!.ingress![0]!.ports!.map(({ port }) => port),
      ];
      assert.deepEqual(ports(pinned), [
        ["http 20001", "http-metrics 9090"],
        [20001, 9090],
      ]);
      assert.deepEqual(ports(quiet), [["http 20001"], [20001]]);
      const { metadata, spec } = get<V1Service>("kiali-server", "Service", pinned);
      assert.deepEqual([metadata!.annotations, spec!.type], [null, undefined]);
    });

    it("may read the mesh but no Secrets, and change it only for anonymous users without view_only_mode", () => {
      const rules = (values: Values) =>
        get<V1ClusterRole>("kiali-server", "ClusterRole", { ...pinned, ...values }).rules!;
      const verbs = (values: Values) => [...new Set(rules(values).flatMap((rule) => rule.verbs))].sort();
      const creates = rules({}).filter((rule) => rule.verbs.includes("create"));
      assert.deepEqual(verbs({}), ["create", "get", "list", "watch"]);
      assert.deepEqual(
        creates.flatMap((rule) => rule.resources),
        ["pods/portforward", "tokenreviews"],
      );
      assert.equal(
        rules({}).some((rule) => rule.resources!.includes("secrets")),
        false,
      );

      const anonymous = { auth: { strategy: "anonymous" } };
      assert.deepEqual(verbs(anonymous), ["create", "delete", "get", "list", "patch", "watch"]);
      const binding = get<V1ClusterRoleBinding>("kiali-server", "ClusterRoleBinding", { ...pinned, ...anonymous });
      assert.deepEqual([binding.metadata!.name, binding.roleRef.name], ["kiali", "kiali"]);
      assert.deepEqual(rules({ ...anonymous, deployment: { view_only_mode: true } }), rules({}));
      assert.deepEqual(rules({ auth: { strategy: "token" } }), rules({}));
    });

    it("turns values into the fields that the published chart turns them into", () => {
      const given = {
        ...pinned,
        deployment: {
          instance_name: "watch",
          replicas: 2,
          image_version: "0a1b",
          image_digest: "sha256",
          service_type: "NodePort",
          logger: { log_level: "debug" },
          resources: null,
        },
        server: { node_port: 30001, web_root: "/mesh/" },
      };
      const { object, spec, container } = deployment("kiali-server", given);
      assert.deepEqual([object.metadata!.name, spec.replicas], ["watch", 2]);
      const kiali = container("kiali");
      assert.equal(kiali.image, "quay.io/kiali/kiali@sha256:0a1b");
      assert.equal(kiali.readinessProbe!.httpGet!.path, "/mesh/healthz");
      assert.equal(kiali.env!.find(({ name }) => name === "LOG_LEVEL")!.value, "debug");
      assert.equal(kiali.resources, undefined);
      const service = get<V1Service>("kiali-server", "Service", given).spec!;
      assert.deepEqual([service.type, service.ports![0]!.nodePort], ["NodePort", 30001]);
    });

    it("leaves replicas to an autoscaler, and makes a disruption budget on demand", () => {
      const spec = { hpa: { spec: { maxReplicas: 3 } }, pod_disruption_budget: { spec: { minAvailable: 1 } } };
      const rendered = objects("kiali-server", { ...pinned, deployment: spec });
      assert.equal(one<Rendered>(rendered, "HorizontalPodAutoscaler").apiVersion, "autoscaling/v2");
      assert.equal(one<Rendered>(rendered, "PodDisruptionBudget").apiVersion, "policy/v1");
      assert.equal(one<V1Deployment>(rendered, "Deployment").spec!.replicas, undefined);
    });

    it("makes an Ingress of a version long gone unless told what the cluster has", () => {
      const values = { ...pinned, deployment: { ingress: { enabled: true } } };
      const old = get<V1Ingress>("kiali-server", "Ingress", values);
      assert.equal(old.apiVersion, "networking.k8s.io/v1beta1");
      const flags = ["--api-versions", "networking.k8s.io/v1/Ingress"];
      const { apiVersion, spec } = get<V1Ingress>("kiali-server", "Ingress", values, undefined, flags);
      assert.deepEqual([apiVersion, spec!.ingressClassName], ["networking.k8s.io/v1", "nginx"]);
      assert.deepEqual(spec!.rules![0]!.http!.paths, [
        { path: "/kiali", pathType: "Prefix", backend: { service: { name: "kiali", port: { number: 20001 } } } },
      ]);
    });

    it("leaves out what skipResources and remote_cluster_resources_only say", () => {
      const skipped = { ...pinned, skipResources: ["clusterrole", "clusterrolebinding", "sa"] };
      assert.deepEqual(list("kiali-server", skipped), [
        "NetworkPolicy kiali",
        "ConfigMap kiali",
        "Service kiali",
        "Deployment kiali",
      ]);
      assert.deepEqual(list("kiali-server", { ...pinned, deployment: { remote_cluster_resources_only: true } }), [
        "ServiceAccount kiali",
        "ConfigMap kiali",
        "ClusterRole kiali-viewer",
        "ClusterRoleBinding kiali-viewer",
      ]);
    });

    const refused: Record<string, [values: Values, error: RegExp]> = {
      "an unknown entry of skipResources": [{ skipResources: ["pods"] }, /skipResources: "pods" is none of/],
      "another namespace than the release's": [{ deployment: { namespace: "x" } }, /deployment\.namespace is "x"/],
      "no login_token at all": [{ login_token: null }, /nil pointer/],
      "narrow access, which it leaves out": [
        { deployment: { cluster_wide_access: false } },
        /cluster_wide_access: false: left out/,
      ],
      "more containers, which it leaves out": [
        { deployment: { additional_pod_containers_yaml: [{ name: "x" }] } },
        /additional_pod_containers_yaml: left out/,
      ],
      "mounted Secrets of one's own, which it leaves out": [
        { deployment: { custom_secrets: [{ name: "x", mount: "/x" }] } },
        /custom_secrets: left out/,
      ],
      "the login of OpenShift, which it leaves out": [
        { auth: { strategy: "openshift" } },
        /auth\.strategy: openshift: left out/,
      ],
    };
    for (const [what, [values, error]] of Object.entries(refused)) {
      it(`refuses ${what}`, () => {
        assert.throws(() => text("kiali-server", values), error);
      });
    }
  });

  describe("prometheus", () => {
    const off = {
      alertmanager: { enabled: false },
      "kube-state-metrics": { enabled: false },
      "prometheus-node-exporter": { enabled: false },
      "prometheus-pushgateway": { enabled: false },
    };
    const memory = { ...off, server: { persistentVolume: { enabled: false } } };

    it("makes the server's objects, with a claim for its data as published by default", () => {
      const server = (kind: string) => `${kind} prometheus-server`;
      const kinds = ["ServiceAccount", "ConfigMap", "ClusterRole", "ClusterRoleBinding", "Service", "Deployment"];
      assert.deepEqual(list("prometheus", memory), kinds.map(server));
      assert.deepEqual(list("prometheus", off).sort(), [...kinds, "PersistentVolumeClaim"].map(server).sort());
      assert.equal(list("prometheus", memory, "metrics").at(-1), "Deployment metrics-prometheus-server");
    });

    it("serves port 80 and runs the reloader before the server", () => {
      const { spec } = get<V1Service>("prometheus", "Service", memory);
      assert.equal(spec!.type, "ClusterIP");
      assert.deepEqual(spec!.ports, [{ name: "http", port: 80, targetPort: 9090, protocol: "TCP" }]);
      const { pod, container, spec: deployed } = deployment("prometheus", memory);
      assert.deepEqual(spec!.selector, deployed.selector.matchLabels);
      assert.deepEqual(names(pod.containers), ["prometheus-server-configmap-reload", "prometheus-server"]);
      const server = container("prometheus-server");
      assert.equal(server.image, "quay.io/prometheus/prometheus:v3.14.0");
      assert.deepEqual(server.args, [
        "--storage.tsdb.retention.time=15d",
        "--config.file=/etc/config/prometheus.yml",
        "--storage.tsdb.path=/data",
        "--web.console.libraries=/etc/prometheus/console_libraries",
        "--web.console.templates=/etc/prometheus/consoles",
        "--web.enable-lifecycle",
      ]);
      assert.equal(server.readinessProbe!.httpGet!.path, "/-/ready");
      assert.deepEqual(pod.volumes, [
        { name: "config-volume", configMap: { name: "prometheus-server" } },
        { name: "storage-volume", emptyDir: {} },
      ]);
    });

    it("has a configuration that scrapes the pods which ask for it", () => {
      const { data } = get<V1ConfigMap>("prometheus", "ConfigMap", memory);
      const config = parse(data!["prometheus.yml"]!) as { global: unknown; scrape_configs: { job_name: string }[] };
      assert.deepEqual(config.global, { scrape_interval: "1m", scrape_timeout: "10s", evaluation_interval: "1m" });
      assert.deepEqual(
        config.scrape_configs.map(({ job_name }) => job_name),
        ["prometheus", "kubernetes-pods"],
      );
    });

    it("turns values into the fields that the published chart turns them into", () => {
      const values = {
        ...off,
        server: {
          replicaCount: 2,
          resources: { requests: { cpu: "1" } },
          retention: "3d",
          image: { repository: "here/prometheus", digest: "sha256:0a1b" },
          service: { type: "NodePort", servicePort: 9090, annotations: { a: "b" } },
          persistentVolume: { storageClass: "fast", size: "1Gi" },
        },
      };
      const { spec, pod, container } = deployment("prometheus", values);
      const server = container("prometheus-server");
      assert.deepEqual(
        [spec.replicas, server.image, server.resources, server.args![0]],
        [2, "here/prometheus@sha256:0a1b", { requests: { cpu: "1" } }, "--storage.tsdb.retention.time=3d"],
      );
      assert.deepEqual(pod.volumes!.at(-1), {
        name: "storage-volume",
        persistentVolumeClaim: { claimName: "prometheus-server" },
      });
      const service = get<V1Service>("prometheus", "Service", values);
      assert.deepEqual(
        [service.spec!.type, service.spec!.ports![0]!.port, service.metadata!.annotations],
        ["NodePort", 9090, { a: "b" }],
      );
      assert.deepEqual(get<V1PersistentVolumeClaim>("prometheus", "PersistentVolumeClaim", values).spec, {
        accessModes: ["ReadWriteOnce"],
        storageClassName: "fast",
        resources: { requests: { storage: "1Gi" } },
      });
    });

    it("refuses the sub-charts that it leaves out, on by default as published", () => {
      for (const chart of Object.keys(off)) {
        assert.throws(
          () => text("prometheus", { ...off, [chart]: { enabled: true } }),
          new RegExp(`${chart}\\.enabled is true .* leaves the sub-charts out; set it to false`),
        );
      }
      assert.throws(() => text("prometheus"), /alertmanager\.enabled is true/);
    });

    it("refuses values that it does not know, naming each", () => {
      const values = { ...off, extraScrapeConfigs: "x", server: { statefulSet: { enabled: true } } };
      assert.throws(() => text("prometheus", values), /extraScrapeConfigs,server\.statefulSet: not among the values/);
    });
  });
});

/** A schema without its descriptions. */
function strip(schema: unknown): unknown {
  return JSON.parse(
    JSON.stringify(schema, (key, value: unknown) =>
      key === "description" && typeof value === "string" ? undefined : value,
    ),
  );
}

interface Schema {
  required?: string[];
  properties?: Record<string, Schema>;
  items?: Schema;
}

/** Adds "path: required fields" for each level of a schema. */
function collectRequired({ required, properties, items }: Schema, path: string, into: string[]): void {
  if (required !== undefined) into.push(`${path}: ${required.join(",")}`);
  if (items !== undefined) collectRequired(items, `${path}[]`, into);
  for (const [name, schema] of Object.entries(properties ?? {})) {
    collectRequired(schema, path === "" ? name : `${path}.${name}`, into);
  }
}
