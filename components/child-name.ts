/**
 * Name of a component's child that once had the same name in every program, of which so only one could exist. In a component of the name
 * that stacks give it, it keeps it, and every URN with it. A former name is never an alias: it may be that of another component's child,
 * which the engine would take away from it.
 */
export function childName(component: string, { inStacks, child }: { inStacks: string; child: string }): string {
  return component === inStacks ? child : `${component}-${child}`;
}
