import { count, listed } from "../../base/text";
import { type ClearTextWay, clearText } from "../../mesh/clear-text";
import { titleOf } from "../../mesh/object";
import { itemsOf } from "../checks/reading";
import { preflightCheck } from "./define";

/** What is there before the gateway comes, and would be served by it. */
export const clearTextCheck = preflightCheck({
  id: "mesh/clear-text",
  title: "nothing is there that the gateway would serve in clear text, unless it says why",
  severity: "warning",
  needs: ["gatewayHosts", "serviceRoutes", "ingresses"],
  subject: "hosts",
  fix: "give the host a TLS Secret, or delete it, after its owner has agreed; verify fails for it",
  docs: {
    meaning:
      "GatewayHosts and ServiceRoutes of others, anywhere in the cluster, that the gateway would serve without TLS; with `gateway.ingresses`, Ingresses too, all of which it serves so",
    fix: "give the host a TLS Secret, or delete it, after its owner has agreed",
  },
  run(facts, { settings }, problem) {
    const isServed = settings.gateway.ingresses !== undefined;
    const { ways } = clearText({
      gatewayHosts: itemsOf(facts.gatewayHosts, "GatewayHosts"),
      serviceRoutes: itemsOf(facts.serviceRoutes, "ServiceRoutes"),
      ingresses: isServed ? itemsOf(facts.ingresses, "Ingresses") : [],
    });
    const isOwn = ({ host }: ClearTextWay) => settings.hosts.some((own) => own.host === host.toLowerCase());
    // Its own hosts the update puts right; what others add to them it cannot.
    const foreign = ways.filter((way) => !isOwn(way) || way.source.kind !== "GatewayHost");
    const open = foreign.filter(({ reason }) => reason === undefined);
    for (const metadata of new Set(open.map(({ source }) => source.metadata))) {
      const own = open.filter(({ source }) => source.metadata === metadata);
      const [{ source, cause }] = own as [ClearTextWay];
      const paths = listed(own.map(({ host, prefix }) => `${host}${prefix}`));
      problem(`${titleOf(source)}: the gateway would serve ${paths} in clear text`, {
        subject: titleOf(source),
        ...(cause === "ingress"
          ? { fix: "as gateway.ingresses of the stack says; without it the gateway serves no Ingress" }
          : {}),
      });
    }
    return foreign.length === 0 ? "there is none" : `${count(foreign.length, "path")}, each with a reason`;
  },
});
