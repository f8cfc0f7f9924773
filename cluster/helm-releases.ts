import { gunzipSync } from "node:zlib";
import { reasonLine } from "../base/text";
import type { Cluster } from "./client";
import type { Named, SecretObject } from "./kinds";

/** One revision of a release, as the labels of its Secret tell it. */
export interface HelmRevision {
  name: string;
  revision: number;
  /** Helm's word: deployed, failed, superseded, pending-install, uninstalling, … */
  status: string;
  /** Whether Pulumi's kubernetes plugin wrote it; Helm's own command leaves its own name. */
  byPulumi: boolean;
}

/** A release as Helm has written it down. */
export interface HelmRelease {
  name: string;
  /** The latest. */
  revision: number;
  /** `deployed`, `failed`, `pending-install`, `pending-upgrade`, `pending-rollback`, `uninstalling`, … */
  status: string;
  /** Helm's own words about the latest revision; read only where it is not deployed. */
  description?: string;
}

const secretsOf = (namespace: string) => `/api/v1/namespaces/${namespace}/secrets`;

/** Every revision of the releases of a namespace, by the labels of Helm's Secrets: their content stays where it is. */
export async function helmRevisions(cluster: Cluster, namespace: string): Promise<HelmRevision[]> {
  const path = `${secretsOf(namespace)}?labelSelector=owner%3Dhelm`;
  const { items } = await cluster.get<{ items: Named[] }>(path, { metadata: true });
  return items.flatMap(({ metadata: { labels = {}, managedFields = [] } }) => {
    const { name, version, status = "unknown" } = labels;
    const byPulumi = managedFields.some(({ manager = "" }) => manager.startsWith("pulumi-resource-kubernetes"));
    return name === undefined ? [] : [{ name, revision: Number(version), status, byPulumi }];
  });
}

/** The Secret in which Helm keeps a revision of a release. */
export function revisionSecret(
  cluster: Cluster,
  namespace: string,
  { name, revision }: Pick<HelmRevision, "name" | "revision">,
): Promise<SecretObject> {
  return cluster.get<SecretObject>(`${secretsOf(namespace)}/sh.helm.release.v1.${name}.v${revision}`);
}

/** The Helm releases of a namespace, the latest revision of each. */
export async function helmReleases(cluster: Cluster, namespace: string): Promise<HelmRelease[]> {
  const revisions = await helmRevisions(cluster, namespace);
  const latest = [...new Set(revisions.map(({ name }) => name))].map((name) => {
    const own = revisions.filter((release) => release.name === name);
    return own.sort((a, b) => b.revision - a.revision)[0]!;
  });
  return Promise.all(
    latest.map(async (release) => {
      if (release.status === "deployed") return release;
      const secret = await revisionSecret(cluster, namespace, release).catch(() => undefined);
      const description = helmDescription(secret?.data?.["release"]);
      return { ...release, ...(description === undefined ? {} : { description }) };
    }),
  );
}

/** What Helm has written down of a revision, as far as it is read here. */
export interface HelmContent {
  info?: { description?: string };
  chart?: {
    metadata?: { name?: string; version?: string };
    /** The chart's own values. */
    values?: Record<string, unknown>;
  };
  /** The values that its user gave. */
  config?: Record<string, unknown>;
}

/** A revision: base64 (of the Secret) of base64 (of Helm) of a gzipped JSON text. Undefined where it is something else. */
export function helmContent(data: string | undefined): HelmContent | undefined {
  try {
    const text = gunzipSync(Buffer.from(Buffer.from(data ?? "", "base64").toString(), "base64")).toString();
    return JSON.parse(text) as HelmContent;
  } catch {
    return undefined;
  }
}

/** Helm's words about a release. Of somebody else's format, the labels have said enough. */
export function helmDescription(data: string | undefined): string | undefined {
  const description = helmContent(data)?.info?.description;
  return description === undefined ? undefined : reasonLine(description);
}
