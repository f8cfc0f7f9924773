import type * as pulumi from "@pulumi/pulumi";
import { durationHours } from "../../base/duration";
import { defaultKeyAlgorithm, defaultRootValidity } from "../../mesh/authority";
import { defaultServingRoot, leafLife, servingRootName, servingRoots } from "../../mesh/serving-certificate";
import { bundle, generateRoot, generateSigned, subject } from "./certificate-authority";
import type { GeneratedCertificate } from "./sources";

/** Roots, and a leaf that one of them signs. */
export function generateServing(name: string, hosts: string[], args: GeneratedCertificate, parent: pulumi.Resource) {
  const keyAlgorithm = args.keyAlgorithm ?? defaultKeyAlgorithm;
  const trusted = servingRoots(args);
  const roots = trusted.roots.map((root) => {
    const resource = root === defaultServingRoot ? `${name}-ca` : `${name}-ca-${root}`;
    const validityHours = durationHours(args.caValidity ?? defaultRootValidity)!;
    return generateRoot(resource, { commonName: servingRootName(root), keyAlgorithm, validityHours }, parent);
  });
  const request = {
    subject: subject("EnRoute gateway"),
    dnsNames: [...new Set([...hosts, ...(args.extraNames ?? [])])],
    ...(args.ipAddresses === undefined ? {} : { ipAddresses: args.ipAddresses }),
  };
  const certificate = {
    ...leafLife(args),
    allowedUses: ["digital_signature", "key_encipherment", "server_auth"],
  };
  const signer = roots[trusted.roots.indexOf(trusted.signer)]!;
  const leaf = generateSigned(`${name}-leaf`, signer, { keyAlgorithm, request, certificate }, parent);
  return { ...leaf, caCertificate: bundle(roots.map((root) => root.certificate.certPem)) };
}
