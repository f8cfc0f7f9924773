import { titleOf } from "../mesh/object";
import type { VerifyFacts } from "./checks/define";
import type { Read } from "./facts";

/* The engine deletes at the very end of an update, after the verification with which the program ends. */

/** Kinds that loosen or add something by being there, and the facts that list them. */
const kinds = {
  peerAuthentications: "PeerAuthentication",
  authorizationPolicies: "AuthorizationPolicy",
  globalConfigs: "GlobalConfig",
  gatewayHosts: "GatewayHost",
} as const satisfies Partial<Record<keyof VerifyFacts, string>>;

type Listed = { metadata: { name: string; namespace?: string } };

/** The facts as they will be when objects that leave with this update (`Kind namespace/name`) are gone. */
export function withoutLeaving(facts: VerifyFacts, leaving: readonly string[]): VerifyFacts {
  const stays = (kind: string) => (object: Listed) => !leaving.includes(titleOf({ kind, ...object }));
  const rest = Object.entries(kinds).map(([key, kind]) => {
    const read = facts[key as keyof typeof kinds] as Read<Listed[]> | undefined;
    return [key, read?.state === "read" ? { ...read, value: read.value.filter(stays(kind)) } : read] as const;
  });
  return { ...facts, ...(Object.fromEntries(rest.filter(([, read]) => read !== undefined)) as Partial<VerifyFacts>) };
}
