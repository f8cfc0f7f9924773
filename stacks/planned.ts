import * as pulumi from "@pulumi/pulumi";
import { fixedFields, hasFixedFields } from "../mesh/immutability";
import { apiGroup } from "../mesh/object";
import { type Planned, type PlannedObject, type PlannedRelease, type RegisteredAs } from "../mesh/ownership";
import type { Settings } from "../settings/schema";
import { encryptedIngress } from "./encrypted-ingress";
import { sdk } from "./sdk";

/** What a mock monitor can do; all but outputs as values, which it could not resolve. */
const features = ["Secrets", "ResourceReferences", "DeletedWith", "ReplaceWith", "AliasSpecs", "ResourceHooks"];

/** Everything that the program would register: it runs once against mocks, beside the run that counts. */
export function plannedBy(settings: Settings, owner: string): Promise<Planned> {
  const { withLocalStorage, getStore, MockMonitor, waitForRPCs } = sdk();
  return withLocalStorage(async () => {
    const planned: Planned = { objects: [], releases: [] };
    const store = getStore();
    store.settings.monitor = new MockMonitor({
      newResource: ({ type, name, inputs, id }) => {
        // A resource with an id is read from the cluster, and a patch is of somebody else's.
        if ((id === undefined || id === "") && type.startsWith("kubernetes:") && !type.endsWith("Patch"))
          add(planned, { type, name }, inputs as Inputs);
        return { id: `${name}-id`, state: inputs as Record<string, unknown> };
      },
      call: () => ({}),
    });
    const nobody = { engineAddr: undefined, monitorAddr: "mock" };
    // As in a preview, what only a provider can tell stays unknown.
    store.settings.options = { ...store.settings.options, ...nobody, dryRun: true };
    for (const feature of features) store[`supports${feature}`] = true;
    // It stays in this process, so that nothing of it need be sealed.
    encryptedIngress({ ...settings, verifyAfterUp: false, secretPaths: [] }, settings, { owner });
    await waitForRPCs();
    return planned;
  });
}

interface Inputs {
  apiVersion?: string;
  kind?: string;
  metadata?: { name: string; namespace?: string };
  repositoryOpts?: { repo?: string; username?: string; password?: string; caFile?: string };
}

function add({ objects, releases }: Planned, registered: RegisteredAs, inputs: Inputs): void {
  if (registered.type === "kubernetes:helm.sh/v3:Release") releases.push({ ...releaseOf(inputs), registered });
  else if (inputs.metadata !== undefined) objects.push({ ...objectOf(inputs), registered });
}

function releaseOf({ repositoryOpts, ...inputs }: Inputs): PlannedRelease {
  const { name, namespace, chart, version, values } = inputs as unknown as PlannedRelease;
  const { repo: repository, ...access } = repositoryOpts ?? {};
  return {
    ...{ name, namespace, chart, version, values: settled(values) as Record<string, unknown> },
    ...(repository === undefined ? {} : { repository, access }),
  };
}

function objectOf(inputs: Inputs): PlannedObject {
  const { apiVersion = "", kind = "", metadata } = inputs;
  const { name, namespace } = metadata!;
  return {
    ...{ apiVersion, group: apiGroup(apiVersion), kind, ...(namespace === undefined ? {} : { namespace }), name },
    ...(hasFixedFields({ apiVersion, kind }) ? { fixed: fixedFields(inputs) } : {}),
  };
}

/** Values as JSON: what is not known yet is a text, which no chart makes a name of. */
function settled(value: unknown): unknown {
  if (pulumi.isUnknown(value) || value === undefined || value === pulumi.runtime.unknownValue) return "unknown";
  if (Array.isArray(value)) return value.map(settled);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, settled(item)]));
}

interface Rendered {
  apiVersion?: string;
  kind?: string;
  metadata?: { name?: string; namespace?: string };
}

/** What a chart would make, rendered by the provider's own Helm for this cluster. Its `crds/` belong to no release. */
export async function renderedBy(
  release: PlannedRelease,
  provider: pulumi.ProviderResource,
  helm_registry_config: string | undefined,
): Promise<PlannedObject[]> {
  const { name, namespace, chart, version, repository, values, access = {} } = release;
  const { caFile: ca_file, ...login } = access;
  const fetch_opts = { version, ...login, ca_file, ...(repository === undefined ? {} : { repo: repository }) };
  const options = {
    helm_registry_config,
    chart,
    version,
    namespace,
    release_name: name,
    values,
    skip_crd_rendering: true,
    fetch_opts,
  };
  const { result } = (await pulumi.runtime.invoke(
    "kubernetes:helm:template",
    { jsonOpts: JSON.stringify(options) },
    { provider },
  )) as { result: Rendered[] };
  return result.flatMap((object) => {
    const { apiVersion, kind, metadata } = object;
    if (apiVersion === undefined || kind === undefined || metadata?.name === undefined) return [];
    const placed = { name: metadata.name, namespace: metadata.namespace ?? namespace };
    return [{ ...objectOf({ ...object, metadata: placed }), release: `${namespace}/${name}` }];
  });
}
