import type * as pulumi from "@pulumi/pulumi";
import { asParts } from "../parts";
import { withShortStacks } from "../short-stacks";
import { observability, sampleWorkload } from "./extras";
import { gatewayHosts, globalConfig, ingressGateway, servingCertificate } from "./gateway";
import {
  controlPlane,
  meshAuthority,
  meshClaim,
  meshMutualTls,
  meshNamespaces,
  onlyFromGateway,
  pullSecrets,
} from "./mesh";
import { type IngressOutputs, outputsOf } from "./outputs";
import { type SiteArgs, siteOf } from "./site";

/** An ingress that is made. */
export interface Ingress {
  outputs: IngressOutputs;
  /** Before all of these are done there is nothing to verify. */
  resources: pulumi.Resource[];
  /** Certificates of the CAs that clients trust, known or not. */
  caCertificate: pulumi.Output<string | undefined>;
}

/**
 * The rollout: client → EnRoute (TLS), EnRoute → workload (Istio mutual TLS, STRICT). What is not ordered runs side by side; the
 * reverse is the order of destruction. Each part says beside itself what it waits for, and what breaks without that.
 *
 * @param args of settings that are checked
 */
export function composeIngress(args: SiteArgs): Ingress {
  return withShortStacks(() => asParts(() => partsOf(args)));
}

function partsOf(args: SiteArgs): Ingress {
  const site = siteOf(args);
  const namespaces = meshNamespaces(site);
  const claim = meshClaim(site, namespaces);
  const pull = pullSecrets(site, namespaces);
  const authority = meshAuthority(site, namespaces, claim);
  const mesh = controlPlane(site, namespaces, authority, [...claim, ...pull]);
  const mutualTls = meshMutualTls(site, namespaces, mesh);
  const only = onlyFromGateway(site, namespaces, mesh);
  const gateway = ingressGateway(site, namespaces, mesh);
  const config = globalConfig(site, gateway);
  const certificate = servingCertificate(site, namespaces);
  const hosts = gatewayHosts(site, namespaces, gateway, certificate);
  const extras = [
    ...sampleWorkload(site, namespaces, mesh),
    ...observability(site, namespaces, mesh, [...claim, ...pull]),
  ];
  const { istio, gateway: own, workloads } = namespaces;
  return {
    outputs: outputsOf(args.settings, { gateway, certificate, authority }),
    resources: [istio, own, ...workloads, mesh, mutualTls, ...only, gateway, config, certificate, ...hosts, ...extras],
    caCertificate: certificate.caCertificate,
  };
}
