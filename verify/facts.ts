import { ClusterError } from "../cluster/client";

/* Facts: what the checks look at. Each is read at most once, and only where a check needs it. */

/**
 * What reading something came to: its value; `absent`, where the object or its whole kind is not there; `unreadable`, where
 * it may well be there, but we could not see it, for lack of rights or of an answer.
 */
export type Read<Value> =
  | { state: "read"; value: Value }
  | { state: "absent" }
  | {
      state: "unreadable";
      reason: string;
      /** HTTP status, where there was an answer. */
      status?: number;
    };

/** The value, where it was read. */
export function ifRead<Value>(read: Read<Value> | undefined): Value | undefined {
  return read?.state === "read" ? read.value : undefined;
}

/** Where a fact comes from. */
export interface Reader<Facts, Source, Value> {
  /** What it is, in words. */
  what: string;
  /** What is connected to for it, beside the API server. */
  dials?: string;
  /** Further facts that reading it takes. */
  needs?: readonly (keyof Facts)[];
  read(this: void, source: Source, facts: Facts): Promise<Value>;
}

export type Readers<Facts, Source> = { readonly [Key in keyof Facts]: Reader<Facts, Source, Facts[Key]> };

/** Reads facts side by side, with what reading them takes. */
export async function readFacts<Facts, Source, Key extends keyof Facts>(
  readers: Readers<Facts, Source>,
  source: Source,
  keys: readonly Key[],
): Promise<Pick<Facts, Key>> {
  const begun = new Map<keyof Facts, Promise<unknown>>();
  const all = async (wanted: readonly (keyof Facts)[]) =>
    Object.fromEntries(await Promise.all(wanted.map(async (key) => [key, await once(key)] as const))) as Facts;
  const once = (key: keyof Facts): Promise<unknown> => {
    const known = begun.get(key) ?? readOne(key);
    begun.set(key, known);
    return known;
  };
  const readOne = async (key: keyof Facts) => readers[key].read(source, await all(readers[key].needs ?? []));
  return all([...new Set(keys)]);
}

/** Turns the end of a reading into a {@link Read}. */
export async function read<Value>(reader: () => Promise<Value>): Promise<Read<Value>> {
  try {
    return { state: "read", value: await reader() };
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    const { status, message } = error;
    if (status === 404) return { state: "absent" };
    return {
      state: "unreadable",
      reason: status === 403 ? `not allowed: ${message}` : message,
      ...(status === undefined ? {} : { status }),
    };
  }
}

/** The same for each of some names. */
export async function readEach<Value>(
  names: readonly string[],
  reader: (name: string) => Promise<Read<Value>>,
): Promise<Record<string, Read<Value>>> {
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await reader(name)] as const)));
}

/** What was read for a fact: one object or list, or several by name; none for a fact that is not read from the cluster. */
export function readsOf(fact: unknown): Read<unknown>[] {
  if (isRead(fact)) return [fact];
  return typeof fact === "object" && fact !== null ? Object.values(fact).filter(isRead) : [];
}

function isRead(value: unknown): value is Read<unknown> {
  const { state } = (value ?? {}) as { state?: unknown };
  return state === "read" || state === "absent" || state === "unreadable";
}
