import { authorityProblems, rootCertificateProblems } from "../base/certificate";
import { durationSeconds } from "../base/duration";
import { keyAlgorithms } from "../mesh/authority";
import { defaultValidity as managedValidity } from "../mesh/cert-manager";
import { intermediateLife, meshRoots } from "../mesh/mesh-authority";
import {
  type ServingEnvoy,
  algorithmProblem,
  envoyOf,
  leafLife,
  servedProblems,
  servingRoots,
} from "../mesh/serving-certificate";
import { type Problem, found, problem } from "./error";
import type { Settings } from "./schema";

/* What may be said of certificates, and of the authorities that sign them. */

/** A serving certificate, and what it has to fit. */
export interface Serving {
  certificate: Settings["certificate"];
  hosts: readonly string[];
  /** Tag of the gateway's Envoy. */
  envoyTag: string | undefined;
}
/** @param tagKey the key that says which Envoy it is */
export function servingCertificateProblems(
  { certificate, hosts, envoyTag }: Serving,
  now: Date,
  tagKey = "gateway.images.envoy.tag",
): Problem[] {
  const envoy = envoyOf(envoyTag);
  switch (certificate.issuer) {
    case "existingSecret":
      return [];
    case "generated":
      return [...generatedProblems(certificate), ...algorithmProblems(certificate, envoy, tagKey)];
    case "certManager":
      return [...certManagerProblems(certificate), ...algorithmProblems(certificate, envoy, tagKey)];
    case "provided":
      return servedProblems(certificate, { hosts, envoy, now }).map(({ part, problem: why }) =>
        problem(`certificate.${part}`, undefined, why),
      );
  }
}

/** A kind of key that the stack asks for, and its Envoy does not serve. */
function algorithmProblems(
  { keyAlgorithm }: Pick<Certificate<"generated">, "keyAlgorithm">,
  envoy: ServingEnvoy,
  tagKey: string,
): Problem[] {
  if (keyAlgorithm === undefined) return [];
  const why = algorithmProblem(keyAlgorithm, envoy);
  if (why === undefined) return [];
  const fine = keyAlgorithms.filter((one) => algorithmProblem(one, envoy) === undefined);
  return [
    problem(
      "certificate.keyAlgorithm",
      keyAlgorithm,
      `one of ${fine.join(", ")}; the certificate ${why}, and its hosts would be down. Or set ${tagKey} to v1.33.0 or newer`,
    ),
  ];
}

type Certificate<Issuer> = Extract<Settings["certificate"], { issuer: Issuer }>;

function generatedProblems(certificate: Certificate<"generated">): Problem[] {
  const { roots, signer } = servingRoots(certificate);
  return [
    ...lifeProblems("certificate", certificate, leafLife(certificate)),
    ...rootProblems("certificate", roots, signer),
  ];
}

/** Problems of lives that must fit into each other. */
function lifeProblems(
  key: string,
  certificate: { validity: string; renewBefore?: string; caValidity: string },
  life: { validityPeriodHours: number; earlyRenewalHours: number },
): Problem[] {
  const { validity, renewBefore, caValidity } = certificate;
  return found(
    life.earlyRenewalHours >= life.validityPeriodHours &&
      problem(
        `${key}.renewBefore`,
        renewBefore,
        `less than validity (${validity}): a certificate would be renewed at every update`,
      ),
    durationSeconds(caValidity)! <= durationSeconds(validity)! &&
      problem(`${key}.caValidity`, caValidity, `more than validity (${validity})`),
  );
}

/** @param key where the authority is */
export function meshAuthorityProblems(ca: Settings["istio"]["ca"], now: Date, key = "istio.ca"): Problem[] {
  switch (ca.issuer) {
    case "istiod":
      return [];
    case "generated": {
      const { roots, signer } = meshRoots(ca);
      return [
        ...lifeProblems(key, ca, intermediateLife(ca)),
        ...rootProblems(key, roots, signer),
        ...(ca.rootCertificates === undefined
          ? []
          : rootCertificateProblems(ca.rootCertificates, now).map((why) =>
              problem(`${key}.rootCertificates`, undefined, why),
            )),
      ];
    }
    case "provided":
      return authorityProblems(ca, now).map(({ part, problem: why }) => problem(`${key}.${part}`, undefined, why));
  }
}

function rootProblems(key: string, roots: readonly string[], signer: string): Problem[] {
  const twice = roots.find((root, index) => roots.indexOf(root) < index);
  return found(
    twice !== undefined && problem(`${key}.roots`, roots, `each name once; ${twice} is there twice`),
    !roots.includes(signer) &&
      problem(`${key}.signer`, signer, `one of ${key}.roots (${roots.join(", ")}): clients must trust what signs`),
  );
}

function certManagerProblems({ validity = managedValidity, renewBefore }: Certificate<"certManager">): Problem[] {
  const [life, before] = [durationSeconds(validity)!, durationSeconds(renewBefore ?? "5m")!];
  return found(
    life < 3600 && problem("certificate.validity", validity, "1h or more: cert-manager takes no less"),
    before < 300 && problem("certificate.renewBefore", renewBefore, "5m or more: cert-manager takes no less"),
    before >= life &&
      problem("certificate.renewBefore", renewBefore, `less than validity (${validity}): it would never stop renewing`),
  );
}
