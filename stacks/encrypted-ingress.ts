import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { defined } from "../base/defined";
import type { Report, ReportSummary } from "../base/report";
import { composeIngress } from "../components/encrypted-ingress/compose";
import type { IngressOutputs } from "../components/encrypted-ingress/outputs";
import { sealed } from "../components/encrypted-ingress/sealed";
import { clusterSettings } from "../components/encrypted-ingress/cluster-settings";
import { Verification } from "../components/verification";
import { type Settings } from "../settings/schema";
import { registryConfigOf } from "./registry-login";
import type * as verification from "../verify/verify";

/** What a stack tells its users: the outputs of `pulumi up`. */
export interface StackOutputs extends IngressOutputs {
  /** What the verification at the end of `pulumi up` came to; missing unless `verifyAfterUp` asks for one. */
  verification?: pulumi.Output<ReportSummary>;
}

export interface RolloutOptions {
  /** Name by which the stack marks what it makes. @default nothing is marked, as for a comparison of programs */
  owner?: string;
  /** The cluster. @default that of the settings */
  cluster?: k8s.Provider;
  /** Gets the verification at the end of an update. */
  onVerification?: (report: Promise<Report>) => void;
  /** Folder that the provider runs in. @default the current one */
  providerFolder?: string;
  /** What this update will delete, `Kind namespace/name`. @default nothing */
  leaving?: () => Promise<string[]>;
}

/**
 * The rollout of a stack: the same composition as the component `EncryptedIngress`, under the names that stacks have had from the
 * first version on, and at its end the verification.
 *
 * @param lookAt how this process, not the provider, finds the cluster: the same settings, with a path that is right from here
 */
export function encryptedIngress(
  settings: Settings,
  lookAt: Settings = settings,
  { owner, cluster = clusterProvider(settings), onVerification, leaving, providerFolder }: RolloutOptions = {},
): StackOutputs {
  const { outputs, resources, caCertificate } = composeIngress({
    ...{ settings, sealed: sealed(settings), owner, providerFolder },
    name: (part) => part,
    common: { providers: [cluster, new tls.Provider("tls")] },
  });
  if (!settings.verifyAfterUp) return outputs;
  const proof = new Verification(
    "verification",
    {
      caCertificate,
      // Pods may be starting still, and istiod writes its certificate into the webhooks a moment after its start.
      verify: (known) => {
        const report = verifier().verify(lookAt, { ...known, ...defined({ owner }), settleSeconds: 30 });
        onVerification?.(report);
        return report;
      },
      ...(leaving === undefined ? {} : { leaving }),
    },
    { dependsOn: resources },
  );
  return { ...outputs, verification: proof.summary };
}

/** Loaded when it is used: previews, and updates that do not end with it, start half a second sooner without its files. */
function verifier(): typeof verification {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return require("../verify/verify") as typeof verification;
}

/** The cluster of the stack, and nothing that the shell points at. */
export function clusterProvider(settings: Settings): k8s.Provider {
  const { context, clusterIdentifier, kubernetesPluginVersion: version } = settings;
  const { kubeconfig } = sealed(settings);
  const registryConfigPath = registryConfigOf(settings, pulumi.getStack());
  const args: k8s.ProviderArgs = {
    ...(kubeconfig === "" ? {} : { kubeconfig }),
    ...(context === "" ? {} : { context }),
    // Other credentials, or another path of the same kubeconfig, are no other cluster: nothing is replaced.
    clusterIdentifier: clusterIdentifier === "" ? context : clusterIdentifier,
    ...(registryConfigPath === undefined ? {} : { helmReleaseSettings: { registryConfigPath } }),
    ...clusterSettings,
  };
  // Of a provider that was made without them, they alone would be an update; there the plugin's variables set them.
  const options = { ignoreChanges: ["kubeClientSettings"] };
  return new k8s.Provider("cluster", args, version === "" ? options : { ...options, version });
}
