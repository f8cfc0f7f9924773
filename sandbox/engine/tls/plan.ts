import { isDeepStrictEqual } from "node:util";
import { containsUnknown, isObject, plain, Secret, unknown, type Properties, type Value } from "../wire";
import { isReadyForRenewal, type Input, type ResourceKind } from "./resources";

/** A problem with an input. */
export interface Failure {
  property: string;
  reason: string;
}

/** A change of a property, and what it takes. */
export interface Change {
  property: string;
  replaces: boolean;
  kind: "add" | "delete" | "update";
}

/** All problems of the inputs; those that are not known yet have none. */
export function checkInputs(kind: ResourceKind, inputs: Properties): Failure[] {
  return Object.entries(kind.inputs).flatMap(([property, input]) => {
    const value = bare(inputs[property]);
    if (value === undefined)
      return input.required ? [{ property, reason: `Missing required property "${property}"` }] : [];
    return problems(input, value).map((reason) => ({ property, reason }));
  });
}

/** Marks the inputs that are secret by nature. */
export function markSecrets(kind: ResourceKind, inputs: Properties): Properties {
  return mark(
    inputs,
    Object.keys(kind.inputs).filter((property) => kind.inputs[property]?.secret),
  );
}

/** The outputs that can be told before the resource is made: the inputs with defaults; the rest is unknown. */
export function plannedState(kind: ResourceKind, inputs: Properties): Properties {
  const computed: Properties = Object.fromEntries(kind.computed.map((property) => [property, unknown] as const));
  return mark({ ...withDefaults(kind, inputs), ...computed }, kind.secretOutputs);
}

/** Makes the resource; gives its id and all its outputs. */
export async function createState(
  kind: ResourceKind,
  inputs: Properties,
  warn: (message: string) => void,
): Promise<{ id: string; state: Properties }> {
  const complete = withDefaults(kind, inputs);
  const { id, outputs } = await kind.create(plain(complete) as Record<string, unknown>, warn);
  return { id, state: mark({ ...complete, ...outputs }, kind.secretOutputs) };
}

/** The outputs after a change that needs no replacement: new inputs, and what was made stays. */
export function updatedState(kind: ResourceKind, state: Properties, inputs: Properties): Properties {
  const made = Object.fromEntries(Object.entries(state).filter(([property]) => !(property in kind.inputs)));
  return mark({ ...made, ...withDefaults(kind, inputs) }, kind.secretOutputs);
}

/** The outputs as they are now: only whether the time for renewal has come can have changed. */
export function currentState(kind: ResourceKind, state: Properties, now: Date): Properties {
  const due = kind.computed.includes("readyForRenewal") && isReadyForRenewal(readable(state), now);
  return mark(due ? { ...state, readyForRenewal: true } : state, kind.secretOutputs);
}

/** What changes between the state and new inputs; `ignored` are properties to leave alone. */
export function changes(
  kind: ResourceKind,
  state: Properties,
  inputs: Properties,
  ignored: readonly string[],
  now: Date,
): Change[] {
  const wanted = withDefaults(kind, inputs);
  const found = Object.entries(kind.inputs).flatMap(([property, input]): Change[] => {
    const before = bare(state[property]) ?? input.default;
    const after = bare(wanted[property]);
    if (ignored.includes(property) || same(before, after)) return [];
    const replaces = !input.inPlace && !(input.pem && !isPem(before));
    return [{ property, replaces, kind: before === undefined ? "add" : after === undefined ? "delete" : "update" }];
  });
  // Renewal goes by the early renewal that is wanted now.
  const early = { ...readable(state), ...readable({ earlyRenewalHours: wanted["earlyRenewalHours"] ?? 0 }) };
  const due = kind.computed.includes("readyForRenewal") && isReadyForRenewal(early, now);
  return due ? [...found, { property: "readyForRenewal", replaces: true, kind: "update" }] : found;
}

function withDefaults(kind: ResourceKind, inputs: Properties): Properties {
  const defaults = Object.entries(kind.inputs).flatMap(([property, input]) =>
    input.default === undefined ? [] : [[property, input.default]],
  );
  const given = Object.entries(inputs).filter(([property, value]) => property in kind.inputs && value !== null);
  return { ...Object.fromEntries(defaults), ...Object.fromEntries(given) } as Properties;
}

function mark(properties: Properties, secrets: readonly string[]): Properties {
  return Object.fromEntries(
    Object.entries(properties).map(([property, value]) => [
      property,
      secrets.includes(property) && !(value instanceof Secret) ? new Secret(value) : value,
    ]),
  );
}

function problems(input: Input, value: Value): string[] {
  if (value === unknown) return [];
  switch (input.kind) {
    case "text":
      return typeof value === "string" ? notAllowed(input, value) : ["must be a text"];
    case "flag":
      return typeof value === "boolean" ? [] : ["must be true or false"];
    case "number": {
      if (typeof value !== "number" || !Number.isInteger(value)) return ["must be a whole number"];
      const { minimum } = input;
      return minimum !== undefined && value < minimum ? [`must be at least ${minimum}, but is ${value}`] : [];
    }
    case "texts":
      if (!Array.isArray(value)) return ["must be a list of texts"];
      return value.map(bare).flatMap((item) => {
        if (item === unknown) return [];
        return typeof item === "string" ? notAllowed(input, item) : ["must be a list of texts"];
      });
    case "subject":
      return isObject(value) ? [] : ["must be an object such as {commonName}"];
  }
}

function notAllowed({ allowed }: Input, value: string): string[] {
  return allowed === undefined || allowed.includes(value)
    ? []
    : [`"${value}" is not one of ${allowed.map((item) => `"${item}"`).join(", ")}`];
}

function same(before: Value | undefined, after: Value | undefined): boolean {
  if (after !== undefined && containsUnknown(after)) return false;
  if (before === undefined || after === undefined) return before === after;
  return !containsUnknown(before) && isDeepStrictEqual(plain(before), plain(after));
}

function isPem(value: Value | undefined): boolean {
  return typeof value === "string" && /-----BEGIN ([^-]+)-----[^-]*-----END \1-----/.test(value);
}

function bare(value: Value): Value;
function bare(value: Value | undefined): Value | undefined;
function bare(value: Value | undefined): Value | undefined {
  if (value instanceof Secret) return bare(value.value);
  return value === null ? undefined : value;
}

// What is known of it, as plain data.
function readable(properties: Properties): Record<string, unknown> {
  const known = Object.entries(properties).filter(([, value]) => !containsUnknown(value));
  return plain(Object.fromEntries(known)) as Record<string, unknown>;
}
