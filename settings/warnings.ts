import { commonName, endOfValidity, isPubliclyTrusted, parseChain } from "../base/certificate";
import { durationSeconds } from "../base/duration";
import { defaultHub, istioCharts, retiredHosts } from "../mesh/istio";
import { isPast } from "../mesh/mutual-tls-policies";
import type { Settings } from "./schema";

/** Warnings about settings that work today and may not for long. */
export function settingsWarnings(settings: Settings, now: Date = new Date()): string[] {
  return [
    ...retiredHostWarnings(settings),
    ...providedCertificateWarnings(settings.certificate, now),
    ...exceptionWarnings(settings, now),
  ];
}

function exceptionWarnings({ mutualTls }: Settings, now: Date): string[] {
  return mutualTls.exceptions.flatMap(({ namespace, owner, until, mode }, index) =>
    isPast(until, now) === true
      ? [
          `mutualTls.exceptions[${index}] of ${owner} ended on ${until}, and namespace ${namespace} still has ${mode}: remove it, or agree on a new until.`,
        ]
      : [],
  );
}

function providedCertificateWarnings(certificate: Settings["certificate"], now: Date): string[] {
  if (certificate.issuer !== "provided") return [];
  const end = endOfValidity(certificate.certificateChain);
  const last = parseChain(certificate.certificateChain).at(-1)!;
  return [
    ...(new Date(end).getTime() - now.getTime() <= durationSeconds(certificate.warnBefore)! * 1000
      ? [`certificate.certificateChain ends on ${end}: have it renewed, and set certificateChain and privateKey.`]
      : []),
    ...(certificate.caCertificate === undefined && last.issuer !== last.subject && !isPubliclyTrusted(last)
      ? [
          `certificate.certificateChain ends at ${commonName(last.issuer)}, which is no public root: whether an intermediate is missing cannot be told. Set certificate.caCertificate to the CA that clients trust.`,
        ]
      : []),
  ];
}

function retiredHostWarnings(settings: Settings): string[] {
  const places: [string, string][] = [
    ["istio.chartRepository", settings.istio.chartRepository],
    ["istio.hub", settings.istio.hub],
    ...(settings.bookinfo === undefined ? [] : [["bookinfo.hub", settings.bookinfo.hub] as [string, string]]),
  ];
  return places.flatMap(([key, value]) => {
    const retired = retiredHosts.find((host) => value.includes(host));
    if (retired === undefined) return [];
    const instead = key === "istio.chartRepository" ? istioCharts : defaultHub;
    return [
      `${key} is ${value}: ${retired} is being switched off, and nothing from Istio 1.31 on is published there. Use ${instead}.`,
    ];
  });
}
