import { count } from "../../base/text";
import { kubeconfigName } from "../../settings/kubeconfig";
import { CannotTell, type Problem } from "../check";
import { type PreflightCheck, type PreflightContext, preflightCheck } from "./define";

/* Whether there is a cluster to look at. Where there is not, nothing else can be told. */

/** Reports why the cluster cannot be worked with, if that is this check's matter; of a later one nothing is known. */
function judgeConnection(id: string, { connection }: PreflightContext, problem: Problem): void {
  if ("server" in connection) return;
  const { issue } = connection;
  if (issue.id === id) problem(issue.problem, { subject: issue.subject, fix: issue.fix });
  else if (order.indexOf(issue.id) < order.indexOf(id)) throw new CannotTell("not looked at", `see ${issue.id}`);
}

const order = ["cluster/kubeconfig", "cluster/context", "cluster/reachable"];

const kubeconfig = preflightCheck({
  id: "cluster/kubeconfig",
  title: "the kubeconfig can be read",
  needs: [],
  subject: "kubeconfig",
  fix: "correct enroute-istio:kubeconfig",
  docs: {
    meaning: "the kubeconfig is missing or cannot be read",
    fix: "correct `kubeconfig`, or fetch the file first",
  },
  run(_, context, problem) {
    judgeConnection("cluster/kubeconfig", context, problem);
    return kubeconfigName(context.settings);
  },
});

const context = preflightCheck({
  id: "cluster/context",
  title: "the kubeconfig has the context",
  needs: [],
  subject: "context",
  fix: "set enroute-istio:context to one of the kubeconfig's",
  docs: { meaning: "the kubeconfig has no such context", fix: "set `context` to one of those that it has" },
  run(_, context, problem) {
    judgeConnection("cluster/context", context, problem);
    return context.settings.context === "" ? "its current one" : context.settings.context;
  },
});

const reachable = preflightCheck({
  id: "cluster/reachable",
  title: "the API server answers, and takes the credentials",
  needs: [],
  subject: "the API server",
  fix: "check that the cluster runs, and that VPN, proxy and the server's address are right",
  docs: {
    meaning: "the API server does not answer, or refuses the credentials",
    fix: "check cluster, VPN and proxy; log in again",
  },
  run(_, context, problem) {
    judgeConnection("cluster/reachable", context, problem);
    return "server" in context.connection ? context.connection.server : "";
  },
});

const answers = preflightCheck({
  id: "cluster/answers",
  title: "the API server answers everything that it is asked",
  needs: [],
  subject: "the API server",
  fix: "check the cluster's API server, and try again",
  docs: { meaning: "the API server failed at one of the questions", fix: "check it, and try again" },
  run(_, { asked, unread }, problem) {
    for (const { what, reason } of unread.filter((one) => !isDenial(one)))
      problem(`${what} could not be looked at: ${reason}`, { subject: what });
    if (asked === 0) throw new CannotTell("it was asked nothing in this run");
    const refused = unread.length === 0 ? "" : `, ${unread.length} of them a refusal`;
    return `${count(asked, "answer")}${refused}`;
  },
});

/** Whether something could not be read for lack of rights. */
export function isDenial({ status }: { status?: number }): boolean {
  return status === 401 || status === 403;
}

/** Whether there is a cluster to look at. */
export const connectionChecks: readonly PreflightCheck[] = [kubeconfig, context, reachable, answers];
