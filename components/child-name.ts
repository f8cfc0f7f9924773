import type * as pulumi from "@pulumi/pulumi";

/**
 * Name and former name of a component's child that once had the same name in every program, of which so only one could exist. In a
 * component of the name that stacks give it, it keeps it, and every URN with it.
 */
export function childName(
  component: string,
  { inStacks, child }: { inStacks: string; child: string },
): { name: string; options: pulumi.ResourceOptions } {
  return component === inStacks
    ? { name: child, options: {} }
    : { name: `${component}-${child}`, options: { aliases: [{ name: child }] } };
}
