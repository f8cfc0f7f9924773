import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { apiOf, entriesOf } from "../../docs/generate/exports";

const root = join(__dirname, "../..");
const { exports: map, bin } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  exports: Record<string, { types: string; default: string } | string>;
  bin: Record<string, string>;
};

/** What `enroute-istio/components/<name>` exports since the first version: a program that imports it goes on to work. */
const first: Record<string, string> = {
  annotations: "extraNamesAnnotation insecureRoutesAnnotation ownerAnnotation reasonAnnotation untilAnnotation",
  bookinfo: "Bookinfo",
  "cert-manager": "certManagerGroup certManagerSpec managedSecretName",
  "certificate-authority": "bundle certificateLife generateRoot generateSigned keyArguments skippedPhase subject",
  certificate:
    "authorityProblems certificateProblems chainProblems commonName endOfValidity isPubliclyTrusted isSignedBy iso parseChain rootCertificateProblems",
  chart: "chartSource fixedName retiredHosts",
  "deletion-protection": "deletionProtection",
  duration: "durationHours durationSeconds",
  "enroute-gateway": "EnRouteGateway",
  "enroute-values":
    "defaultOutputPath defaultWorkloadCertificateTtl enroute enrouteValues maxWorkloadCertificateTtl minWorkloadCertificateTtl ttlProblem",
  "gateway-host": "GatewayHost gatewayHostName",
  "istio-control-plane": "IstioControlPlane authorityAnnotation",
  "istio-upgrade": "skippedIstioMinor",
  "istio-values": "baseValues istiodValues",
  kiali: "Kiali kialiValues",
  merge: "mergeValues",
  "mesh-certificate-authority":
    "MeshCertificateAuthority authoritySecretName defaultIntermediateValidity defaultRootValidity intermediateLife meshRootName meshRootOf meshRoots",
  "mesh-global-config": "MeshGlobalConfig meshGlobalConfig",
  "mesh-mutual-tls": "MeshMutualTls",
  "mesh-namespace": "MeshNamespace injectionLabels ownerLabel ownerValue",
  "mutual-tls-policies": "compileExceptions exceptionProblems isPast",
  prometheus: "Prometheus prometheusValues",
  refusal: "refusal",
  "serving-certificate":
    "ServingCertificate defaultCaValidity defaultServingRoot defaultValidity leafLife servingRootName servingRootOf servingRoots servingSecretName",
  verification: "Verification",
};

/** The source of a file that is built. */
const sourceOf = (built: string) =>
  join(
    root,
    built
      .replace("./", "")
      .replace(/^dist\//, "")
      .replace(/\.js$/, ".ts"),
  );

/** The source that a path into the package resolves to, as Node.js does it: by its own entry, else by the pattern. */
function resolve(path: string): string {
  const own = map[path];
  if (own !== undefined && typeof own !== "string") return sourceOf(own.default);
  const pattern = map["./components/*"];
  assert.ok(path.startsWith("./components/") && pattern !== undefined && typeof pattern !== "string", path);
  return sourceOf(pattern.default.replace("*", path.slice("./components/".length)));
}

describe("the package", () => {
  it("has a source for everything that it exports, and its types beside it", () => {
    for (const [path, entry] of Object.entries(map)) {
      if (typeof entry === "string" || path.includes("*")) continue;
      assert.ok(existsSync(sourceOf(entry.default)), `${path}: ${entry.default}`);
      assert.equal(entry.types, entry.default.replace(/\.js$/, ".d.ts"));
    }
    for (const file of Object.values(bin)) assert.ok(existsSync(sourceOf(file)), file);
  });

  it("exports each component's module under its first path, with all that it had", () => {
    for (const [name, values] of Object.entries(first)) {
      // eslint-disable-next-line @typescript-eslint/no-require-imports
      const module = require(resolve(`./components/${name}`)) as Record<string, unknown>;
      for (const value of values.split(" ")) assert.notEqual(module[value], undefined, `${name}: ${value}`);
    }
  });

  it("exports under each family all of its components", () => {
    const { exports: api } = apiOf(entriesOf(map));
    const families = readdirSync(join(root, "components"), { withFileTypes: true }).filter((one) => one.isDirectory());
    assert.ok(families.length > 4);
    for (const { name: family } of families) {
      const folder = join(root, "components", family);
      const components = readdirSync(folder).flatMap((file) =>
        [...readFileSync(join(folder, file), "utf8").matchAll(/^export class (\w+) extends pulumi/gm)].map(
          ([, name]) => name!,
        ),
      );
      const exported = (api[`enroute-istio/components/${family}`] ?? []).filter(({ kind }) => kind === "class");
      assert.deepEqual(exported.map(({ name }) => name).sort(), components.sort(), family);
    }
  });

  it("exports every type that an export's declaration names, so that a program can name it, too", () => {
    assert.deepEqual(apiOf(entriesOf(map)).unnamed, []);
    const alone = { "enroute-istio": "automation/options.ts" };
    assert.ok(apiOf(alone).unnamed.includes("SettingsInput (used by EnvironmentOptions)"), "a forgotten one is found");
  });
});
