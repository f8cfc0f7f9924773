// Between the messages of the engine's provider protocol and what the other files take and give.

import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import type { Difference } from "./compare";
import type { Naming } from "./naming";
import type { Failure } from "./settings";

/** A request about a resource. */
export interface ResourceRequest {
  getUrn(): string;
  getType(): string;
  getName(): string;
}

// urn:pulumi:<stack>::<project>::<parent type>$<type>::<name>
/** The type of a request's resource. */
export function typeOf(request: ResourceRequest): string {
  return request.getType() || (request.getUrn().split("::")[2]?.split("$").at(-1) ?? "");
}

/** The name in the program of a request's resource. */
export function nameOf(request: ResourceRequest): string {
  return request.getName() || request.getUrn().split("::").slice(3).join("::");
}

/** How to name a request's object. */
export function naming(request: rpc.CheckRequest): Naming {
  const options = request.getAutonaming();
  const { PROPOSE, ENFORCE, DISABLE } = rpc.CheckRequest.AutonamingOptions.Mode;
  const modes = { [PROPOSE]: "propose", [ENFORCE]: "enforce", [DISABLE]: "disable" } as const;
  return {
    resourceName: nameOf(request),
    seed: request.getRandomseed_asU8(),
    ...(options === undefined ? {} : { rule: { mode: modes[options.getMode()], name: options.getProposedName() } }),
  };
}

/** A check's failure as a message. */
export function failureMessage({ property, reason }: Failure): rpc.CheckFailure {
  const failure = new rpc.CheckFailure();
  failure.setProperty(property);
  failure.setReason(reason);
  return failure;
}

/** A difference as a message. */
export function differenceMessage({ detailed, deleteBeforeReplace, diffs }: Difference): rpc.DiffResponse {
  const { Kind } = rpc.PropertyDiff;
  const kinds = {
    add: [Kind.ADD, Kind.ADD_REPLACE],
    update: [Kind.UPDATE, Kind.UPDATE_REPLACE],
    delete: [Kind.DELETE, Kind.DELETE_REPLACE],
  } as const;
  const { DIFF_NONE, DIFF_SOME } = rpc.DiffResponse.DiffChanges;
  const response = new rpc.DiffResponse();
  response.setChanges(detailed.length > 0 ? DIFF_SOME : DIFF_NONE);
  response.setReplacesList(detailed.filter(({ replaces }) => replaces).map(({ path }) => path));
  response.setDeletebeforereplace(deleteBeforeReplace);
  response.setDiffsList([...diffs]);
  response.setHasdetaileddiff(detailed.length > 0);
  for (const { path, kind, replaces } of detailed) {
    const property = new rpc.PropertyDiff();
    property.setKind(kinds[kind][replaces ? 1 : 0]);
    property.setInputdiff(kind === "delete");
    response.getDetaileddiffMap().set(path, property);
  }
  return response;
}
