import { PolicyPack, type ResourceValidationPolicy, Secret, type StackValidationPolicy } from "@pulumi/policy";
import { programObjects, toPolicyObject } from "./objects";
import { type Rule, type Violation, judgeBy, rules } from "./rules";
import { plainKeyPaths } from "./rules/keys";

/*
 * The policy pack: the rules as policies of the engine. Each object is judged before it is touched, and at the end of a
 * preview all of them together. The rules about changes are not here, because the engine shows a pack no earlier state.
 */

/** Paths of private keys that are not secrets, by the URN of each resource that was examined. */
const plainKeys = new Map<string, unknown>();

/**
 * @pulumi/policy shows which values are secrets to remediations alone, which run before the validation of the same resource.
 * This one changes nothing.
 */
const secretsObserver: ResourceValidationPolicy = {
  name: "secrets-observer",
  description: "Notes which private keys are secrets, for private-keys. Changes nothing.",
  enforcementLevel: "remediate",
  remediateResource: ({ urn, type, name, props, opts: { protect } }) => {
    // Reading a property opens a secret; its descriptor has the secret itself.
    const descriptors = Object.entries(Object.getOwnPropertyDescriptors(props));
    const closed = Object.fromEntries(descriptors.map(([key, { value }]) => [key, value as unknown]));
    const object = toPolicyObject({ type, name, props: closed, protect }, (value) =>
      value instanceof Secret ? { value: value.value as unknown } : undefined,
    );
    plainKeys.set(urn, object?.[plainKeyPaths]);
  },
};

new PolicyPack("enroute-istio", { policies: [secretsObserver, ...rules.flatMap(policy)] });

function policy(rule: Rule): (ResourceValidationPolicy | StackValidationPolicy)[] {
  const { name, description, level: enforcementLevel } = rule;
  const common = { name, description, enforcementLevel };
  switch (rule.scope) {
    case "change":
      return [];
    case "object":
      return [
        {
          ...common,
          validateResource: ({ urn, type, name, props, opts: { protect } }, report) => {
            // With the observer turned off, nothing marks secrets: every key counts as plain text.
            const isObserved = plainKeys.has(urn);
            const object = toPolicyObject({ type, name, props, protect }, isObserved ? undefined : () => undefined);
            if (object === undefined) return;
            const paths = plainKeys.get(urn);
            const judged = paths === undefined ? object : { ...object, [plainKeyPaths]: paths };
            for (const violation of find(rule, [judged], urn)) report(text(violation));
          },
        },
      ];
    case "stack":
      return [
        {
          ...common,
          validateStack: ({ resources }, report) => {
            const [first] = resources;
            if (first === undefined) return;
            const known = resources.map(({ type, name, props, opts: { protect } }) => ({ type, name, props, protect }));
            const objects = programObjects(known).map(({ object }) => object);
            for (const violation of find(rule, objects, first.urn)) report(text(violation));
          },
        },
      ];
  }
}

/** Levels are the engine's business: it reads `--policy-pack-config`. */
function find(rule: Rule, objects: Parameters<typeof judgeBy>[1], urn: string): Violation[] {
  return judgeBy({ ...rule, level: "mandatory" }, objects, { environment: stackOf(urn) });
}

/** `urn:pulumi:<stack>::<project>::<type>::<name>` */
function stackOf(urn: string): string {
  return urn.split("::")[0]!.split(":")[2]!;
}

function text({ object, message, fix }: Violation): string {
  return `${object}: ${message}\nFix: ${fix}.`;
}
