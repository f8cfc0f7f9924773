import { type Path, pathText } from "../../base/encrypted";
import { secretSettings } from "../../settings/secrets";
import { issue } from "./certificates";

type Tree = Record<string, unknown>;

/** A secret that was put into the settings. */
export interface Planted {
  path: Path;
  value: string;
  /** Part of the value that nothing else holds. */
  marker: string;
}

/** A line in the middle of a PEM text. */
const lineOf = (pem: string) => pem.trim().split("\n").at(-3)!;

let drawn = 0;
const marker = () => `marker-${process.pid}-${Math.random().toString(36).slice(2)}-${++drawn}`;

/** Where below a free-form tree a value does no harm to the chart or the mesh. */
const harmless: Record<string, Path> = {
  "istio.values": ["pilot", "env", "PLANTED"],
  "istio.meshConfig": ["defaultConfig", "proxyMetadata", "PLANTED"],
  "gateway.values": ["podAnnotations", "planted.example/a.b"],
  "gateway.serviceAnnotations": ["planted.example/a.b"],
  "prometheus.values": ["server", "podAnnotations", "planted"],
  "kiali.values": ["external_services", "prometheus", "auth", "password"],
};

/** Of what excludes each other, in some sections the one and in some the other. */
const instead: Record<string, true> = {
  "istio.chartRepositoryAuth.token": true,
  "prometheus.chartRepositoryAuth.token": true,
  "gateway.chartRepositoryAuth.username": true,
  "gateway.chartRepositoryAuth.password": true,
  "kiali.chartRepositoryAuth.username": true,
  "kiali.chartRepositoryAuth.password": true,
};

const word = () => {
  const value = marker();
  return { value, marker: value };
};

/**
 * A value for every setting that may be a secret, found by walking the schema. Throws for one of which nobody has said what may
 * stand there.
 *
 * @param known values that only the test knows, by path: a kubeconfig, credentials of a repository
 */
export async function plantEverySecret(
  host: string,
  known: Record<string, { value: string; marker: string }>,
): Promise<Planted[]> {
  // Long enough that nothing is due.
  const notAfter = new Date(Date.now() + 300 * 24 * 3600_000);
  const root = await issue({ name: "planted root", ca: true, notAfter });
  const signer = await issue({ name: "planted signer", ca: true, issuer: root, notAfter });
  const serving = await issue({ name: "planted serving root", ca: true, notAfter });
  const leaf = await issue({ name: "planted leaf", hosts: [host], issuer: serving, notAfter });
  const pem = (value: string) => ({ value, marker: lineOf(value) });
  const values: Record<string, { value: string; marker: string }> = {
    "certificate.certificateChain": pem(leaf.certificate),
    "certificate.privateKey": pem(leaf.privateKey),
    "certificate.caCertificate": pem(serving.certificate),
    "istio.ca.rootCertificates": pem(root.certificate),
    "istio.ca.certificateChain": pem(signer.certificate),
    "istio.ca.privateKey": pem(signer.privateKey),
    ...known,
  };
  return secretSettings().flatMap(({ path }) => {
    const name = pathText(path).replaceAll(".*", "[0]");
    if (instead[name] === true) return [];
    if (/\.chartRepositoryAuth\.|^imagePullSecrets/.test(name)) values[name] = word();
    const below = harmless[name];
    const own = below === undefined ? values[name] : { value: "", marker: marker() };
    if (own === undefined) throw new Error(`${name} may be a secret, and nothing says what may stand there`);
    const value = below === undefined ? own.value : own.marker;
    return [{ path: [...path.map((part) => (part === "*" ? 0 : part)), ...(below ?? [])], value, marker: own.marker }];
  });
}

/** The settings around what is planted: which kinds of certificates, which registry. */
export function prepare(config: Tree): void {
  put(config, ["certificate"], { issuer: "provided" });
  put(config, ["istio", "ca"], { issuer: "provided" });
  put(config, ["imagePullSecrets"], [{ name: "planted", registry: "registry.example.com" }]);
}

/** Puts a value into a tree. */
export function put(tree: Tree, path: Path, value: unknown): void {
  path.reduce<Tree>((branch, key, index) => {
    if (index === path.length - 1) branch[key] = value;
    else branch[key] ??= typeof path[index + 1] === "number" ? [] : {};
    return branch[key] as Tree;
  }, tree);
}

/** A text as it may stand in files: as it is, in base64 wherever in a longer text it begins. */
export function formsOf(text: string): string[] {
  const encoded = [0, 1, 2].map((offset) => {
    const base64 = Buffer.from(`${"x".repeat(offset)}${text}`).toString("base64");
    // The first and the last letters depend on what stands around.
    return base64.slice(offset === 0 ? 0 : 4, -4);
  });
  return [text, ...encoded];
}
