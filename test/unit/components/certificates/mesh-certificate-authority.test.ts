import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import * as k8s from "@pulumi/kubernetes";
import {
  MeshCertificateAuthority,
  type MeshCertificateAuthorityArgs,
} from "../../../../components/certificates/mesh-certificate-authority";
import { meshRootName, meshRootOf } from "../../../../mesh/mesh-authority";
import { type Issued, issue } from "../../certificates";
import { type RunOptions, run, valueOf } from "../../mocks";

const signature = "4dabf18193072939515e22adb298388d";
const deploy = (authority: MeshCertificateAuthorityArgs["authority"], options: RunOptions = {}) =>
  run(
    () =>
      new MeshCertificateAuthority(
        "mesh-ca",
        { namespace: "istio-system", authority },
        { providers: [new k8s.Provider("cluster")] },
      ),
    options,
  );

describe("MeshCertificateAuthority", () => {
  it("generates a root and an intermediate below it, in the form that istiod loads", async () => {
    const { names, find } = await deploy({ issuer: "generated" });
    assert.deepEqual(names(), [
      "enroute-istio:istio:MeshCertificateAuthority mesh-ca",
      "kubernetes:core/v1:Secret mesh-ca",
      "pulumi:providers:kubernetes cluster",
      "tls:index/certRequest:CertRequest mesh-ca-intermediate",
      "tls:index/locallySignedCert:LocallySignedCert mesh-ca-intermediate",
      "tls:index/privateKey:PrivateKey mesh-ca-intermediate",
      "tls:index/privateKey:PrivateKey mesh-ca-root-root",
      "tls:index/selfSignedCert:SelfSignedCert mesh-ca-root-root",
    ]);
    const intermediate = find("LocallySignedCert", "mesh-ca-intermediate").inputs;
    assert.deepEqual(
      [intermediate["isCaCertificate"], intermediate["validityPeriodHours"], intermediate["earlyRenewalHours"]],
      [true, 8760, 2920],
    );
    const { metadata, stringData } = find("Secret", "mesh-ca").inputs as {
      metadata: { name: string; namespace: string };
      stringData: { value: Record<string, string> };
    };
    assert.deepEqual([metadata.namespace, metadata.name], ["istio-system", "cacerts"]);
    assert.deepEqual(Object.keys(stringData.value).sort(), [
      "ca-cert.pem",
      "ca-key.pem",
      "cert-chain.pem",
      "root-cert.pem",
    ]);
  });

  it("trusts every root in their order, and signs below the one that the stack names", async () => {
    const roots: Record<string, string> = {};
    for (const root of ["a", "b"]) roots[`mesh-ca-root-${root}`] = (await issue({ name: root, ca: true })).certificate;
    const { find, result } = await deploy(
      { issuer: "generated", roots: ["a", "b"], signer: "b", keyAlgorithm: "RSA-4096" },
      { outputs: ({ name }) => (name in roots ? { certPem: roots[name] } : {}) },
    );
    assert.equal(await valueOf(result.rootCertificates), roots["mesh-ca-root-a"]! + roots["mesh-ca-root-b"]!);
    const { inputs } = find("LocallySignedCert", "mesh-ca-intermediate");
    assert.equal(inputs["caCertPem"], roots["mesh-ca-root-b"]);
    assert.deepEqual(find("PrivateKey", "mesh-ca-intermediate").inputs, { algorithm: "RSA", rsaBits: 4096 });
  });

  it("takes a CA of somebody else, its first certificate as the one that signs", async () => {
    const root = await issue({ name: "root", ca: true });
    const middle = await issue({ name: "middle", ca: true, issuer: root });
    const low = await issue({ name: "low", ca: true, issuer: middle });
    const { find } = await deploy({
      issuer: "provided",
      rootCertificates: root.certificate,
      certificateChain: low.certificate + middle.certificate,
      privateKey: low.privateKey,
    });
    const { value } = find("Secret", "mesh-ca").inputs["stringData"] as { value: Record<string, unknown> };
    assert.equal(value["ca-cert.pem"], low.certificate);
    assert.equal(value["cert-chain.pem"], low.certificate + middle.certificate);
    assert.ok(signature in (find("Secret", "mesh-ca").wire["stringData"] as object), "a secret on the wire");
    assert.deepEqual(find("MeshCertificateAuthority", "mesh-ca").wire, {});
  });

  it("trusts roots of somebody else beside its own, whichever of them signs, so that one may follow the other", async () => {
    const theirs = await issue({ name: "theirs", ca: true });
    const ours = await issue({ name: "ours", ca: true });
    const outputs: RunOptions["outputs"] = ({ name }) => (/-root-/.test(name) ? { certPem: ours.certificate } : {});
    const rootCertificates = theirs.certificate.trimEnd();
    const { certificate: certificateChain, privateKey } = theirs;
    const provided = { issuer: "provided", rootCertificates, certificateChain, privateKey, roots: ["2026"] } as const;
    const generated = { issuer: "generated", rootCertificates, roots: ["2026"] } as const;
    for (const authority of [
      { ...provided, roots: [...provided.roots] },
      { ...generated, roots: [...generated.roots] },
    ]) {
      const { result, names } = await deploy(authority, { outputs });
      assert.equal(await valueOf(result.rootCertificates), ours.certificate + theirs.certificate);
      assert.ok(names().includes("tls:index/privateKey:PrivateKey mesh-ca-root-2026"), "the same resource");
    }
  });

  it("has another fingerprint with other certificates, and the same one with another text of the key", async () => {
    const one = await issue({ name: "one", ca: true });
    const fingerprint = async ({ certificate, privateKey }: Pick<Issued, "certificate" | "privateKey">) => {
      const pem = { rootCertificates: certificate, certificateChain: certificate, privateKey };
      const { result } = await deploy({ issuer: "provided", ...pem });
      return valueOf(result.fingerprint);
    };
    const first = await fingerprint(one);
    const another = createPrivateKey(one.privateKey).export({ type: "sec1", format: "pem" }) as string;
    assert.notEqual(another, one.privateKey);
    assert.equal(await fingerprint({ ...one, privateKey: another }), first);
    assert.notEqual(await fingerprint(await issue({ ca: true })), first);
  });
});

describe("a mesh root's name", () => {
  it("is told from its certificate's common name", () => {
    assert.equal(meshRootOf(meshRootName("2026")), "2026");
    assert.equal(meshRootOf("Some other root"), undefined);
  });
});
