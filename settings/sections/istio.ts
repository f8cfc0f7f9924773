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
import { array, dnsLabel, enumOf, exactVersion, hours, object, string, tree } from "../builders";
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

/** A Helm release has at most 53 characters, and `istiod-` before its revision. */
const revisionName = string(
  "a name of a revision such as 1-31-0: lower-case letters, digits and '-', at most 46",
  /^[a-z0-9]([-a-z0-9]{0,44}[a-z0-9])?$/,
);

const controlPlane = object({
  revision: revisionName.meta({
    description:
      "Name of the revision, which namespaces and tags follow; `default` is the control plane of a stack without `istio.revision`.",
    examples: ["1-31-0", "default"],
  }),
  version: exactVersion.meta({ description: "Exact version of its chart `istiod`.", examples: ["1.31.0"] }),
  tag: image.tag
    .meta({ description: "Tag of its images.", examples: ["1.31.0-distroless"], unset: "its `version`" })
    .exactOptional(),
  release: string(
    "the name of a Helm release such as istiod: lower-case letters, digits and '-', at most 53",
    /^[a-z0-9]([-a-z0-9]{0,51}[a-z0-9])?$/,
  )
    .meta({
      description:
        "Name of its Helm release. A stack that had `istio.revision` before keeps `istiod` for that one: under another name its objects would be made again.",
      examples: ["istiod"],
      unset: "`istiod-<revision>`, and `istiod` for `default`",
    })
    .exactOptional(),
});

const source = chart("the charts `base` and `istiod`", istioCharts, "1.31.0");

export const istio = object({
  ...source,
  version: source.version.meta({ unset: "by `revisions`; one of the two is needed" }).exactOptional(),
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
  revisions: array(controlPlane, "control planes { revision, version, tag?, release? }")
    .min(1, { error: "at least one control plane { revision, version }" })
    .meta({
      description:
        "Control planes side by side, for an upgrade without an outage, in the place of `version`, `revision` and `tag`; docs/upgrades.md has the phases.",
      examples: [[{ revision: "1-31-0", version: "1.31.0" }]],
      unset: "the one of `version`",
    })
    .exactOptional(),
  defaultRevision: revisionName
    .meta({
      description:
        "The revision that checks Istio's objects for the API server, and that namespaces follow whose `injection` is left out; one of `revisions`.",
      examples: ["1-31-0"],
      unset: "the first of `revisions`",
    })
    .exactOptional(),
  tags: z
    .record(dnsLabel, revisionName, { error: "an object of tags, each with the revision that it points to" })
    .meta({
      description:
        "Revision tags, each with the revision that it points to: namespaces follow a tag by `injection: { revision: stable }`, and move when it does.",
      examples: [{ stable: "1-31-0" }],
      unset: "none",
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
