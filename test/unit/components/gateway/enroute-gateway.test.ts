import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";
import { EnRouteGateway, type EnRouteGatewayArgs } from "../../../../components/gateway/enroute-gateway";
import { enrouteValues } from "../../../../mesh/enroute-values";
import { ttlProblem } from "../../../../mesh/enroute";
import { type Run, run, valueOf } from "../../mocks";

const images = { redis: { tag: "7.4.1" } };
const values = (more: object = {}) =>
  enrouteValues({ replicas: 1, images, ingresses: "left alone" as const, logLevel: "info", ...more });
const annotations = (more: object) => values(more)["istioPodAnnotations"] as Record<string, string>;

describe("enrouteValues", () => {
  it("joins the mesh and leaves the mesh-wide policy alone", () => {
    assert.deepEqual(values()["istio"], { enable: true, strictmtls: false });
  });

  it("writes the certificate's life and path into the whole annotations, which the chart keeps as texts", () => {
    const written = annotations({ workloadCertificate: { ttl: "1h", outputPath: "/run/certs" } });
    assert.deepEqual(parse(written["proxy.istio.io/config"]!), {
      proxyMetadata: { OUTPUT_CERTS: "/run/certs", SECRET_TTL: "1h" },
    });
    assert.deepEqual(JSON.parse(written["sidecar.istio.io/userVolumeMount"]!), [
      { name: "istio-certs", mountPath: "/run/certs" },
    ]);
  });

  it("keeps the chart's path and Istio's own life by default", () => {
    assert.deepEqual(parse(annotations({})["proxy.istio.io/config"]!), {
      proxyMetadata: { OUTPUT_CERTS: "/etc/istio-certs" },
    });
  });

  it("leaves the chart's images, but never pulls a fixed tag again, and never redis:latest", () => {
    assert.deepEqual(values()["images"], {
      enrouteService: { pullPolicy: "IfNotPresent" },
      redis: { tag: "7.4.1", pullPolicy: "IfNotPresent" },
      envoy: { pullPolicy: "IfNotPresent" },
    });
  });

  it("takes repository, tag and pull policy of each image", () => {
    const envoy = {
      repository: "mirror.example.com/envoy",
      tag: `v1@sha256:${"0".repeat(64)}`,
      pullPolicy: "Always" as const,
    };
    assert.deepEqual((values({ images: { ...images, envoy } })["images"] as { envoy: object }).envoy, envoy);
  });

  it("keeps pods apart by labels that they have", () => {
    const text = JSON.stringify(values()["affinity"]);
    assert.match(text, /"app.kubernetes.io\/name":"enroute"/);
    assert.match(text, /kubernetes.io\/hostname.*topology.kubernetes.io\/zone/);
  });
});

describe("ttlProblem", () => {
  for (const ttl of ["1m", "24h", "2160h"]) it(`takes ${ttl}`, () => assert.equal(ttlProblem(ttl), undefined));
  for (const ttl of ["30s", "2161h"]) it(`refuses ${ttl}`, () => assert.match(ttlProblem(ttl)!, /from 1m to 2160h/));
  it("refuses what is no duration", () => assert.match(ttlProblem("1 day")!, /such as 24h/));
  it("follows a raised limit", () => assert.equal(ttlProblem("3000h", "4000h"), undefined));
});

describe("EnRouteGateway", () => {
  const deploy = (more: Partial<EnRouteGatewayArgs> = {}, options = {}): Promise<Run<EnRouteGateway>> =>
    run(() => {
      const cluster = new k8s.Provider("cluster");
      const args = {
        version: "0.8.7",
        chartRepository: "https://charts.example.com",
        namespace: "edge",
        images,
        ...more,
      };
      return new EnRouteGateway("gateway", args, { providers: [cluster] });
    }, options);

  it("installs the release enroute-istio, whole or not at all", async () => {
    const { inputs } = (await deploy()).find("Release", "enroute-istio");
    assert.deepEqual(
      [inputs["name"], inputs["chart"], inputs["version"], inputs["namespace"], inputs["atomic"], inputs["timeout"]],
      ["enroute-istio", "enroute", "0.8.7", "edge", true, 300],
    );
  });

  const subjects = [{ kind: "ServiceAccount", name: "enroute", namespace: "edge" }];
  const roleRef = (name: string) => ({ apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name });

  it("gives EnRoute a role of ours before the release, without Ingresses, and the chart's role to nobody", async () => {
    const { find } = await deploy();
    const rules = find("ClusterRole", "enroute-istio-status").inputs["rules"] as { resources: string[] }[];
    assert.deepEqual(rules.flatMap(({ resources }) => resources).sort(), [
      ...["endpoints", "gatewayhosts", "gatewayhosts/status", "globalconfigs", "httpfilters", "routefilters"],
      ...["secrets", "serviceroutes", "services", "tlscertificatedelegations"],
    ]);
    const own = find("ClusterRoleBinding", "enroute-istio-status");
    const chart = find("ClusterRoleBinding", "enroute-istio-gateway");
    assert.deepEqual([own.inputs["roleRef"], own.inputs["subjects"]], [roleRef("enroute-istio-status"), subjects]);
    assert.deepEqual([chart.inputs["roleRef"], chart.inputs["subjects"]], [roleRef("enroute"), []]);
    const release = find("Release", "enroute-istio");
    for (const binding of ["enroute-istio-status", "enroute-istio-gateway"])
      assert.ok(release.dependencies.some((urn) => urn.endsWith(`ClusterRoleBinding::${binding}`)));
    // A stack of an early version has the second alone: it is emptied after the first has all that EnRoute needs.
    assert.ok(chart.dependencies.some((urn) => urn.endsWith("ClusterRoleBinding::enroute-istio-status")));
    const { podAnnotations } = release.inputs["values"] as { podAnnotations: object };
    assert.deepEqual(podAnnotations, { "enroute-istio/ingresses": "left alone" });
  });

  it("gives EnRoute the chart's role where Ingresses are to be served, with the reason, and starts its pods anew", async () => {
    const { find } = await deploy({ ingresses: { reason: "old charts" } });
    const { inputs } = find("ClusterRoleBinding", "enroute-istio-gateway");
    assert.deepEqual([inputs["roleRef"], inputs["subjects"]], [roleRef("enroute"), subjects]);
    const { annotations } = inputs["metadata"] as { annotations: object };
    assert.deepEqual(annotations, { "enroute-istio/reason": "old charts" });
    const { podAnnotations } = find("Release", "enroute-istio").inputs["values"] as { podAnnotations: object };
    assert.deepEqual(podAnnotations, { "enroute-istio/ingresses": "served" });
  });

  it("has neither disruption budget nor autoscaler for one replica", async () => {
    assert.ok(!(await deploy()).names().some((name) => /PodDisruptionBudget|HorizontalPodAutoscaler/.test(name)));
  });

  it("keeps all but one of several replicas through node drains", async () => {
    const { find } = await deploy({ replicas: 2 });
    assert.deepEqual(find("PodDisruptionBudget", "enroute-istio-pdb").inputs["spec"], {
      maxUnavailable: 1,
      selector: { matchLabels: { "app.kubernetes.io/name": "enroute", "app.kubernetes.io/instance": "enroute-istio" } },
    });
    assert.equal((find("Release", "enroute-istio").inputs["values"] as { replicaCount: number }).replicaCount, 2);
  });

  it("scales by the CPU of the Envoy containers, of which each has a request", async () => {
    const { find } = await deploy({ replicas: 2, autoscaling: { maxReplicas: 6 } });
    const hpa = find("HorizontalPodAutoscaler", "enroute-istio-hpa");
    assert.equal(hpa.type, "kubernetes:autoscaling/v2:HorizontalPodAutoscaler");
    const spec = hpa.inputs["spec"] as { minReplicas: number; maxReplicas: number; metrics: object[] };
    assert.deepEqual([spec.minReplicas, spec.maxReplicas], [2, 6]);
    assert.deepEqual(spec.metrics, [
      {
        type: "ContainerResource",
        containerResource: { name: "cpu", container: "envoy", target: { type: "Utilization", averageUtilization: 70 } },
      },
    ]);
    const chartValues = find("Release", "enroute-istio").inputs["values"] as {
      resources: { envoy: { requests: object } };
    };
    assert.deepEqual(chartValues.resources.envoy.requests, { cpu: "200m", memory: "256Mi" });
  });

  it("tells the address, as IP address or host name", async () => {
    assert.equal(await valueOf((await deploy()).result.address), "192.0.2.10");
    const hostname = { outputs: () => ({ status: { loadBalancer: { ingress: [{ hostname: "lb.example.com" }] } } }) };
    assert.equal(await valueOf((await deploy({}, hostname)).result.address), "lb.example.com");
    const none = { outputs: () => ({ status: { loadBalancer: {} } }) };
    assert.equal(await valueOf((await deploy({}, none)).result.address), undefined);
  });

  describe("with a Service of another type", () => {
    const spec = {
      clusterIP: "10.0.0.7",
      ports: [
        { port: 80, nodePort: 30080 },
        { port: 443, nodePort: 30443 },
      ],
    };
    const folder = mkdtempSync(join(tmpdir(), "gateway-service-"));
    after(() => rmSync(folder, { recursive: true, force: true }));
    const of = (type: "NodePort" | "ClusterIP") =>
      deploy(
        { providerFolder: folder, service: { type } },
        { outputs: () => ({ spec: { ...spec, type }, status: {} }) },
      );

    it("has Helm put it in the place of the chart's, by a program beside the provider", async () => {
      const { inputs } = (await of("NodePort")).find("Release", "enroute-istio");
      assert.equal(inputs["postrender"], ".enroute-istio/gateway-service-NodePort");
      assert.deepEqual((inputs["values"] as { service: object }).service, { annotations: {}, type: "NodePort" });
      assert.equal(statSync(join(folder, ".enroute-istio/gateway-service-NodePort")).mode & 0o777, 0o700);
      assert.equal((await deploy()).find("Release", "enroute-istio").inputs["postrender"], undefined);
    });

    it("tells ports of the nodes, or the address inside the cluster", async () => {
      const nodePort = (await of("NodePort")).result;
      assert.equal(await valueOf(nodePort.address), undefined);
      assert.deepEqual(await valueOf(nodePort.nodePorts), { http: 30080, https: 30443 });
      assert.equal(await valueOf((await of("ClusterIP")).result.address), "10.0.0.7");
    });
  });

  it("refuses a certificate life that istiod would not sign", async () => {
    await assert.rejects(
      deploy({ workloadCertificate: { ttl: "9999h" } }),
      /workloadCertificate.ttl.*from 1m to 2160h/s,
    );
  });

  it("lets extra values win", async () => {
    const { find } = await deploy({ values: { affinity: { a: "b" }, nodeSelector: { edge: "true" }, istio: {} } });
    const chartValues = find("Release", "enroute-istio").inputs["values"] as Record<string, unknown>;
    assert.equal((chartValues["affinity"] as { a: string }).a, "b");
    assert.deepEqual(chartValues["nodeSelector"], { edge: "true" });
  });

  const owned: [values: object, expected: RegExp][] = [
    [
      { istio: { enable: false } },
      /values\.istio\.enable\n +found: +false\n +allowed: true: leave it out\. The gateway gets/,
    ],
    [{ istio: null }, /values\.istio\.enable\n +found: +taken away\n +allowed: true/],
    [{ fullnameOverride: "edge" }, /values\.fullnameOverride\n +found: +"edge"\n +allowed: nothing: leave it out/],
    [{ envoySettings: { logLevel: "trace" } }, /allowed: "info", as logLevel decides/],
    [
      { replicaCount: pulumi.output(2) },
      /values\.replicaCount\n +found: +a value of the program\n +allowed: 1, as replicas decides/,
    ],
  ];
  for (const [values, expected] of owned)
    it(`refuses extra values that undo what it makes: ${Object.keys(values).join()}`, () =>
      assert.rejects(deploy({ values: values as Record<string, unknown> }), expected));

  it("takes the life that istiod signs here, and a folder that is free", async () => {
    const workloadCertificate = { ttl: "4000h" };
    await deploy({ workloadCertificate, maxWorkloadCertificateTtl: "5000h" });
    await assert.rejects(
      deploy({ workloadCertificate: { outputPath: "/etc/istio/proxy" } }),
      /workloadCertificate\.outputPath\n +found: +"\/etc\/istio\/proxy"\n +allowed: a folder of its own/,
    );
  });
});
