import * as pulumi from "@pulumi/pulumi";
import { type Issued, issue } from "./certificates";

/** One resource as the program registered it. */
export interface Registration {
  type: string;
  name: string;
  urn: string;
  parent: string;
  /** URNs. */
  dependencies: string[];
  /** Package → reference of the provider that the children of a component get. */
  providers: Record<string, string>;
  provider: string;
  deleteBeforeReplace: boolean;
  protect: boolean;
  retainOnDelete: boolean;
  ignoreChanges: string[];
  /** Types of its aliases. */
  formerTypes: string[];
  /** Names of its aliases. */
  formerNames: string[];
  /** Inputs as they would go over the wire: secrets and unknowns carry their signatures. */
  wire: Record<string, unknown>;
  /** Inputs as the mocks saw them. */
  inputs: Record<string, unknown>;
}

export interface RunOptions {
  /** A preview: outputs that only the provider knows are unknown. @default false */
  preview?: boolean;
  stack?: string;
  /** Outputs of a resource beside its inputs and what the mocks give it. */
  outputs?: (args: pulumi.runtime.MockResourceArgs) => Record<string, unknown> | Promise<Record<string, unknown>>;
}

export interface Run<Result> {
  result: Result;
  resources: Registration[];
  /** The resource of a type's last part and name, e.g. `find("Release", "istiod")`. */
  find: (type: string, name: string) => Registration;
  /** `type name` of everything, sorted. */
  names: () => string[];
}

type MonitorLike = {
  registerResource(request: RegisterRequest, callback: unknown): unknown;
};
type RegisterRequest = {
  getType(): string;
  getName(): string;
  getParent(): string;
  getDependenciesList(): string[];
  getProvidersMap(): { toArray(): [string, string][] };
  getProvider(): string;
  getDeletebeforereplace(): boolean;
  getProtect(): boolean | undefined;
  getRetainondelete(): boolean | undefined;
  getIgnorechangesList(): string[];
  getAliasesList(): { getSpec(): { getType(): string; getName(): string } | undefined }[];
  getObject(): { toJavaScript(): Record<string, unknown> } | undefined;
};

/**
 * Runs a program against Pulumi's mocks and gives what it registered. The SDK's mock interface hides parents, dependencies
 * and options, so the mock monitor's method is wrapped: the only place of the tests that leans on the SDK's inside.
 */
export async function run<Result>(
  program: () => Result | Promise<Result>,
  options: RunOptions = {},
): Promise<Run<Result>> {
  const resources: Registration[] = [];
  const inputs = new Map<string, Record<string, unknown>>();
  const stack = options.stack ?? "test";
  await pulumi.runtime.setMocks(
    {
      newResource: async (args) => {
        inputs.set(`${args.type} ${args.name}`, args.inputs as Record<string, unknown>);
        const outputs = { ...(await defaultOutputs(args)), ...(await options.outputs?.(args)) };
        return { id: `${args.name}-id`, state: { ...(args.inputs as object), ...outputs } };
      },
      call: () => ({}),
    },
    "enroute-istio",
    stack,
    options.preview ?? false,
  );
  const monitor = pulumi.runtime.getMonitor() as unknown as MonitorLike;
  const original = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    const [type, name] = [request.getType(), request.getName()];
    resources.push({
      type,
      name,
      urn: `urn:pulumi:${stack}::enroute-istio::${type}::${name}`,
      parent: request.getParent(),
      dependencies: request.getDependenciesList(),
      providers: Object.fromEntries(request.getProvidersMap()?.toArray() ?? []),
      provider: request.getProvider(),
      deleteBeforeReplace: request.getDeletebeforereplace(),
      protect: request.getProtect() ?? false,
      retainOnDelete: request.getRetainondelete() ?? false,
      ignoreChanges: request.getIgnorechangesList(),
      formerTypes: request.getAliasesList().flatMap((alias) => alias.getSpec()?.getType() || []),
      formerNames: request.getAliasesList().flatMap((alias) => alias.getSpec()?.getName() || []),
      wire: request.getObject()?.toJavaScript() ?? {},
      inputs: {},
    });
    return original(request, callback);
  };
  let result: Result;
  // The SDK notes a stack for each of its promises, which nobody reads here: mapping them took most of the time.
  process.setSourceMapsEnabled(false);
  try {
    result = await program();
  } finally {
    await pulumi.runtime.disconnect();
    process.setSourceMapsEnabled(true);
  }
  for (const resource of resources) resource.inputs = inputs.get(`${resource.type} ${resource.name}`) ?? {};
  const found = resources.filter(({ type }) => type !== "pulumi:pulumi:Stack");
  return {
    result,
    resources: found,
    find: (type, name) => {
      const [match, ...more] = found.filter((resource) => resource.type.endsWith(`:${type}`) && resource.name === name);
      if (match === undefined || more.length > 0)
        throw new Error(`${more.length + (match ? 1 : 0)} resources are ${type} ${name}:\n${list(found).join("\n")}`);
      return match;
    },
    names: () => list(found),
  };
}

function list(resources: Registration[]): string[] {
  return resources.map(({ type, name }) => `${type} ${name}`).sort();
}

let certificate: Promise<Issued> | undefined;

/** What a provider would add. Keys are words, so that a test can look for them; certificates are real. */
async function defaultOutputs(args: pulumi.runtime.MockResourceArgs): Promise<Record<string, unknown>> {
  const inputs = args.inputs as Record<string, unknown>;
  switch (args.type) {
    case "kubernetes:helm.sh/v3:Release":
      return {
        status: { namespace: inputs["namespace"], name: inputs["name"], status: "deployed" },
      };
    case "kubernetes:core/v1:Service":
      return { status: { loadBalancer: { ingress: [{ ip: "192.0.2.10" }] } } };
    case "tls:index/privateKey:PrivateKey":
      return { privateKeyPem: `key of ${args.name}` };
    case "tls:index/certRequest:CertRequest":
      return { certRequestPem: `request of ${args.name}` };
    case "tls:index/selfSignedCert:SelfSignedCert":
    case "tls:index/locallySignedCert:LocallySignedCert":
      return { certPem: (await (certificate ??= issue())).certificate };
    default:
      return {};
  }
}

/** The value of an output. */
export function valueOf<Value>(output: pulumi.Output<Value>): Promise<Value> {
  return (output as unknown as { promise(withUnknowns?: boolean): Promise<Value> }).promise();
}
