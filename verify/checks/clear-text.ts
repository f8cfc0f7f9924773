import { ingressesAnnotation } from "../../base/annotations";
import { count, listed } from "../../base/text";
import { type ClearTextWay, clearText } from "../../mesh/clear-text";
import { enroute } from "../../mesh/enroute";
import { fqdnOf, isPattern } from "../../mesh/gateway-host";
import { ingressSupport } from "../../mesh/gateway-rights";
import { titleOf } from "../../mesh/object";
import type { Settings } from "../../settings/schema";
import { CannotTell, notThere } from "../check";
import type { HttpAttempt } from "../probes/client-leg";
import { type ClusterView, secretKey } from "../view";
import { type VerifyCheck, verifyCheck } from "./define";
import { somePods } from "./gateway-pod";
import { updating } from "./fixes";
import { itemsOf, valueOf } from "./reading";

type Routing = Pick<ClusterView, "gatewayHosts" | "serviceRoutes">;
type Ingresses = Pick<ClusterView, "ingresses">;

const routing = (view: Routing) => ({
  gatewayHosts: itemsOf(view.gatewayHosts, "GatewayHosts"),
  serviceRoutes: itemsOf(view.serviceRoutes, "ServiceRoutes"),
});

/** Ways by GatewayHosts and ServiceRoutes where every host that names a Secret has its certificate. */
export function declaredWays(view: Routing): ClearTextWay[] {
  return clearText({ ...routing(view), ingresses: [] }).ways;
}

/** Ways by Ingresses, for a gateway that may list them. */
function ingressWays(view: Routing & Ingresses): ClearTextWay[] {
  const ingresses = itemsOf(view.ingresses, "Ingresses");
  return clearText({ ...routing(view), ingresses }).ways.filter(({ cause }) => cause === "ingress");
}

/** How many paths of Ingresses are asked for. */
export const mostIngressProbes = 20;

/** Paths that only an Ingress opens: what answers there in clear text does so for it. A pattern has no path to ask for. */
export function ingressPaths(view: Routing & Ingresses): ClearTextWay[] {
  const others = declaredWays(view);
  const isCovered = ({ host, prefix }: ClearTextWay) =>
    others.some((other) => (other.host === host || other.host.includes("*")) && prefix.startsWith(other.prefix));
  return ingressWays(view).filter((way) => !isPattern(way.prefix) && !isCovered(way));
}

const pathOf = ({ host, prefix }: ClearTextWay) => `${host}${prefix}`;
const wayText = (way: ClearTextWay) => `${pathOf(way)} of ${titleOf(way.source)}`;

const restart = ({ gateway }: Settings) =>
  `kubectl -n ${gateway.namespace.name} rollout restart deployment ${enroute.deployment}`;
const declaring = "or say in gateway.ingresses of the stack why they have to be served";

const ingresses = verifyCheck({
  id: "clear-text/ingresses",
  title: "EnRoute may not list Ingresses, which it serves in clear text, unless the stack says why",
  needs: ["ingressRight", "ingresses", "gatewayHosts", "serviceRoutes", "pods", "releases"],
  subject: ({ settings }) => `ServiceAccount ${settings.gateway.namespace.name}/${enroute.serviceAccount}`,
  fix: "run pulumi up --refresh",
  docs: {
    meaning:
      "the API server says that the gateway's service account may not list Ingresses, and its pods have started since; or `gateway.ingresses` says why it may, and every host that is served for it is listed. EnRoute takes each Ingress without a class annotation, also one for another controller's `ingressClassName`",
    fix: "take the right away, and restart the gateway: EnRoute keeps what it has read",
  },
  run(view, { settings }, problem) {
    const right = valueOf(view.ingressRight, "the right to list Ingresses");
    if (right === undefined) throw new CannotTell("the API server does not review rights");
    const declared = settings.gateway.ingresses;
    const ways = ingressWays(view).map(wayText);
    if (right.allowed && declared === undefined) {
      const served = ways.length === 0 ? "there is none yet" : `it serves ${listed(ways)}`;
      problem(`EnRoute may list Ingresses (${right.reason}), and serves them in clear text: ${served}`, {
        fix: `${grantFix(right.reason)}; then restart the gateway, which keeps what it has read: ${restart(settings)}; ${declaring}`,
      });
    }
    if (!right.allowed && declared !== undefined)
      problem("EnRoute may not list Ingresses, which gateway.ingresses of the stack wants served");
    const wanted = ingressSupport(declared);
    const stale = somePods(view, settings).filter(
      ({ metadata }) => metadata.annotations?.[ingressesAnnotation] !== wanted,
    );
    if (stale.length > 0)
      problem(
        `${listed(stale.map(({ metadata }) => `pod ${metadata.name}`))} did not start with Ingresses ${wanted}: it keeps those that it has read`,
        {
          subject: `Deployment ${settings.gateway.namespace.name}/${enroute.deployment}`,
          fix: updating(view, settings.gateway.namespace.name, enroute.release),
        },
      );
    if (right.allowed) return `as the stack says (${declared?.reason}): ${listed(ways) || "there is none yet"}`;
    return ways.length === 0
      ? "it may not, and there is none that it would serve"
      : `it may not; ${count(ways.length, "path")} that it would serve: ${listed(ways, 3)}`;
  },
});

/** Who gave a right, as the API server says: `RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "y" to …`. */
function grantFix(reason: string): string {
  const [, kind, name] = /by (\w+) "([^"]+)"/.exec(reason) ?? [];
  if (name === undefined) return "take the right away";
  return name === enroute.ingressBinding
    ? // Not pulumi up --refresh: to the provider a list that is empty in the program is one that nobody sets.
      `kubectl patch clusterrolebinding ${name} --type merge --patch '{"subjects":[]}'`
    : `take the gateway out of it: kubectl edit ${kind?.toLowerCase()} ${name}`;
}

const others = verifyCheck({
  id: "clear-text/hosts",
  title: "no host beside the stack's is served in clear text, unless its object says why",
  needs: ["gatewayHosts", "serviceRoutes", "certificateDelegations", "hostSecrets"],
  subject: "hosts",
  fix: "give the host a TLS Secret, or delete it",
  docs: {
    meaning:
      "no other GatewayHost, in whatever namespace, is served on port 80: each names a Secret that is there, and no route of it, of what it delegates to, or of a ServiceRoute has `permitInsecure`, but for those for which the annotation `enroute-istio/insecure-routes` gives a reason",
    fix: "give the host a TLS Secret, or delete it",
  },
  run(view, { settings }, problem) {
    const { ways, undecided } = clearText({
      ...routing(view),
      ingresses: [],
      certificates: {
        delegations: itemsOf(view.certificateDelegations, "TLSCertificateDelegations"),
        isKeyPair(place) {
          const seen = view.hostSecrets[secretKey(place)];
          return seen === undefined || seen.state === "unreadable" ? undefined : seen.state === "read" && seen.value;
        },
      },
    });
    // Of the stack's own hosts hosts/* and certificates/* tell.
    const isOwn = ({ host }: { host: string }) => settings.hosts.some((own) => own.host === host.toLowerCase());
    const foreign = ways.filter((way) => !isOwn(way));
    const open = foreign.filter(({ reason }) => reason === undefined);
    for (const source of new Set(open.map((way) => way.source.metadata))) {
      const own = open.filter((way) => way.source.metadata === source);
      const [{ source: object, cause }] = own as [ClearTextWay];
      const { kind, metadata } = object;
      problem(`${titleOf(object)} serves ${listed(own.map(pathOf))} in clear text on port 80: ${causes[cause]}`, {
        subject: titleOf(object),
        fix: `have its owner ${remedies[cause]}: kubectl -n ${metadata.namespace} edit ${kind.toLowerCase()} ${metadata.name}`,
      });
    }
    const unknown = undecided.filter((one) => !isOwn(one));
    if (unknown.length > 0)
      throw new CannotTell(
        `the Secret of ${listed(unknown.map(({ source }) => titleOf(source)))} could not be read`,
        "use credentials that may read it",
      );
    if (itemsOf(view.gatewayHosts, "GatewayHosts").length === 0) throw notThere("no GatewayHost", "hosts/present");
    const roots = itemsOf(view.gatewayHosts, "GatewayHosts").flatMap((host) => fqdnOf(host) ?? []);
    const number = roots.filter((host) => !isOwn({ host })).length;
    const declared = foreign.map((way) => `${wayText(way)} (${way.reason})`);
    const seen = number === 0 ? "there is no other" : count(number, "other host");
    return declared.length === 0 ? seen : `${seen}; in clear text as declared: ${listed(declared)}`;
  },
});

const causes: Record<ClearTextWay["cause"], string> = {
  "no-tls": "it names no TLS Secret",
  "no-certificate": "its Secret is missing, is not one for TLS, or is not delegated to its namespace",
  "permit-insecure": "permitInsecure",
  ingress: "it is an Ingress",
};

const remedies: Record<ClearTextWay["cause"], string> = {
  "no-tls": "name a Secret in spec.virtualhost.tls.secretName, or delete it",
  "no-certificate": "put the Secret right, or delete it",
  "permit-insecure": "take permitInsecure away, or give a reason in the annotation enroute-istio/insecure-routes",
  ingress: "delete it",
};

const answers = verifyCheck({
  id: "clear-text/answers",
  title: "no Ingress is answered in clear text, unless the stack says why",
  needs: ["ingressAnswers", "ingresses", "gatewayHosts", "serviceRoutes", "clientLeg"],
  subject: "Ingresses",
  fix: ({ settings }) => `restart the gateway, which keeps what it has read: ${restart(settings)}`,
  docs: {
    meaning: `a request without TLS for each path that only an Ingress opens, at most ${mostIngressProbes}, is redirected, or answered by the gateway that there is nothing; with \`gateway.ingresses\`, what answers is listed`,
    fix: "restart the gateway: it keeps Ingresses that it has read before its right was taken away",
  },
  run(view, { settings }, problem) {
    const paths = ingressPaths(view);
    if (view.ingressAnswers === undefined) throw notThere("the gateway was not connected to", "client-leg/address");
    if (paths.length === 0) return "there is none whose path could be asked for";
    const silent: string[] = [];
    const served: string[] = [];
    // A refused connection says that nothing is served only where the gateway is there at all.
    const isUp = Object.values(view.clientLeg ?? {}).some(({ handshake }) => handshake.outcome === "connected");
    let asked = 0;
    for (const way of paths) {
      const attempt = view.ingressAnswers[pathOf(way)];
      if (attempt === undefined) continue;
      asked += 1;
      if (attempt.outcome === "silent" || (attempt.outcome === "closed" && !isUp))
        silent.push(`${pathOf(way)}: ${attempt.reason}`);
      else if (isServed(attempt)) served.push(`${wayText(way)} (${attempt.status})`);
    }
    if (settings.gateway.ingresses === undefined && served.length > 0)
      problem(`in clear text the gateway answers for ${listed(served)}`);
    if (silent.length > 0)
      throw new CannotTell(
        listed(silent),
        "verify from where clients are, and look at firewall and the gateway's pods",
      );
    const some = asked < paths.length ? `the first ${asked} of ${paths.length} paths` : count(asked, "path");
    return served.length === 0 ? `none of ${some}` : `as the stack says, of ${some}: ${listed(served)}`;
  },
});

/** Whether a plain request reached a route: Envoy itself says 404 where there is none. */
function isServed(attempt: HttpAttempt): attempt is HttpAttempt & { outcome: "answered" } {
  if (attempt.outcome !== "answered") return false;
  const { status, location, isFromWorkload } = attempt;
  const isRedirected = status >= 300 && status < 400 && location?.toLowerCase().startsWith("https://") === true;
  return isFromWorkload === true || (status !== 404 && !isRedirected);
}

/** Every way into the mesh in clear text that the stack's hosts do not declare. */
export const clearTextChecks: readonly VerifyCheck[] = [ingresses, others, answers];
