import { count } from "../../base/text";
import type { GatewayHost, Named } from "../../cluster/kinds";
import { formerGatewayHostName, gatewayHostName } from "../../mesh/enroute";
import { isMeshConfig, meshConfigName, meshConfigType } from "../../mesh/global-config";
import {
  type Claim,
  type Held,
  type Owner,
  type PlannedObject,
  claimName,
  foreignOwner,
  isSameObject,
  movedReleases,
  objectText,
} from "../../mesh/ownership";
import { quoted, stackArgument, takeOverCommand } from "../../settings/commands";
import type { Settings } from "../../settings/schema";
import { itemsOf, valueOf } from "../checks/reading";
import { type PreflightCheck, type PreflightContext, type PreflightFacts, preflightCheck } from "./define";
import { type Foreign, explain, groupedByOwner, leaveToStack } from "./owners";
import { heldOf, releaseId } from "./stack-view";

const state = preflightCheck({
  id: "ownership/state",
  title: "the stack's state can be read",
  needs: ["held"],
  withStack: true,
  subject: "the stack's state",
  fix: "try again; where it stays, see docs/troubleshooting.md about an update that was cut off",
  docs: {
    meaning: "the stack's state cannot be read, so that nobody can tell what is its own",
    fix: "try again; where it stays, `npm run recover`",
  },
  run({ held }, _, problem) {
    if (held !== undefined && "unknown" in held)
      problem(`the state of the stack cannot be read, so that nobody can tell what is its own: ${held.unknown}`);
    const { objects, releases } = heldOf(held);
    return `${count(objects.length, "object")} and ${count(releases.length, "Helm release")}`;
  },
});

/** The claim of the mesh, where it is another stack's. One that our own state holds was ours under another name. */
function foreignClaim(
  facts: Pick<PreflightFacts, "claim" | "held">,
  { claimant }: PreflightContext,
): Claim | undefined {
  const claim = valueOf(facts.claim, "the claim of the mesh");
  if (claim === undefined || claim.owner === claimant?.owner) return undefined;
  const { objects } = heldOf(facts.held);
  return objects.some(({ kind, name }) => kind === "ConfigMap" && name === claimName) ? undefined : claim;
}

const meshOf = ({ istio }: Settings) => `the mesh in namespace ${istio.namespace.name}`;
const claimedBy = ({ claim }: Pick<PreflightFacts, "claim">) => {
  const owner = valueOf(claim, "the claim of the mesh")?.owner;
  return owner === undefined ? "nobody claims it yet" : `it is claimed by ${owner}`;
};

/** Of two stacks, each would undo what the other does. */
const claim = preflightCheck({
  id: "ownership/claim",
  title: "no other stack claims the mesh",
  needs: ["claim", "held"],
  withStack: true,
  subject: "the mesh",
  fix: "use that stack, or destroy it first",
  docs: {
    meaning: "another stack claims the mesh: two stacks never hold one ([adoption](adoption.md))",
    fix: "use that stack, or destroy it first; if it is gone, set `takeOverFrom`",
  },
  run(facts, context, problem) {
    const foreign = foreignClaim(facts, context);
    if (foreign !== undefined && foreign.owner !== context.settings.takeOverFrom)
      problem(`${meshOf(context.settings)} belongs to stack ${foreign.owner}: two stacks never hold one mesh`, {
        fix: `use that stack, or destroy it first; if it is gone without having been destroyed: ${takeOverCommand(foreign.owner, context.claimant!.owner)}`,
      });
    return claimedBy(facts);
  },
});

const takenOver = preflightCheck({
  id: "ownership/taken-over",
  title: "no mesh is taken over from another stack",
  severity: "warning",
  needs: ["claim", "held"],
  withStack: true,
  subject: "the mesh",
  fix: "nothing to do, if that stack is gone; docs/adoption.md tells how to go on",
  docs: {
    meaning: "another stack claims the mesh, and `takeOverFrom` says that it is gone ([adoption](adoption.md))",
    fix: "nothing, if that stack is gone",
  },
  run(facts, context, problem) {
    const foreign = foreignClaim(facts, context);
    if (foreign !== undefined && foreign.owner === context.settings.takeOverFrom)
      problem(`${meshOf(context.settings)} is taken over from stack ${foreign.owner}, as takeOverFrom says`);
    return claimedBy(facts);
  },
});

/** Objects that the program or its charts would make, and that are there and somebody else's: all at once. */
const objects = preflightCheck({
  id: "ownership/objects",
  title: "nothing that the rollout would make is there and somebody else's",
  needs: ["comparison", "held", "planned", "meshClaims"],
  withStack: true,
  subject: "the rollout's objects",
  fix: "agree with the owner, then remove them, or use other names",
  docs: {
    meaning:
      "objects that the program or its charts would make are there and somebody else's: each is compared, as the engine renders the charts",
    fix: "the commands that remove them or hand them over are in the finding ([adoption](adoption.md))",
  },
  run(facts, { claimant }, problem) {
    const held = heldOf(facts.held);
    const { asked, live, fresh } = valueOf(facts.comparison, "what the rollout would make")!;
    const moved = movedReleases(held, facts.planned!).map(({ from, name }) => releaseId({ namespace: from, name }));
    const foreign = live.flatMap(({ object, metadata, differences }): Foreign[] => {
      const owner = foreignOwner(object, metadata, claimant!, held) ?? { by: "ours" };
      if (owner.by === "ours" && differences.length === 0) return [];
      return isJudgedElsewhere(object, owner, [...fresh, ...moved]) ? [] : [{ object, owner, differences }];
    });
    const claims = itemsOf(facts.meshClaims, "the claims of every mesh");
    for (const group of groupedByOwner(foreign)) {
      const [what, fix] = explain(group, claimant!, claims);
      problem(what, { subject: objectText(group[0]!.object), fix });
    }
    return `${count(asked, "object")}, of which ${live.length} are there`;
  },
});

const charts = preflightCheck({
  id: "ownership/charts",
  title: "every chart can be rendered, so that its objects are compared",
  severity: "warning",
  needs: ["comparison", "held"],
  withStack: true,
  subject: "charts",
  fix: "the engine names the cause when it loads the chart",
  docs: {
    meaning: "a chart could not be rendered, so that its objects were not compared",
    fix: "the engine names the cause when it loads the chart",
  },
  run({ comparison, held }, _, problem) {
    heldOf(held);
    const { unrendered, fresh } = valueOf(comparison, "what the rollout would make")!;
    for (const { release, reason } of unrendered)
      problem(
        `chart ${release.chart} ${release.version} could not be rendered, so that what it would make could not be compared: ${reason}`,
        { subject: `Helm release ${releaseId(release)}` },
      );
    return fresh.length === 0 ? "every release is in the state" : `rendered for ${fresh.join(", ")}`;
  },
});

/** Another finding names the release of ours that holds the object, or Secret cacerts with the ways of its own. */
function isJudgedElsewhere({ kind, name }: PlannedObject, owner: Owner, own: readonly string[]): boolean {
  if (owner.by === "release" && own.includes(owner.release)) return true;
  return owner.by === "unmarked" && kind === "Secret" && name === "cacerts";
}

const isHeld = ({ objects: all }: Held, kind: string, { metadata: { namespace, name } }: Named) =>
  all.some((object) => isSameObject(object, { kind, group: "enroute.saaras.io", namespace: namespace!, name }));

/** Names count once in the cluster, whatever their case. */
const hosts = preflightCheck({
  id: "ownership/hosts",
  title: "no other GatewayHost has a host of the stack",
  needs: ["gatewayHosts", "held"],
  subject: "hosts",
  fix: "agree with its owner, then delete it",
  docs: {
    meaning: "another GatewayHost has a host of the stack, in any spelling: EnRoute would serve neither",
    fix: "delete it, after its owner has agreed, or take the host out of the stack",
  },
  run(facts, { settings, claimant }, problem) {
    const held = heldOf(facts.held);
    const all = itemsOf(facts.gatewayHosts, "GatewayHosts");
    // An object under our own name is compared as such.
    const isOurs = (candidate: GatewayHost) =>
      isHeld(held, "GatewayHost", candidate) ||
      settings.hosts.some(
        ({ host, namespace }) =>
          namespace === candidate.metadata.namespace &&
          [gatewayHostName(host), formerGatewayHostName(host)].includes(candidate.metadata.name),
      );
    for (const candidate of all.filter((one) => !isOurs(one))) {
      const { metadata, spec } = candidate;
      const fqdn = spec?.virtualhost?.fqdn ?? "";
      const index = settings.hosts.findIndex(({ host }) => host === fqdn.toLowerCase());
      if (index < 0) continue;
      const outcome =
        fqdn === settings.hosts[index]!.host
          ? "EnRoute would serve neither"
          : "EnRoute tells the two spellings apart, and Envoy then refuses every host";
      problem(
        `GatewayHost ${metadata.namespace}/${metadata.name} claims ${fqdn}, as hosts[${index}] does: ${outcome}`,
        {
          subject: `GatewayHost ${metadata.namespace}/${metadata.name}`,
          fix:
            leaveToStack(metadata, claimant) ??
            `agree with its owner, then: kubectl delete gatewayhost ${metadata.name} -n ${metadata.namespace}; or take hosts[${index}] out of the stack`,
        },
      );
    }
    return all.length === 0 ? "there is none yet" : count(all.length, "GatewayHost");
  },
});

const globalConfig = preflightCheck({
  id: "ownership/global-config",
  title: "no other GlobalConfig has the type of the stack's",
  needs: ["globalConfigs", "held"],
  subject: "GlobalConfig",
  fix: "agree with its owner, then delete it",
  docs: {
    meaning: "another GlobalConfig has the type of the stack's: EnRoute obeys one of them, and nobody knows which",
    fix: "delete it, after its owner has agreed",
  },
  run(facts, { settings, claimant }, problem) {
    const held = heldOf(facts.held);
    const all = itemsOf(facts.globalConfigs, "GlobalConfigs");
    const others = all.filter(
      (config) =>
        isMeshConfig(config) &&
        !(config.metadata.namespace === settings.gateway.namespace.name && config.metadata.name === meshConfigName) &&
        !isHeld(held, "GlobalConfig", config),
    );
    for (const { metadata } of others)
      problem(
        `GlobalConfig ${metadata.namespace}/${metadata.name} is of type ${meshConfigType}, as the one of the stack: EnRoute obeys one of them, and nobody knows which`,
        {
          subject: `GlobalConfig ${metadata.namespace}/${metadata.name}`,
          fix:
            leaveToStack(metadata, claimant) ??
            `agree with its owner, then: kubectl delete globalconfig ${metadata.name} -n ${metadata.namespace}`,
        },
      );
    return all.length === 0 ? "there is none yet" : count(all.length, "GlobalConfig");
  },
});

/** Taking one of the two out of the stack would take both off the air. */
const sharedObject = preflightCheck({
  id: "ownership/shared-object",
  title: "every host of the stack has an object of its own",
  needs: ["held"],
  withStack: true,
  subject: "hosts",
  fix: "pulumi state delete <urn>",
  docs: {
    meaning: "two hosts of the stack share one object, as early versions named them alike: one of them is not served",
    fix: "`pulumi state delete`, as the finding says; the next update gives that host its own",
  },
  run(facts, { claimant }, problem) {
    const own = heldOf(facts.held).objects.filter(({ kind }) => kind === "GatewayHost");
    for (const [index, object] of own.entries())
      if (own.findIndex((other) => isSameObject(other, object)) !== index)
        problem(
          `two hosts of the stack share ${objectText(object)}, as an earlier version named them alike: one of them is not served`,
          {
            subject: objectText(object),
            fix: `pulumi state delete ${quoted(object.urn)} --stack ${stackArgument(claimant!.owner)}, which leaves the object as it is; the next update gives that host its own`,
          },
        );
    return own.length === 0 ? "the state has none yet" : `${count(own.length, "GatewayHost")} in the state`;
  },
});

/** Whether what the rollout would make is free, or the stack's own. */
export const ownershipChecks: readonly PreflightCheck[] = [
  state,
  claim,
  takenOver,
  objects,
  charts,
  hosts,
  globalConfig,
  sharedObject,
];
