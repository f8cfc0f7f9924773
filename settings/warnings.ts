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

function providedCertificateWarnings(given: Settings["certificate"], now: Date): string[] {
  if (given.issuer !== "provided") return [];
  const end = endOfValidity(given.certificateChain);
  const last = parseChain(given.certificateChain).at(-1)!;
  return [
    ...(new Date(end).getTime() - now.getTime() <= durationSeconds(given.warnBefore)! * 1000
      ? [`certificate.certificateChain ends on ${end}: have it renewed, and set certificateChain and privateKey.`]
      : []),
    ...(given.caCertificate === undefined && last.issuer !== last.subject && !isPubliclyTrusted(last)
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
    const retired = retiredHosts.find((hostOfOld) => value.includes(hostOfOld));
    if (retired === undefined) return [];
    const instead = key === "istio.chartRepository" ? istioCharts : defaultHub;
    return [
      `${key} is ${value}: ${retired} is being switched off, and nothing from Istio 1.31 on is published there. Use ${instead}.`,
    ];
  });
}
