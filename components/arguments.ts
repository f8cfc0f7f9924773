import * as pulumi from "@pulumi/pulumi";
import { type Path, pathText } from "../base/encrypted";
import { type ComponentName, clusterKeys, componentArguments } from "../settings/arguments";
import type { Problem } from "../settings/error";
import { type Later, type Read, readInput, scopeOf } from "../settings/inputs";
import { hidingSecrets, withValues } from "../settings/marks";
import type { Settings } from "../settings/schema";
import { withoutSecret } from "../settings/secrets";
import { isPartOfWhole } from "./parts";
import { ArgumentsError } from "./refusal";

export type { ComponentName };

export interface Checked<Args> {
  /** With defaults filled in, and a value of the right form in the place of each Output. */
  settled: Args;
  /** With defaults filled in, and the Outputs, each of which fails where its value is wrong. */
  args: Args;
  /** The Outputs among them. */
  outputs: { path: Path; value: pulumi.Output<unknown> }[];
  /** With every value, when all Outputs have theirs. */
  known: pulumi.Output<Args>;
}

/**
 * The arguments of a component, checked by the rules of the settings; of a part of a whole by their form alone.
 *
 * @throws an {@link ArgumentsError} with all that is wrong. What an Output decides is checked when its value is known: then the resources
 * that it is for are not made.
 */
export function readArguments<Args extends object>(
  component: pulumi.Resource,
  { type, name }: { type: ComponentName; name: string },
  input: Args,
): Checked<Args> {
  const title = `${type} ${name}`;
  const isPart = isPartOfWhole();
  const read = (value: unknown): Read<Args> => {
    const { schema, problems } = componentArguments[type] as unknown as AnyArguments<Args>;
    return readInput(schema as never, value, (parsed: Args) => (isPart ? [] : problems(parsed, new Date())));
  };
  const { problems, value, outputs } = read(input);
  if (value === undefined || problems.length > 0) throw new ArgumentsError(component, title, withClusterHint(problems));
  const scopes = new Set(outputs.map(({ path }) => scopeOf(path)));
  const gated = [...scopes].flatMap((scope) => {
    const group = outputs.filter(({ path }) => scopeOf(path) === scope);
    if (isPart) return group.map(({ path, output }) => ({ path, value: pulumi.output(output) }));
    const gate = pulumi.unsecret(
      pulumi.all(group.map(({ output }) => pulumi.output(output))).apply(async (values) => {
        const known = group.map(({ path }, index) => ({ path, value: values[index] }));
        const found = read(withValues(input, known)).problems;
        if (found.length > 0)
          throw new ArgumentsError(component, title, await withoutSecrets(found, group, known), { isLate: true });
      }),
    );
    // The secret stays one, and the others do not become one.
    return group.map(({ path, output }) => ({ path, value: pulumi.all([output, gate]).apply(([one]) => one) }));
  });
  const known = pulumi.all(gated.map((one) => one.value)).apply((values) =>
    withValues(
      value,
      gated.map(({ path }, index) => ({ path, value: values[index] })),
    ),
  );
  return { settled: value, args: withValues(value, gated), outputs: gated, known };
}

interface AnyArguments<Args> {
  schema: unknown;
  problems: (args: Args, now: Date) => Problem[];
}

/** As {@link readArguments}, for a component that decides by plain values alone. */
export function checkedArguments<Args extends object>(
  component: pulumi.Resource,
  called: { type: ComponentName; name: string },
  input: Args,
): Args {
  return readArguments(component, called, input).args;
}

function withClusterHint(problems: readonly Problem[]): Problem[] {
  const allowed = "nothing: the cluster is that of the provider (options `provider` or `providers`)";
  return problems.map((one) => (one.key in clusterKeys ? { ...one, allowed } : one));
}

/** The problems without values that are secret. */
async function withoutSecrets(
  problems: readonly Problem[],
  group: readonly Later[],
  known: readonly { path: Path; value: unknown }[],
): Promise<Problem[]> {
  const isSecret = await Promise.all(group.map(({ output }) => pulumi.isSecret(pulumi.output(output))));
  const secrets = known.filter((_, index) => isSecret[index]);
  const values = Object.fromEntries(secrets.map(({ path, value }) => [pathText(path), value]));
  const secretPaths = Object.keys(values).map((key) => [key]);
  const hide = hidingSecrets({ ...values, secretPaths } as unknown as Settings);
  return problems
    .map(withoutSecret(secrets.map(({ path }) => path)))
    .map((one) => ({ ...one, allowed: hide(one.allowed) }));
}
