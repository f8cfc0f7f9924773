import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** The release line of the Istio module: its charts are packaged as this version. */
export const istioVersion = "1.31.0";

/** The release of pulumi-kubernetes that the commit in cluster/go.mod belongs to. */
export const kubernetesProviderVersion = "4.25.0";

const kubernetesProvider = "github.com/pulumi/pulumi-kubernetes/provider/v4";

/** Programs that are built from one Go module of this folder. */
export interface Module {
  /** Name in the cache. */
  readonly name: string;
  /** Its folder in sandbox/go. @default the name */
  readonly folder?: string;
  /** Binary → Go package. */
  readonly parts: Readonly<Record<string, string>>;
  /** Go variable → version that a release build would have put there; `goMod` is the text of the module's go.mod. */
  readonly stamps: (goMod: string) => Record<string, string>;
  /** Files that the build sees in the module's folder though they lie elsewhere: path → path; see `go help build`, -overlay. */
  readonly overlay?: (folder: string) => Record<string, string>;
}

/** In the order in which they are built. */
export const modules: readonly Module[] = [
  { name: "tether", parts: { tether: "." }, stamps: () => ({}) },
  {
    name: "pulumi",
    parts: { pulumi: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi" },
    stamps: (goMod) => ({
      "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": requiredVersion(
        goMod,
        "github.com/pulumi/pulumi/pkg/v3",
      ),
    }),
  },
  {
    name: "cluster",
    parts: {
      controlplane: ".",
      kwok: "sigs.k8s.io/kwok/cmd/kwok",
      helm: "helm.sh/helm/v3/cmd/helm",
      kubectl: "k8s.io/kubernetes/cmd/kubectl",
      "pilot-discovery": "istio.io/istio/pilot/cmd/pilot-discovery",
      "pilot-agent": "istio.io/istio/pilot/cmd/pilot-agent",
      istioctl: "istio.io/istio/istioctl/cmd/istioctl",
    },
    stamps: (goMod) => {
      const kubernetes = requiredVersion(goMod, "k8s.io/kubernetes");
      const [major = "", minor = ""] = kubernetes.slice(1).split(".");
      return {
        "k8s.io/component-base/version.gitVersion": kubernetes,
        "k8s.io/component-base/version.gitMajor": major,
        "k8s.io/component-base/version.gitMinor": minor,
        "k8s.io/client-go/pkg/version.gitVersion": kubernetes,
        "istio.io/istio/pkg/version.buildVersion": istioVersion,
      };
    },
  },
  {
    // Shares the Kubernetes libraries with the cluster, but not its place on the PATH, where the engine would warn of it.
    name: "kubernetes-provider",
    folder: "cluster",
    parts: { "pulumi-resource-kubernetes": "./pulumi-resource-kubernetes" },
    stamps: () => ({ [`${kubernetesProvider}/pkg/version.Version`]: kubernetesProviderVersion }),
    overlay: (folder) => {
      const args = ["list", "-m", "-f", "{{.Dir}}", kubernetesProvider];
      const module = execFileSync("go", args, { cwd: folder, encoding: "utf8" }).trim();
      const embedded = ["schema.json", "terraform-mapping.json"];
      const main = "pulumi-resource-kubernetes";
      return Object.fromEntries(embedded.map((name) => [join(folder, main, name), join(module, "cmd", main, name)]));
    },
  },
];

/** What the tests use and a sandbox does not need. */
export const tools = {
  actionlint: {
    name: "actionlint",
    parts: { actionlint: "github.com/rhysd/actionlint/cmd/actionlint" },
    stamps: () => ({}),
  },
  /** The controllers of cert-manager. Their CRDs lie in the module itself. */
  certManager: {
    name: "cert-manager",
    parts: { "cert-manager": "." },
    stamps: () => ({}),
    overlay: (folder) => {
      const args = ["list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager"];
      const module = execFileSync("go", args, { cwd: folder, encoding: "utf8" }).trim();
      const kinds = ["certificaterequests", "certificates", "clusterissuers", "issuers"];
      return Object.fromEntries(
        kinds.map((kind) => [join(folder, `${kind}.yaml`), join(module, `deploy/crds/cert-manager.io_${kind}.yaml`)]),
      );
    },
  },
  /** The Helm after the sandbox's own. */
  helm4: { name: "helm4", parts: { helm: "helm.sh/helm/v4/cmd/helm" }, stamps: () => ({}) },
  /** What people install several charts with, for the benchmark of peers. */
  helmfile: { name: "helmfile", parts: { helmfile: "github.com/helmfile/helmfile" }, stamps: () => ({}) },
  /** What runs a program in YAML. */
  yamlLanguage: {
    name: "pulumi-yaml",
    parts: { "pulumi-language-yaml": "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml" },
    stamps: (goMod: string) => ({
      "github.com/pulumi/pulumi-yaml/pkg/version.Version": requiredVersion(goMod, "github.com/pulumi/pulumi-yaml"),
    }),
  },
  /** Writes SDKs for a schema, by the code that the hosts of Python and Go use. */
  sdkGenerator: { name: "sdkgen", parts: { sdkgen: "." }, stamps: () => ({}) },
} as const satisfies Record<string, Module>;

/** The version that a go.mod requires of a module. */
export function requiredVersion(goMod: string, module: string): string {
  for (const line of goMod.split("\n")) {
    const [path, version] = line
      .trim()
      .replace(/^require\s+/, "")
      .split(/\s+/);
    if (path === module && version?.startsWith("v")) {
      return version;
    }
  }
  throw new Error(`go.mod requires no version of ${module}`);
}
