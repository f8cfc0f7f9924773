/* Why the API server refuses a pod, by its own words, and what to do about it. */

/** A kind of refusal: how it is known, and what puts it right. */
interface Refusal {
  sign: RegExp;
  fix: (namespace: string, part: string) => string;
}

/** The label by which a namespace enforces a Pod Security level. */
export const enforceLabel = "pod-security.kubernetes.io/enforce";

/** What spares the pods the init container. */
export const orUseCni = "or have Istio's CNI plugin do the work of the init container (istio.values.cni.enabled)";

const agree = "agree with its owner, then";

/** Lets a namespace have pods with the sidecar's init container, which baseline and restricted refuse. */
export function lowerPodSecurity(namespace: string): string {
  return `${agree} kubectl label --overwrite namespace ${namespace} ${enforceLabel}=privileged, ${orUseCni}`;
}

/** Each text was seen from a real API server (1.36); the first that fits counts. */
const refusals: readonly Refusal[] = [
  { sign: /violates PodSecurity "/, fix: (namespace) => lowerPodSecurity(namespace) },
  {
    sign: /failed quota: ([^:\s]+): must specify/,
    fix: (namespace, quota) =>
      `ResourceQuota ${quota} takes no container without requests and limits: give them defaults by a LimitRange in namespace ${namespace}`,
  },
  {
    sign: /exceeded quota: ([^,\s]+)/,
    fix: (namespace, quota) =>
      `raise ResourceQuota ${quota}, or ask for less: kubectl -n ${namespace} describe resourcequota ${quota}`,
  },
  {
    sign: /(?:maximum|minimum) \S+ usage per|max limit to request ratio/,
    fix: (namespace) =>
      `ask for what its LimitRange allows, or have it changed: kubectl -n ${namespace} describe limitrange`,
  },
  {
    sign: /admission webhook "([^"]+)" denied/,
    fix: (_, webhook) => `the owner of webhook ${webhook} decides what it takes: change the pod, or agree with them`,
  },
  {
    sign: /failed calling webhook "([^"]+)"/,
    fix: (_, webhook) =>
      `the server of webhook ${webhook} does not answer: kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations shows whose it is`,
  },
  {
    sign: /error looking up service account|serviceaccount "?([^"\s]+)"? not found/,
    fix: () => "run pulumi up --refresh: the pods' service account is gone",
  },
];

/** What to do where the API server refuses a pod with these words. */
export function refusalFix(message: string, namespace: string): string {
  for (const { sign, fix } of refusals) {
    const match = sign.exec(message);
    if (match !== null) return fix(namespace, match[1] ?? "");
  }
  return `see why: kubectl -n ${namespace} get events --field-selector reason=FailedCreate`;
}
