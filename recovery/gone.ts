import { ClusterError, openCluster, unreachable } from "../cluster/client";
import type { Settings } from "../settings/schema";

/** Where a stack's resources were, by its settings or by a provider in its state. */
export type Place = Pick<Settings, "kubeconfig" | "context" | "secretPaths">;

/** Whether a cluster is gone, as far as that shows from here, and how that is known. */
export interface Verdict {
  /** `answers`: its API server, or another one at its address. `gone`: nothing is at its address. `unseen`: nobody could look. */
  state: "answers" | "gone" | "unseen";
  evidence: string;
}

/** Looks whether the cluster of a place answers. */
export async function lookForCluster(place: Place): Promise<Verdict> {
  const cluster = openCluster(place);
  if ("problem" in cluster) return { state: "unseen", evidence: cluster.problem };
  try {
    await cluster.get("/version");
    return { state: "answers", evidence: `the API server at ${cluster.server} answers` };
  } catch (error) {
    const evidence = unreachable(place, cluster, error).problem;
    // What refuses may be the proxy.
    const isVia = cluster.config.getCurrentCluster()?.proxyUrl !== undefined;
    const state = stateOf(error);
    return { state: state === "gone" && isVia ? "unseen" : state, evidence };
  }
}

/**
 * By the error of a first request. Any answer of HTTP counts, also a refusal: who is refused has a living cluster. What ends
 * in TLS, in a proxy or before the request proves neither.
 */
export function stateOf(error: unknown): Verdict["state"] {
  const { status, message } = error as Partial<ClusterError>;
  if (error instanceof ClusterError && status !== undefined) return "answers";
  // As Node.js says it of the connection itself; the same words elsewhere are of a proxy, a plugin, or this machine's own network.
  const nobody =
    /^(connect|getaddrinfo) (ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|EHOSTDOWN|ETIMEDOUT)\b|^no answer within /;
  return nobody.test(message ?? "") ? "gone" : "unseen";
}

/** Of several places one stack's resources may be in: one that answers is enough, else one that nobody could look at. */
export function verdictOf(verdicts: readonly Verdict[]): Verdict {
  const of = (state: Verdict["state"]) => verdicts.filter((one) => one.state === state);
  const state = (["answers", "unseen", "gone"] as const).find((one) => of(one).length > 0) ?? "unseen";
  return { state, evidence: [...new Set(of(state).map(({ evidence }) => evidence))].join("; ") };
}
