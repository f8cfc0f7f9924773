import { X509Certificate } from "node:crypto";
import type { Settings } from "../../stacks/settings";
import type { ClusterView } from "../cluster-view";
import { gatewayIdentity, meshMembers } from "../expected";
import type { SigningAttempt } from "../probes/identity";
import { CannotTell, type Result, judge, listed } from "../result";
import { pemBlocks, valueOf } from "./reading";

/** Whether the mesh's certificate authority vouches for the gateway, and everybody trusts it. */
export function checkIdentity(
  view: ClusterView,
  settings: Settings,
  attempt: SigningAttempt,
  options: { now: Date; days: number },
): Result[] {
  return [rootEverywhere(view, settings), rootLasts(view, settings, options), signing(settings, attempt)];
}

const key = "root-cert.pem";

/** PEM text of the mesh's root certificates, from the root namespace. */
export function meshRoots(view: ClusterView, settings: Settings): string | undefined {
  const map = view.rootCertificates[settings.istio.namespace.name];
  return map?.state === "read" ? map.value.data?.[key] : undefined;
}

function rootEverywhere(view: ClusterView, settings: Settings): Result {
  const root = settings.istio.namespace.name;
  return judge(
    {
      check: "identity/mesh-root",
      title: "the mesh's namespaces have the root certificate that istiod signs by",
      fix: "istiod keeps ConfigMap istio-ca-root-cert up to date by itself: look at control-plane/istiod-ready, and at its log",
    },
    (problem) => {
      const read = (namespace: string) =>
        valueOf(view.rootCertificates[namespace], `ConfigMap istio-ca-root-cert of namespace ${namespace}`)?.data?.[
          key
        ];
      const wanted = pemBlocks(read(root)).sort().join();
      if (wanted === "") {
        problem(`namespace ${root} has no ConfigMap istio-ca-root-cert`);
        return "";
      }
      const members = meshMembers(settings).map(({ name }) => name);
      for (const name of members) {
        const found = pemBlocks(read(name)).sort().join();
        if (found === "") problem(`namespace ${name} has none: its proxies cannot start`);
        else if (found !== wanted) problem(`namespace ${name} has another: its proxies trust nobody else's`);
      }
      return listed([root, ...members]);
    },
  );
}

function rootLasts(view: ClusterView, settings: Settings, { now, days }: { now: Date; days: number }): Result {
  return judge(
    {
      check: "identity/root-valid",
      title: "the mesh's root certificate is valid, now and for a while",
      fix: "renew the mesh's CA before its end; docs/verify.md says how",
    },
    (problem) => {
      const text = meshRoots(view, settings);
      const blocks = text?.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
      if (blocks.length === 0)
        throw new CannotTell("there is no root certificate to look at", "see identity/mesh-root");
      const ends = blocks.map((block) => new Date(new X509Certificate(block).validTo));
      // Of several, the last one counts: the others are kept only until the last proxy has forgotten them.
      const end = new Date(Math.max(...ends.map((date) => date.getTime())));
      const left = Math.floor((end.getTime() - now.getTime()) / (24 * 3600_000));
      if (end <= now) problem(`it expired on ${end.toISOString()}: every connection in the mesh fails`);
      else if (left <= days) problem(`it ends on ${end.toISOString()}, in ${left} days`);
      return `until ${end.toISOString()}`;
    },
  );
}

function signing(settings: Settings, attempt: SigningAttempt): Result {
  const identity = gatewayIdentity(settings);
  return judge(
    {
      check: "identity/gateway-certificate",
      title: "istiod signs a certificate for the gateway, in its name",
      fix: `look at istiod's log: kubectl -n ${settings.istio.namespace.name} logs deployment/istiod`,
    },
    (problem) => {
      if (attempt.outcome === "silent")
        throw new CannotTell(
          `istiod's certificate authority could not be asked: ${attempt.reason}`,
          "verify with rights to port-forward and to make tokens, or from inside the cluster with --dial-services",
        );
      if (attempt.outcome === "denied") {
        problem(`istiod signs nothing for it: ${attempt.reason}`);
        return "";
      }
      const names = attempt.names.split(", ");
      if (!names.includes(`URI:${identity}`))
        problem(`the certificate is for ${attempt.names || "nobody"} instead of ${identity}`);
      if (!attempt.trusted) problem("the certificate does not lead to the mesh's root certificate");
      return `${identity}`;
    },
  );
}
