import { count } from "../../base/text";
import { isMeshConfig } from "../../mesh/global-config";
import { type MeshObject, titleOf } from "../../mesh/object";
import { isStack, stackAnnotation } from "../../mesh/ownership";
import { meshPolicies } from "../../mesh/peer-authentication";
import { takeOverCommand, stackArgument } from "../../settings/commands";
import { CannotTell } from "../check";
import { type VerifyCheck, verifyCheck } from "./define";
import { itemsOf, valueOf } from "./reading";

/** Of two stacks that hold one mesh, each undoes what the other does. */
const oneStack = verifyCheck({
  id: "ownership/one-stack",
  title: "no other stack claims the mesh, or an object of the stack",
  needs: ["claim", "gatewayHosts", "globalConfigs", "peerAuthentications"],
  subject: "the mesh",
  fix: "use that stack, or destroy this one; where that stack is gone, set takeOverFrom and update",
  docs: {
    meaning:
      "the claim of the mesh and the marks on GatewayHosts, GlobalConfig and the mesh-wide policy name this stack, and no other ([adoption](adoption.md))",
    fix: "use that stack, or destroy this one; where it is gone, set `takeOverFrom` and update",
  },
  run(view, { settings, owner }, problem) {
    const claim = valueOf(view.claim, "the claim of the mesh");
    const expected = owner ?? claim?.owner;
    const takeOver = (other: string) => {
      const stack = stackArgument(expected!);
      const set = takeOverCommand(other, stack);
      return `use that stack, or destroy this one; where that stack is gone: ${set}, then pulumi up --stack ${stack}`;
    };
    if (claim !== undefined && expected !== undefined && !isStack(claim.owner, expected))
      problem(`the mesh in namespace ${settings.istio.namespace.name} is claimed by stack ${claim.owner}`, {
        fix: takeOver(claim.owner),
      });
    const hosts = settings.hosts.map(({ host }) => host);
    const of = (kind: string, objects: readonly MeshObject[]) => objects.map((object) => ({ ...object, kind }));
    const all = [
      ...of(
        "GatewayHost",
        itemsOf(view.gatewayHosts, "GatewayHosts").filter(({ spec }) =>
          hosts.includes(spec?.virtualhost?.fqdn?.toLowerCase() ?? ""),
        ),
      ),
      ...of("GlobalConfig", itemsOf(view.globalConfigs, "GlobalConfigs").filter(isMeshConfig)),
      ...of(
        "PeerAuthentication",
        meshPolicies(itemsOf(view.peerAuthentications, "PeerAuthentications"), settings.istio.namespace.name),
      ),
    ];
    for (const object of all) {
      const mark = object.metadata.annotations?.[stackAnnotation];
      if (mark !== undefined && expected !== undefined && !isStack(mark, expected))
        problem(`${titleOf(object)} carries the mark of stack ${mark}`, {
          subject: titleOf(object),
          fix: takeOver(mark),
        });
    }
    if (expected === undefined) throw new CannotTell("the mesh is not claimed yet", "run pulumi up");
    const kinds = [...new Set(all.map(({ kind }) => kind))].map((kind) =>
      count(all.filter((object) => object.kind === kind).length, kind),
    );
    return `${claim === undefined ? "nobody claims the mesh" : `${claim.owner} claims the mesh`}; ${kinds.join(", ") || "nothing of it is there"}`;
  },
});

/** Whether the stack is alone. */
export const ownershipChecks: readonly VerifyCheck[] = [oneStack];
