import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { defined } from "../../base/defined";
import { issueText } from "../../base/issue";
import { ownerName } from "../../mesh/ownership";
import { clusterKeys } from "../../settings/arguments";
import type { Settings } from "../../settings/schema";
import { withValues } from "../../settings/marks";
import { secretPathsOf } from "../../settings/secrets";
import { wantedNamespaces } from "../../settings/expected";
import { settingsWarnings } from "../../settings/warnings";
import { type Checked, readArguments } from "../arguments";
import { refuseExisting } from "../existing-objects";
import { ArgumentsError, missingProvider } from "../refusal";
import type { EncryptedIngressArgs } from "./args";
import { composeIngress } from "./compose";
import type { IngressNamespaces, IngressNodePorts, IngressOutputs, IngressWorkloadCertificate } from "./outputs";
import { sealed } from "./sealed";

export type { EncryptedIngressArgs };
export { clusterSettings } from "./cluster-settings";
export type { IngressNamespaces, IngressNodePorts, IngressOutputs, IngressWorkloadCertificate };

/**
 * The whole: an ingress whose two legs, client → gateway and gateway → workload, are encrypted. It takes the settings of a stack
 * without those of its cluster, which comes as a provider: one whose cluster is made in the same update will do. It does not look
 * into the cluster before it starts, as a stack's preflight does; an update makes nothing over what is there and is not its own.
 *
 * @example
 * const ingress = new EncryptedIngress(
 *   "shop",
 *   {
 *     istio: { version: "1.31.0" },
 *     gateway: { version: "0.8.7", images: { redis: { tag: "7.4.1" } } },
 *     namespaces: [{ name: "shop" }],
 *     hosts: [{ host: "shop.example.com", namespace: "shop", routes: [{ service: "storefront", port: 80 }] }],
 *     certificate: { issuer: "generated" },
 *   },
 *   { provider: cluster },
 * );
 * ingress.gatewayAddress.apply((address) => console.log(`point shop.example.com to ${address}`));
 */
export class EncryptedIngress extends pulumi.ComponentResource implements IngressOutputs {
  declare readonly versions: Record<string, string>;
  declare readonly namespaces: IngressNamespaces;
  declare readonly gatewayAddress: pulumi.Output<string | undefined>;
  declare readonly gatewayNodePorts?: pulumi.Output<IngressNodePorts>;
  declare readonly hosts: string[];
  declare readonly gatewayIdentity: string;
  declare readonly workloadCertificate: IngressWorkloadCertificate;
  declare readonly meshRootCertificates: pulumi.Output<string> | undefined;
  declare readonly caCertificate: pulumi.Output<string | undefined> | undefined;
  declare readonly certificateEndOfValidity: pulumi.Output<string | undefined> | undefined;
  declare readonly keptOnDestroy: string[];

  constructor(name: string, args: EncryptedIngressArgs, opts?: pulumi.ComponentResourceOptions) {
    super("enroute-istio:index:EncryptedIngress", name, {}, opts);
    const checked = readArguments<object>(this, { type: "EncryptedIngress", name }, args) as Checked<Settings>;
    alone(this, name);
    warn(this, checked);
    const { outputs } = composeIngress({
      ...settingsOf(checked),
      owner: runningOwner(),
      name: (part) => `${name}-${part}`,
      common: { parent: this, ...keyMaker(this, name) },
      further: refuseExisting(this, name, adoptedIn(checked.settled)),
    });
    Object.assign(this, outputs);
    this.registerOutputs(defined(outputs));
  }
}

const ingresses = new WeakMap<pulumi.ProviderResource, string>();

/** Of two in one cluster each would undo what the other does: Istio's and EnRoute's objects have fixed names. */
function alone(component: EncryptedIngress, name: string): void {
  const title = `EncryptedIngress ${name}`;
  const provider = component.getProvider("kubernetes:core/v1:Namespace");
  if (provider === undefined) throw missingProvider(component, title);
  const first = ingresses.get(provider);
  if (first !== undefined)
    throw new ArgumentsError(component, title, [
      {
        key: "provider",
        found: `the one of EncryptedIngress ${first}`,
        allowed: `the provider of another cluster, or one of both with the hosts of ${first} and ${name}: in a cluster, Istio's and EnRoute's objects have fixed names`,
      },
    ]);
  ingresses.set(provider, name);
}

/** The arguments as settings, and the same with every secret and every Output as an Output. */
function settingsOf({ settled, outputs }: Checked<Settings>): { settings: Settings; sealed: Settings } {
  const settings = { ...clusterKeys, ...settled, secretPaths: secretPathsOf(settled, []) };
  return { settings, sealed: withValues(sealed(settings), outputs) };
}

/** The namespaces that are to be taken over. */
function adoptedIn(settings: Settings): string[] {
  return wantedNamespaces(settings).flatMap(({ name, create }) => (create === "adopt" ? name : []));
}

/** Name of the running stack, by which it marks its objects. */
function runningOwner(): string {
  return ownerName({ organization: runningOrganization(), project: pulumi.getProject(), stack: pulumi.getStack() });
}

function runningOrganization(): string {
  try {
    return pulumi.getOrganization();
  } catch {
    // A test with the SDK's mocks that names none; this is the word of backends without organizations.
    return "organization";
  }
}

/** A provider of keys and certificates, where the program gives none: it takes no settings. */
function keyMaker(parent: EncryptedIngress, name: string): pulumi.ComponentResourceOptions {
  const isGiven = parent.getProvider("tls:index/privateKey:PrivateKey") !== undefined;
  return isGiven ? {} : { providers: [new tls.Provider(`${name}-tls`, {}, { parent })] };
}

/** What works today and may not for long. */
function warn(component: EncryptedIngress, { known }: Checked<Settings>): void {
  known.apply(async (settings) => {
    for (const warning of settingsWarnings({ ...clusterKeys, ...settings }))
      await pulumi.log.warn(issueText(warning), component);
  });
}
