import assert from "node:assert/strict";
import * as annotations from "../../../base/annotations";
import * as authority from "../../../mesh/authority";
import * as certManager from "../../../mesh/cert-manager";
import * as enroute from "../../../mesh/enroute";
import * as gatewayHost from "../../../mesh/gateway-host";
import * as globalConfig from "../../../mesh/global-config";
import * as istio from "../../../mesh/istio";
import * as lives from "../../../mesh/lives";
import * as meshAuthority from "../../../mesh/mesh-authority";
import * as ownership from "../../../mesh/ownership";
import * as serving from "../../../mesh/serving-certificate";

/** What a module exports beside its functions. */
function constants(module: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(module).filter(([, value]) => typeof value !== "function"));
}

/* Stacks that are rolled out hold these: another name is another object, and another default another stack. */
describe("names and defaults", () => {
  it("of annotations and labels", () => {
    assert.deepEqual(constants(annotations), {
      extraNamesAnnotation: "enroute-istio/extra-names",
      ingressesAnnotation: "enroute-istio/ingresses",
      insecureRoutesAnnotation: "enroute-istio/insecure-routes",
      ownerAnnotation: "enroute-istio/owner",
      reasonAnnotation: "enroute-istio/reason",
      untilAnnotation: "enroute-istio/until",
    });
    assert.deepEqual(constants(ownership), {
      claimName: "enroute-istio-owner",
      fieldManagerAnnotation: "pulumi.com/patchFieldManager",
      stackAnnotation: "enroute-istio/stack",
      ownerLabel: "app.kubernetes.io/managed-by",
      ownerValue: "enroute-istio",
      releasesAnnotation: "enroute-istio/releases",
    });
    // One key with two meanings: the mark of the stack once overwrote who answers for an exception.
    const keys = [...Object.values(constants(annotations)), ownership.stackAnnotation, ownership.releasesAnnotation];
    assert.equal(new Set(keys).size, keys.length);
  });

  it("of Istio", () => {
    const { istioProfiles, ...rest } = constants(istio);
    assert.deepEqual(rest, {
      authorityAnnotation: "enroute-istio/certificate-authority",
      defaultHub: "docker.io/istio",
      defaultIstioNamespace: "istio-system",
      defaultProfile: "standard",
      defaultTrustDomain: "cluster.local",
      istioProfileNames: ["small", "standard", "ha"],
      istioCharts: "https://blob.istio.io/istio-release/charts",
      retiredHosts: ["istio-release.storage.googleapis.com", "gcr.io/istio-release", "registry.istio.io"],
    });
    const spread = (topologyKey: string) => ({
      maxSkew: 1,
      topologyKey,
      whenUnsatisfiable: "ScheduleAnyway",
      labelSelector: { matchLabels: { app: "istiod" } },
    });
    assert.deepEqual(istioProfiles, {
      small: { autoscaleEnabled: false, replicaCount: 1, resources: { requests: { cpu: "100m", memory: "256Mi" } } },
      standard: {},
      ha: {
        autoscaleEnabled: true,
        autoscaleMin: 2,
        autoscaleMax: 5,
        pdb: { maxUnavailable: 1 },
        topologySpreadConstraints: [spread("kubernetes.io/hostname"), spread("topology.kubernetes.io/zone")],
      },
    });
  });

  it("of EnRoute", () => {
    assert.deepEqual(constants(enroute), {
      defaultCpuPercent: 70,
      defaultEnvoyTag: "v1.27.0",
      defaultGatewayNamespace: "enroute-system",
      defaultLogLevel: "info",
      defaultOutputPath: "/etc/istio-certs",
      defaultPullPolicy: "IfNotPresent",
      defaultWorkloadCertificateTtl: "24h",
      enroute: {
        release: "enroute-istio",
        deployment: "enroute",
        service: "enroute",
        serviceAccount: "enroute",
        clusterRole: "enroute",
        ingressBinding: "enroute-istio-gateway",
        selector: { "app.kubernetes.io/name": "enroute", "app.kubernetes.io/instance": "enroute-istio" },
      },
      enrouteCharts: "https://helm.getenroute.io",
      logLevels: ["trace", "debug", "info", "warning", "error", "critical", "off"],
      maxWorkloadCertificateTtl: "2160h",
      minWorkloadCertificateTtl: "1m",
      pullPolicies: ["Always", "IfNotPresent", "Never"],
    });
    assert.deepEqual(constants(gatewayHost), {
      defaultMinimumTlsVersion: "1.2",
      defaultPrefix: "/",
      minimumTlsVersions: ["1.2", "1.3"],
    });
    assert.deepEqual(constants(globalConfig), {
      certificateServer: "cert-server",
      meshConfigName: "mesh",
      meshConfigType: "globalconfig_globals",
    });
    assert.equal(enroute.gatewayHostName("a.b.example"), "a.b.example");
    assert.equal(enroute.formerGatewayHostName("a.b.example"), "a-b-example");
  });

  it("of certificates", () => {
    assert.deepEqual(constants(authority), {
      defaultKeyAlgorithm: "ECDSA-P256",
      defaultRootValidity: "87600h",
      keyAlgorithms: ["ECDSA-P256", "ECDSA-P384", "RSA-2048", "RSA-4096"],
    });
    assert.deepEqual(constants(meshAuthority), {
      authoritySecretName: "cacerts",
      defaultIntermediateValidity: "8760h",
      defaultMeshRoot: "root",
    });
    assert.deepEqual(constants(serving), {
      defaultServingRoot: "ca",
      defaultValidity: "2160h",
      servingSecretName: "gateway-serving-certificate",
    });
    assert.deepEqual(constants(certManager), {
      certManagerGroup: "cert-manager.io",
      defaultIssuerKind: "Issuer",
      defaultValidity: "2160h",
      managedSecretName: "gateway-serving-certificate-managed",
    });
    assert.equal(lives.defaultWarnBefore, "336h");
  });
});

describe("lives and roots", () => {
  it("renew in their last third, but not before an hour is left", () => {
    assert.deepEqual(serving.leafLife({}), { validityPeriodHours: 2160, earlyRenewalHours: 720 });
    assert.deepEqual(meshAuthority.intermediateLife({}), { validityPeriodHours: 8760, earlyRenewalHours: 2920 });
    assert.deepEqual(authority.certificateLife("2h", undefined), { validityPeriodHours: 2, earlyRenewalHours: 1 });
    assert.deepEqual(authority.certificateLife("100h", "5h"), { validityPeriodHours: 100, earlyRenewalHours: 5 });
    assert.deepEqual(authority.certificateLife("100h", undefined).earlyRenewalHours, 33);
  });

  it("have names, by which they are known again", () => {
    assert.deepEqual(serving.servingRoots({}), { roots: ["ca"], signer: "ca" });
    assert.deepEqual(serving.servingRoots({ roots: ["a", "b"] }), { roots: ["a", "b"], signer: "a" });
    assert.deepEqual(serving.servingRoots({ roots: ["a", "b"], signer: "b" }).signer, "b");
    assert.deepEqual(meshAuthority.meshRoots({}), { roots: ["root"], signer: "root" });
    assert.deepEqual(meshAuthority.meshRoots({ roots: ["a", "b"] }).signer, "a");
    for (const root of ["ca", "2026"]) assert.equal(serving.servingRootOf(serving.servingRootName(root)), root);
    assert.equal(serving.servingRootName("ca"), "EnRoute gateway CA");
    assert.equal(serving.servingRootName("2026"), "EnRoute gateway CA 2026");
    assert.equal(meshAuthority.meshRootName("2026"), "Istio mesh root 2026");
    assert.equal(meshAuthority.meshRootOf("Istio mesh root 2026"), "2026");
    for (const foreign of ["Another CA", "EnRoute gateway CAs", "An EnRoute gateway CA"])
      assert.deepEqual([serving.servingRootOf(foreign), meshAuthority.meshRootOf(foreign)], [undefined, undefined]);
  });

  it("are followed by others in phases: add, let it sign, drop", () => {
    const phase = (before: string[], by: string, after: string[], next: string) =>
      authority.skippedPhase({ roots: before, signer: by }, { roots: after, signer: next });
    assert.equal(phase(["a"], "a", ["a", "b"], "a"), undefined);
    assert.equal(phase(["a", "b"], "a", ["a", "b"], "b"), undefined);
    assert.equal(phase(["a", "b"], "b", ["b"], "b"), undefined);
    assert.match(phase(["a"], "a", ["a", "b"], "b")!.problem, /root b is to sign in the update that adds it/);
    assert.match(phase(["a", "b"], "a", ["b"], "b")!.problem, /root a has signed the certificates in use/);
  });

  it("of workloads are what istiod signs", () => {
    assert.deepEqual(
      ["1m", "24h", "2160h"].map((ttl) => enroute.ttlProblem(ttl)),
      [undefined, undefined, undefined],
    );
    for (const ttl of ["59s", "2160h1s"]) assert.match(enroute.ttlProblem(ttl)!, /from 1m to 2160h/);
    assert.match(enroute.ttlProblem("a day")!, /such as 24h/);
    assert.equal(enroute.ttlProblem("9000h", "9000h"), undefined);
    assert.match(enroute.ttlProblem("9001h", "9000h")!, /to 9000h/);
    // A limit that nobody can read is no limit.
    assert.equal(enroute.ttlProblem("9000h", "long"), undefined);
  });

  it("of cert-manager are asked for as the stack says", () => {
    const { privateKey, ...spec } = certManager.certManagerSpec(["a.example"], {
      issuer: "certManager",
      issuerRef: { name: "i" },
      secretName: "s",
    });
    assert.deepEqual(spec, {
      secretName: "s",
      issuerRef: { name: "i", kind: "Issuer", group: "cert-manager.io" },
      dnsNames: ["a.example"],
      usages: ["digital signature", "key encipherment", "server auth"],
    });
    assert.deepEqual(privateKey, { algorithm: "ECDSA", size: 256, rotationPolicy: "Always" });
    const full = certManager.certManagerSpec(["a.example"], {
      issuer: "certManager",
      issuerRef: { name: "i", kind: "ClusterIssuer", group: "g" },
      secretName: "s",
      extraNames: ["a.example", "b.example"],
      ipAddresses: ["192.0.2.1"],
      keyAlgorithm: "RSA-4096",
      validity: "24h",
      renewBefore: "8h",
    });
    assert.deepEqual(full["issuerRef"], { name: "i", kind: "ClusterIssuer", group: "g" });
    assert.deepEqual(full["dnsNames"], ["a.example", "b.example"]);
    assert.deepEqual([full["ipAddresses"], full["duration"], full["renewBefore"]], [["192.0.2.1"], "24h", "8h"]);
    assert.deepEqual(full["privateKey"], { algorithm: "RSA", size: 4096, rotationPolicy: "Always" });
  });
});
