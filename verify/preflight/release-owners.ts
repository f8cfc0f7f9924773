import { itemsOf, valueOf } from "../checks/reading";
import { type PreflightCheck, type PreflightContext, type PreflightFacts, preflightCheck } from "./define";
import { movedReleases } from "../../mesh/ownership";
import { moveFix } from "./owners";
import { heldOf, releaseId } from "./stack-view";

/** Deployed and other releases under our names that the state does not know: Helm refuses to install over them. */
function unknownReleases(
  facts: Pick<PreflightFacts, "releases" | "planned" | "held" | "claim">,
  { claimant }: PreflightContext,
) {
  const held = heldOf(facts.held);
  const claimed = valueOf(facts.claim, "the claim of the mesh");
  const planned = facts.planned!.releases.filter((release) => !held.releases.includes(releaseId(release)));
  return planned.flatMap(({ name, namespace }) => {
    const id = releaseId({ name, namespace });
    const release = itemsOf(facts.releases[namespace], `releases of namespace ${namespace}`).find(
      (one) => one.name === name,
    );
    if (release === undefined || release.status === "uninstalled") return [];
    const isListed = claimed?.releases.includes(id) === true;
    // What the claim of another stack lists is that stack's: the finding on the claim has the ways out.
    if (isListed && claimed?.owner !== claimant?.owner) return [];
    return [{ id, name, namespace, status: release.status, isClaimed: isListed }];
  });
}

const seenReleases = ({ planned }: Pick<PreflightFacts, "planned">) =>
  planned!.releases.length === 0 ? "the program makes none" : planned!.releases.map(releaseId).join(", ");

const foreignRelease = preflightCheck({
  id: "releases/foreign",
  title: "no Helm release under the stack's names is somebody else's",
  needs: ["releases", "planned", "held", "claim"],
  withStack: true,
  subject: "Helm releases",
  fix: "agree with its owner, then uninstall it",
  docs: {
    meaning: "a Helm release under one of the stack's names is not the stack's: Helm refuses to install over it",
    fix: "uninstall it, after its owner has agreed, or take it over ([adoption](adoption.md))",
  },
  run(facts, context, problem) {
    for (const { id, name, namespace, status, isClaimed } of unknownReleases(facts, context))
      if (!isClaimed)
        problem(`Helm release ${id} is ${status}, and this stack did not install it`, {
          subject: `Helm release ${id}`,
          fix: `agree with its owner, then: helm uninstall ${name} -n ${namespace}; or use another namespace; docs/adoption.md tells how to take it over`,
        });
    return seenReleases(facts);
  },
});

const unknownRelease = preflightCheck({
  id: "releases/unknown",
  title: "the state knows every release that the stack has installed",
  needs: ["releases", "planned", "held", "claim"],
  withStack: true,
  subject: "Helm releases",
  fix: "npm run recover -- --stack <stack> says which; it forgets the release only where it was this stack's own update",
  docs: {
    meaning: "the stack claims a Helm release that is deployed, and its state does not know it",
    fix: "`npm run recover`",
  },
  run(facts, context, problem) {
    // One that this stack was in the middle of is unfinished, with the same way out.
    for (const { id, status, isClaimed } of unknownReleases(facts, context))
      if (isClaimed && status === "deployed")
        problem(
          `Helm release ${id} is deployed, and the state of this stack does not know it: an update was cut off, or this is not the state that it was installed from`,
          { subject: `Helm release ${id}` },
        );
    return seenReleases(facts);
  },
});

/** The provider would uninstall and install again, and what a chart makes cluster-wide belongs to the release under its old name. */
const movedRelease = preflightCheck({
  id: "releases/moved",
  title: "no Helm release of the stack moves to another namespace",
  needs: ["planned", "held"],
  withStack: true,
  subject: "Helm releases",
  fix: `set the name back; ${moveFix}`,
  docs: {
    meaning: "a Helm release of the stack would move to another namespace, which Helm cannot do in place",
    fix: "set the name back; the way to move it is in [environments](environments.md)",
  },
  run(facts, { settings }, problem) {
    for (const { name, from, to } of movedReleases(heldOf(facts.held), facts.planned!)) {
      const key = to === settings.gateway.namespace.name ? "gateway.namespace.name" : "istio.namespace.name";
      problem(
        `Helm release ${from}/${name} is this stack's own, and ${key} would move it to ${to}: a release cannot change its namespace in place`,
        { subject: `Helm release ${from}/${name}`, fix: `set ${key} back to ${from}; ${moveFix}` },
      );
    }
    return seenReleases(facts);
  },
});

export const releaseOwnerChecks: readonly PreflightCheck[] = [foreignRelease, unknownRelease, movedRelease];
