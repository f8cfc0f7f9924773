import { z } from "zod";
import { defaultMeshRoot, defaultIntermediateValidity } from "../../mesh/mesh-authority";
import {
  defaultHub,
  defaultIstioNamespace,
  defaultProfile,
  defaultTrustDomain,
  istioCharts,
  istioProfileNames,
} from "../../mesh/istio";
import { array, dnsLabel, enumOf, hours, object, string, tree } from "../builders";
import {
  chart,
  create,
  generatedAuthority,
  image,
  namespaceLabels,
  pem,
  privateKey,
  release,
  rootNames,
  warnBefore,
  wholeHours,
} from "./common";

/* `istio`: the control plane, and the certificate authority of the mesh. */

const trustDomain = string("a trust domain such as cluster.local", /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);

const generated = generatedAuthority("the intermediate", defaultMeshRoot);
const certificateAuthority = z.discriminatedUnion(
  "issuer",
  [
    object({
      issuer: z
        .literal("istiod")
        .describe("Istiod makes a CA of its own (Secret `istio-ca-secret`) and renews it by itself."),
    }),
    object({
      issuer: z
        .literal("generated")
        .describe(
          "Roots of the stack's own, and an intermediate CA below one of them, by which istiod signs (Secret `cacerts`).",
        ),
      ...generated,
      roots: generated.roots.describe("Names of the stack's own roots that the mesh trusts."),
      validity: hours(2, 36500 * 24, wholeHours)
        .default(defaultIntermediateValidity)
        .meta({ description: "Life of the intermediate, in whole hours.", examples: ["4380h"] }),
      rootCertificates: pem("further roots that the mesh trusts")
        .describe("Further roots that the mesh trusts beside its own, PEM, so that `provided` may follow or precede.")
        .exactOptional(),
      warnBefore,
    }),
    object({
      issuer: z.literal("provided").describe("A CA made elsewhere, brought as PEM, by which istiod signs."),
      rootCertificates: pem("the mesh's roots").describe("Every root that the mesh trusts, PEM."),
      roots: rootNames
        .meta({
          description:
            "Names of the stack's own roots that are trusted beside those, so that `generated` may follow or precede.",
          examples: [["2026"]],
        })
        .exactOptional(),
      certificateChain: pem("the CA that signs, its issuers after it").describe(
        "The CA that signs first, then its issuers, PEM.",
      ),
      privateKey: privateKey("the CA that signs"),
      warnBefore,
    }),
  ],
  { error: "an object with an issuer: one of istiod, generated, provided" },
);

export const istio = object({
  ...chart("the charts `base` and `istiod`", istioCharts, "1.31.0"),
  hub: string("a registry path such as docker.io/istio")
    .default(defaultHub)
    .meta({
      description: "Registry path of Istio's images. Hosts that are being switched off give a warning.",
      examples: ["registry.example.com/istio"],
    }),
  tag: image.tag
    .meta({ description: "Tag of Istio's images.", examples: ["1.31.0-distroless"], unset: "`istio.version`" })
    .exactOptional(),
  profile: enumOf(istioProfileNames).default(defaultProfile).meta({
    description:
      "Size of the control plane: `small` (one istiod, small requests), `standard` (the chart's sizes), `ha` (two or more, spread, with a disruption budget).",
  }),
  namespace: object({
    name: dnsLabel
      .default(defaultIstioNamespace)
      .meta({ description: "Name of the mesh's root namespace.", examples: ["istio-root"] }),
    create,
    labels: namespaceLabels,
  })
    .prefault({})
    .describe("The mesh's root namespace, where everything mesh-wide is."),
  revision: dnsLabel
    .meta({
      description: "Revision of this control plane; namespaces follow it.",
      examples: ["1-31"],
      unset: "the default revision",
    })
    .exactOptional(),
  trustDomain: trustDomain
    .default(defaultTrustDomain)
    .meta({ description: "First part of every identity in the mesh.", examples: ["prod.example.com"] }),
  trustDomainAliases: array(
    trustDomain.meta({ description: "An earlier trust domain.", examples: ["cluster.local"] }),
    "trust domains",
  )
    .meta({
      description: "Earlier trust domains, whose identities are accepted as well.",
      examples: [["cluster.local"]],
    })
    .exactOptional(),
  ca: certificateAuthority.prefault({ issuer: "istiod" }).meta({
    description: "The certificate authority of the mesh, by `issuer`: `istiod`, `generated` or `provided`.",
    unset: "istiod's own",
  }),
  meshConfig: tree
    .meta({
      description: "Istio's MeshConfig, over what the stack sets. What a key of the stack decides is refused here.",
      examples: [{ accessLogFile: "/dev/stdout" }],
      secret: "may",
    })
    .exactOptional(),
  ...release({ global: { logAsJson: true } }),
});
