import { z } from "zod";
import { defaultKeyAlgorithm, keyAlgorithms } from "../../mesh/authority";
import {
  certManagerGroup,
  defaultIssuerKind,
  defaultValidity as managedValidity,
  managedSecretName,
} from "../../mesh/cert-manager";
import { defaultServingRoot, defaultValidity } from "../../mesh/serving-certificate";
import { array, certificateName, dnsLabel, duration, enumOf, hours, ipAddress, object, string } from "../builders";
import { generatedAuthority, pem, privateKey, warnBefore, wholeHours } from "./common";

/* `certificate`: what clients see on the leg client → gateway. */

const names = {
  extraNames: array(
    certificateName.meta({ description: "A DNS name or a wildcard.", examples: ["*.example.com"] }),
    "DNS names",
  )
    .meta({ description: "Further DNS names beside the hosts; wildcards are fine.", examples: [["*.example.com"]] })
    .exactOptional(),
  ipAddresses: array(ipAddress.describe("An IPv4 or IPv6 address."), "IP addresses")
    .meta({ description: "IP addresses that it covers, for clients without DNS.", examples: [["192.0.2.7"]] })
    .exactOptional(),
};

const caCertificate = pem("the CA's certificate")
  .describe("Certificates of the CAs that clients trust, PEM, for the stack's outputs.")
  .exactOptional();

const generated = generatedAuthority("the leaf", defaultServingRoot);
const issuers = ["generated", "provided", "existingSecret", "certManager"] as const;
export const certificate = z
  .discriminatedUnion(
    "issuer",
    [
      object({
        issuer: z
          .literal("generated")
          .describe(
            "A CA and a leaf of the stack's own, for tests and where clients can be given the CA (stack output `caCertificate`).",
          ),
        ...names,
        ...generated,
        keyAlgorithm: generated.keyAlgorithm.meta({
          description:
            "Kind and size of the keys: `ECDSA-P256`, `ECDSA-P384` (Envoy 1.33 or newer), `RSA-2048` or `RSA-4096`; of the leaf, and of roots made from now on.",
          examples: ["RSA-2048"],
        }),
        roots: generated.roots.describe("Names of the CA's roots that clients are to trust."),
        // Clients refuse longer ones (CA/Browser Forum ballot SC-31, and Apple for every CA).
        validity: hours(2, 398 * 24, `clients take no more than 398 days, and ${wholeHours}`)
          .default(defaultValidity)
          .meta({
            description:
              "Life of the leaf, in whole hours, from `2h` to `9552h` (398 days, the most that clients take).",
            examples: ["1440h"],
          }),
        warnBefore,
      }),
      object({
        issuer: z
          .literal("provided")
          .describe(
            "Issued elsewhere, brought as PEM. Checked before anything is touched: readable, in order, complete, matching, valid now, issued by CAs, covering every host.",
          ),
        certificateChain: pem("the certificate, its issuers after it").describe(
          "The certificate first, then its issuers, PEM.",
        ),
        privateKey: privateKey("the certificate"),
        caCertificate,
        warnBefore,
      }),
      object({
        issuer: z
          .literal("existingSecret")
          .describe(
            "A `kubernetes.io/tls` Secret in the namespace of every host. It must be there before the host, and hold what can be served: EnRoute serves a host without its Secret in clear text.",
          ),
        secretName: dnsLabel.meta({
          description: "Name of the Secret, the same in every namespace.",
          examples: ["shop-tls"],
        }),
        warnBefore,
      }),
      object({
        issuer: z
          .literal("certManager")
          .describe("cert-manager, which must be installed, issues it in the namespace of every host."),
        issuerRef: object({
          name: string("the name of an Issuer or ClusterIssuer", /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/).meta({
            description: "Name of the issuer.",
            examples: ["letsencrypt"],
            input: true,
          }),
          kind: string("a kind such as Issuer or ClusterIssuer", /^[A-Z][A-Za-z]+$/)
            .default(defaultIssuerKind)
            .meta({
              description: "`Issuer` (in that namespace), `ClusterIssuer`, or the kind of an external issuer.",
              examples: ["ClusterIssuer"],
            }),
          group: string("an API group such as cert-manager.io", /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)
            .default(certManagerGroup)
            .meta({ description: "API group of the issuer's kind.", examples: ["awspca.cert-manager.io"] }),
        }).describe("What issues the certificate."),
        secretName: dnsLabel
          .default(managedSecretName)
          .meta({ description: "Name of the Secret that cert-manager fills.", examples: ["shop-tls"] }),
        ...names,
        keyAlgorithm: enumOf(keyAlgorithms)
          .meta({
            description:
              "Kind and size of the key: `ECDSA-P256`, `ECDSA-P384` (Envoy 1.33 or newer), `RSA-2048` or `RSA-4096`.",
            unset: `\`${defaultKeyAlgorithm}\``,
          })
          .exactOptional(),
        validity: duration
          .meta({
            description: "Life to ask for, `1h` or more; ACME issuers decide by themselves.",
            examples: ["1440h"],
            unset: `cert-manager's \`${managedValidity}\``,
          })
          .exactOptional(),
        renewBefore: duration
          .meta({
            description: "How long before its end it is renewed, `5m` or more, less than `validity`.",
            examples: ["480h"],
            unset: "cert-manager's third of the life",
          })
          .exactOptional(),
        caCertificate,
        warnBefore,
      }),
    ],
    { error: `an object with an issuer: one of ${issuers.join(", ")}` },
  )
  .describe(
    `The gateway's serving certificate, by \`issuer\`: ${issuers.map((issuer) => `\`${issuer}\``).join(", ")}.`,
  );
