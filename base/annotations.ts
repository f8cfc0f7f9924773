/*
 * Annotations by which an object says what its stack has declared about it; the policies go by them.
 */

/** Why something of ours is there that takes plain text: an exception from STRICT, or the right to serve Ingresses. */
export const reasonAnnotation = "enroute-istio/reason";

/** Who answers for an exception from STRICT. */
export const ownerAnnotation = "enroute-istio/owner";

/** Last day of an exception from STRICT, such as `2027-03-31`. */
export const untilAnnotation = "enroute-istio/until";

/** On a GatewayHost: a JSON object with the reason by path prefix of each route that is served without TLS, too. */
export const insecureRoutesAnnotation = "enroute-istio/insecure-routes";

/**
 * On the gateway's pods: whether they started with the right to list Ingresses. EnRoute keeps what it has once read, so that pods
 * have to start anew when the right is taken away.
 */
export const ingressesAnnotation = "enroute-istio/ingresses";

/** On what holds a serving certificate: its names beside the hosts, with commas between. */
export const extraNamesAnnotation = "enroute-istio/extra-names";
