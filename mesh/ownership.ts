/** Label on every namespace that we create: preflight tells our own from one that somebody else made. */
export const ownerLabel = "app.kubernetes.io/managed-by";
export const ownerValue = "enroute-istio";
