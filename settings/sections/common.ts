import { z } from "zod";
import { defaultRootValidity, defaultKeyAlgorithm, keyAlgorithms } from "../../mesh/authority";
import { defaultTimeoutSeconds } from "../../mesh/charts";
import { defaultPullPolicy, pullPolicies } from "../../mesh/enroute";
import { injectionLabelKeys } from "../../mesh/injection";
import { defaultWarnBefore } from "../../mesh/lives";
import { floating } from "../../mesh/pod-template";
import {
  array,
  chartRepository,
  checkedString,
  dnsLabel,
  duration,
  enumOf,
  exactVersion,
  hours,
  integer,
  object,
  record,
  rootName,
  string,
  tree,
} from "../builders";

/* What more than one section of the settings has. */

const credential = (what: string, description: string) =>
  string(what)
    .meta({ description, secret: "must", examples: [{ secure: "AAABAMcG5Q0=" }] })
    .exactOptional();

const chartRepositoryAuth = object({
  username: string("a user name")
    .meta({ description: "User name, with `password`.", examples: ["robot"], secret: "may", unset: "`token`" })
    .exactOptional(),
  password: credential("a password", "Password of the user. It must be a secret: `pulumi config set --secret`."),
  token: credential(
    "a token",
    "A token in the place of a password, where any user name goes with it. It must be a secret: `pulumi config set --secret`.",
  ),
  caFile: string("the path of a file with certificates, PEM")
    .meta({
      description:
        "Path of the certificates of the CAs that the repository's certificate is from, PEM; relative to the project's folder. Not for `oci://`: let the machine trust the CA.",
      examples: ["certificates/charts-ca.pem"],
      unset: "the CAs of the machine",
    })
    .exactOptional(),
});

/** Which version of a chart, and from where. */
export function chart(charts: string, repository: string, version: string) {
  return {
    version: exactVersion.meta({ description: `Exact version of ${charts}.`, examples: [version] }),
    chartRepository: chartRepository.default(repository).meta({
      description: "Helm repository (`https://…`) or registry path (`oci://…`) of the chart.",
      examples: ["oci://registry.example.com/charts"],
    }),
    chartRepositoryAuth: chartRepositoryAuth
      .meta({ description: "How to log in to that repository.", unset: "without a login" })
      .exactOptional(),
  };
}

/** How Helm installs a chart. */
export function release(values: Record<string, unknown>) {
  return {
    timeoutSeconds: integer(1, 3600, " seconds")
      .meta({
        description: "How long Helm waits for each release to become ready, in seconds.",
        examples: [600],
        unset: `\`${defaultTimeoutSeconds}\``,
        input: true,
      })
      .exactOptional(),
    values: tree
      .meta({
        description:
          "Further Helm values, merged last: arrays replace, and `null` deletes what the stack sets. What a key of the stack decides is refused here.",
        examples: [values],
        secret: "may",
      })
      .exactOptional(),
  };
}

export const namespaceLabels = record
  .refine((labels) => injectionLabelKeys.every((key) => !(key in labels)), {
    error: `no ${injectionLabelKeys.join(" or ")} here: say it with injection. With both on one namespace Istio ignores the revision`,
  })
  .meta({
    description: `Further labels, other than ${injectionLabelKeys.map((key) => `\`${key}\``).join(" and ")}.`,
    examples: [{ team: "shop" }],
    propertyNames: { not: { enum: injectionLabelKeys } },
  })
  .exactOptional();

const injectionForms = z.union([z.literal("enabled"), z.strictObject({ revision: dnsLabel })]);
// One message for whatever is wrong: the union's own would speak of its second form only.
export const injection = z
  .custom<z.output<typeof injectionForms>>((value) => injectionForms.safeParse(value).success, {
    error:
      'either "enabled" or { revision: <revision or tag> }, never both: with both labels Istio ignores the revision',
  })
  .meta({
    anyOf: z.toJSONSchema(injectionForms, { target: "draft-7" }).anyOf,
    description:
      "How pods join the mesh: `enabled` by the default revision, `{ revision: 1-31 }` by that revision or tag. Never both: with both labels Istio ignores the revision.",
    examples: [{ revision: "1-31" }, "enabled"],
    unset: "by `istio.revision`, or `istio.defaultRevision`",
  });

export const create = z
  .union([z.boolean(), z.literal("adopt")], { error: "true, false, or adopt (take over one that exists)" })
  .default(true)
  .meta({
    description:
      "`true`: the stack creates it, and it must not exist. `false`: it exists, gets the labels only, and stays behind on destroy. `adopt`: it exists and becomes the stack's, and destroy deletes it with everything in it.",
    examples: [false, "adopt"],
  });

export const image = {
  repository: string(
    "an image repository such as docker.io/library/redis, without a tag",
    /^[a-z0-9]+([._:/-]+[a-z0-9]+)*$/,
  ).meta({
    description: "Repository of the image, without a tag.",
    examples: ["registry.example.com/redis"],
  }),
  tag: checkedString(
    "a fixed image tag such as 7.4.1, optionally pinned as 7.4.1@sha256:<64 hex digits>; not latest, which is other bits tomorrow",
    // Without latest for editors, which know no more than the pattern.
    /^(?!latest$)\w[\w.-]{0,127}(@sha256:[0-9a-f]{64})?$/,
    (tag) => floating(`:${tag}`) === undefined,
  ).meta({
    description: "Fixed tag of the image; may be pinned: `7.4.1@sha256:…`. Not `latest`.",
    examples: ["7.4.1"],
  }),
  pullPolicy: enumOf(pullPolicies)
    .meta({ description: "When the kubelet pulls the image: `Always`, `IfNotPresent` or `Never`." })
    .meta({ unset: `\`${defaultPullPolicy}\`` })
    .exactOptional(),
};

/** The PEM text of something. */
export function pem(what: string) {
  return string(`the PEM text of ${what}`, /-----BEGIN [A-Z0-9 ]+-----/).meta({
    secret: "may",
    examples: ["-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n"],
  });
}

/** A private key; settings that hold one in plain text are refused. */
export function privateKey(of: string) {
  return pem(`the private key of ${of}`).meta({
    description: `Private key of ${of}, PEM. It must be a secret: \`pulumi config set --secret\`.`,
    secret: "must",
    examples: [{ secure: "AAABAMcG5Q0=" }],
  });
}

export const wholeHours = "@pulumi/tls counts hours, so nothing shorter";

export const rootNames = array(
  rootName.meta({ description: "Name of a root.", examples: ["2026"] }),
  "names such as 2026",
).meta({ examples: [["2026", "2027"]] });

/** Life and renewal of what a root of the stack's own signs. */
export function generatedAuthority(signed: string, defaultRoot: string) {
  return {
    keyAlgorithm: enumOf(keyAlgorithms)
      .meta({
        description: `Kind and size of the keys: \`ECDSA-P256\`, \`ECDSA-P384\`, \`RSA-2048\` or \`RSA-4096\`; of ${signed}, and of roots made from now on.`,
        examples: ["ECDSA-P384"],
        unset: `\`${defaultKeyAlgorithm}\``,
      })
      .exactOptional(),
    caValidity: hours(2, 36500 * 24, wholeHours)
      .default(defaultRootValidity)
      .meta({
        description: `Life of a root, in whole hours, longer than \`validity\`; of roots made from now on.`,
        examples: ["43800h"],
      }),
    renewBefore: hours(1, 36500 * 24, wholeHours)
      .meta({
        description: `How long before the end of ${signed} an update renews it, in whole hours; less than \`validity\`.`,
        examples: ["480h"],
        unset: "a third of `validity`",
      })
      .exactOptional(),
    roots: rootNames
      .min(1, { error: "at least one name such as 2026" })
      .meta({ unset: `\`[${defaultRoot}]\`` })
      .exactOptional(),
    signer: rootName
      .meta({
        description: `Name of the root that signs ${signed}, one of \`roots\`.`,
        examples: ["2026"],
        unset: "the first of `roots`",
      })
      .exactOptional(),
  };
}

/** How early previews warn of the end of a certificate. */
export const warnBefore = duration.default(defaultWarnBefore).meta({
  description: `How long before the end of the certificate in use every preview warns; \`${defaultWarnBefore}\` are 14 days.`,
  examples: ["720h"],
});
