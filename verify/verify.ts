import { setTimeout as sleep } from "node:timers/promises";
import type { Finding } from "../base/finding";
import { type Report, reportOf, type Result } from "../base/report";
import { type Cluster, openCluster, unreachable } from "../cluster/client";
import { enroute } from "../mesh/enroute";
import { istiodName } from "../settings/expected";
import type { Settings } from "../settings/schema";
import { checkCertificates } from "./checks/certificates";
import { type ClientLegProbes, checkClientLeg, gatewayAddress } from "./checks/client-leg";
import { checkControlPlane } from "./checks/control-plane";
import { checkGatewayPod } from "./checks/gateway-pod";
import { checkGlobalConfig } from "./checks/global-config";
import { checkHosts } from "./checks/hosts";
import { checkIdentity, meshRoots } from "./checks/identity";
import { checkInjection, livePods } from "./checks/injection";
import { checkReleases } from "./checks/releases";
import { checkStrict } from "./checks/strict";
import { probeHost } from "./probes/client-leg";
import { type SigningAttempt, probeSigning } from "./probes/identity";
import { type ClusterView, readClusterView } from "./view";

export interface VerifyOptions {
  /** Points out certificates that end within so many days. @default 14 */
  days?: number;
  /** The moment to judge validity by. @default now */
  now?: Date;
  /** Certificate of the CA that clients trust (stack output `caCertificate`), PEM. @default that of the settings, if any */
  caCertificate?: string;
  /**
   * Connect to Services' cluster IPs directly: for whoever is inside the cluster, or has a route into it. Otherwise istiod
   * is reached through the API server's port-forward. @default false
   */
  dialServices?: boolean;
  /** Verify again while something fails, for so many seconds: right after a rollout the cluster may still be settling. @default 0 */
  settleSeconds?: number;
  /** How long each connection to the gateway and to istiod may take, in milliseconds. @default 3000 */
  timeout?: number;
}

/** The cluster cannot be looked at. */
export class VerifyError extends Error {
  constructor(readonly finding: Finding) {
    super(`${finding.problem}\n  fix: ${finding.fix}`);
    this.name = "VerifyError";
  }
}

/**
 * Looks whether both legs of a stack are encrypted: client → gateway, and gateway → workload. Changes nothing in the cluster.
 *
 * @throws VerifyError if the cluster cannot be reached at all. What can only partly be seen is reported as "could not tell".
 */
export async function verify(settings: Settings, options: VerifyOptions = {}): Promise<Report> {
  const cluster = openCluster(settings);
  if ("problem" in cluster) throw new VerifyError(cluster);
  try {
    await cluster.get("/version");
  } catch (error) {
    throw new VerifyError(unreachable(settings, cluster, error));
  }
  const deadline = Date.now() + (options.settleSeconds ?? 0) * 1000;
  for (;;) {
    const report = await lookOnce(cluster, settings, options);
    if (report.status !== "failed" || Date.now() >= deadline) return report;
    await sleep(2000);
  }
}

async function lookOnce(cluster: Cluster, settings: Settings, options: VerifyOptions): Promise<Report> {
  const view = await readClusterView(cluster, settings);
  const [clientLeg, signing] = await Promise.all([
    probeClientLeg(view, settings, options),
    probeIdentity(cluster, view, settings, options),
  ]);
  return reportOf(allChecks(view, settings, { clientLeg, signing }, options));
}

/** What the live probes saw. */
export interface Probes {
  clientLeg: ClientLegProbes;
  signing: SigningAttempt;
}

/** Every check, on what was seen. Pure. */
export function allChecks(
  view: ClusterView,
  settings: Settings,
  probes: Probes,
  options: VerifyOptions = {},
): Result[] {
  const { now = new Date(), days = 14 } = options;
  const given = "caCertificate" in settings.certificate ? settings.certificate.caCertificate : undefined;
  const caCertificate = options.caCertificate ?? given;
  return [
    ...checkReleases(view, settings),
    ...checkControlPlane(view, settings),
    ...checkInjection(view, settings),
    ...checkGatewayPod(view, settings),
    ...checkStrict(view, settings),
    ...checkGlobalConfig(view, settings),
    ...checkHosts(view, settings),
    ...checkCertificates(view, settings, { now, days, caCertificate }),
    ...checkClientLeg(view, settings, probes.clientLeg),
    ...checkIdentity(view, settings, probes.signing, { now, days }),
  ];
}

async function probeClientLeg(
  view: ClusterView,
  settings: Settings,
  { timeout = 3000 }: VerifyOptions,
): Promise<ClientLegProbes> {
  const address = gatewayAddress(view, settings);
  if (address === undefined) return undefined;
  return Object.fromEntries(
    await Promise.all(
      settings.hosts.map(
        async ({ host, minimumTlsVersion }) =>
          [host, await probeHost({ address, host, minimumTlsVersion, timeout })] as const,
      ),
    ),
  );
}

async function probeIdentity(
  cluster: Cluster,
  view: ClusterView,
  settings: Settings,
  { dialServices = false, timeout = 3000 }: VerifyOptions,
): Promise<SigningAttempt> {
  const rootNamespace = settings.istio.namespace.name;
  const service = istiodName(settings);
  const roots = meshRoots(view, settings);
  if (roots === undefined) return { outcome: "silent", reason: "the mesh's root certificate is not known" };
  const route = routeToIstiod(view, rootNamespace, service, dialServices);
  if (route === undefined) return { outcome: "silent", reason: "no istiod is ready" };
  const account = { namespace: settings.gateway.namespace.name, name: enroute.serviceAccount };
  return probeSigning({ cluster, rootNamespace, service, route, account, roots, timeout });
}

function routeToIstiod(view: ClusterView, namespace: string, name: string, dialServices: boolean) {
  const services = view.services[namespace];
  const service =
    services?.state === "read" ? services.value.find(({ metadata }) => metadata.name === name) : undefined;
  const clusterIP = service?.spec.clusterIP;
  if (dialServices) return clusterIP === undefined ? undefined : { clusterIP };
  const pods = view.pods[namespace];
  const selector = Object.entries(service?.spec.selector ?? {});
  const pod = livePods(pods?.state === "read" && selector.length > 0 ? pods.value : []).find(
    ({ metadata, status }) =>
      selector.every(([key, value]) => metadata.labels?.[key] === value) &&
      status?.containerStatuses?.every(({ ready }) => ready),
  );
  return pod === undefined ? undefined : { pod: pod.metadata.name };
}
