import { commonName, isPubliclyTrusted, iso, parseChain } from "../base/certificate";
import { durationSeconds } from "../base/duration";
import type { Issue } from "../base/issue";
import { isLoopbackUrl, loginOf } from "../mesh/charts";
import { fixedImage } from "../mesh/images";
import { defaultHub, istioCharts, retiredHosts } from "../mesh/istio";
import { isDue } from "../mesh/lives";
import { isPast } from "../mesh/mutual-tls-policies";
import type { Settings } from "./schema";

/** Warnings about settings that work today and may not for long. */
export function settingsWarnings(settings: Settings, now: Date = new Date()): Issue[] {
  return [
    ...retiredHostWarnings(settings),
    ...clearTextWarnings(settings),
    ...registryWarnings(settings),
    ...providedCertificateWarnings(settings.certificate, now),
    ...exceptionWarnings(settings, now),
    ...onlyFromGatewayWarnings(settings),
  ];
}

/** A warning about a key, which begins its text. */
const warning = (id: string, subject: string, problem: string, fix: string): Issue => ({
  id: `settings/${id}`,
  severity: "warning",
  subject,
  problem: `${subject} ${problem}`,
  fix,
});

function exceptionWarnings({ mutualTls }: Settings, now: Date): Issue[] {
  return mutualTls.exceptions.flatMap(({ namespace, owner, until, mode }, index) =>
    isPast(until, now) === true
      ? [
          warning(
            "exception-ended",
            `mutualTls.exceptions[${index}]`,
            `of ${owner} ended on ${until}, and namespace ${namespace} still has ${mode}`,
            "remove it, or agree on a new until",
          ),
        ]
      : [],
  );
}

/** The sample's way in answers still, with half of its page empty. */
function onlyFromGatewayWarnings({ namespaces, bookinfo }: Settings): Issue[] {
  return namespaces.flatMap(({ name, onlyFromGateway }, index) =>
    onlyFromGateway === true && name === bookinfo?.namespace
      ? [
          warning(
            "only-from-gateway",
            `namespaces[${index}].onlyFromGateway`,
            `is true in namespace ${name} of bookinfo, whose services call each other and get 403`,
            "set it to false, or bookinfo.namespace to another namespace",
          ),
        ]
      : [],
  );
}

function providedCertificateWarnings(certificate: Settings["certificate"], now: Date): Issue[] {
  if (certificate.issuer !== "provided") return [];
  const chain = parseChain(certificate.certificateChain);
  const [leaf, last] = [chain[0]!, chain.at(-1)!];
  return [
    ...(isDue(leaf, now, durationSeconds(certificate.warnBefore)! * 1000)
      ? [
          warning(
            "certificate-ends",
            "certificate.certificateChain",
            `ends on ${iso(leaf.validTo)}`,
            "have it renewed, and set certificateChain and privateKey",
          ),
        ]
      : []),
    ...(certificate.caCertificate === undefined && last.issuer !== last.subject && !isPubliclyTrusted(last)
      ? [
          warning(
            "certificate-chain",
            "certificate.certificateChain",
            `ends at ${commonName(last.issuer)}, which is not a public root: whether an intermediate is missing cannot be told`,
            "set certificate.caCertificate to the CA that clients trust",
          ),
        ]
      : []),
  ];
}

/** Charts are programs for the cluster: whoever is on the way of one may put another in its place, and reads the login. */
function clearTextWarnings(settings: Settings): Issue[] {
  return (["istio", "gateway", "prometheus", "kiali"] as const).flatMap((key) => {
    const { chartRepository = "", chartRepositoryAuth: auth } = settings[key] ?? {};
    if (!/^http:\/\//.test(chartRepository) || isLoopbackUrl(chartRepository)) return [];
    return [
      warning(
        "clear-text-repository",
        `${key}.chartRepository`,
        `is ${chartRepository}: its charts come in clear text, and who is on their way may replace them${loginOf(auth) === undefined ? "" : ", or read the login"}`,
        "use https:// or oci://",
      ),
    ];
  });
}

function registryWarnings({ registry }: Settings): Issue[] {
  if (registry === undefined) return [];
  return [
    warning(
      "fixed-image",
      "registry",
      `is ${registry}, and the chart enroute fixes ${fixedImage} all the same`,
      "have the nodes mirror docker.io (containerd: registry hosts), or let them pull that image from there",
    ),
  ];
}

function retiredHostWarnings(settings: Settings): Issue[] {
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
      warning(
        "retired-host",
        key,
        `is ${value}: ${retired} is being switched off, and nothing from Istio 1.31 on is published there`,
        `use ${instead}`,
      ),
    ];
  });
}
