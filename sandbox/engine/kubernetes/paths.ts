// Property paths as the engine writes them: spec.containers[0].image, metadata.annotations["a.b/c"].

/** A path's steps: keys of objects, indices of lists; "*" in a pattern is any one of them. */
export type Path = readonly (string | number)[];

/** The text of a path. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    if (!/^[A-Za-z_$][\w$-]*$/.test(step)) return `${text}["${step.replaceAll('"', '\\"')}"]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}

/** The steps of a path's text; a malformed rest is dropped. */
export function parsePath(text: string): Path {
  const steps: (string | number)[] = [];
  const pattern = /\.?([^.[\]"]+)|\[(\d+)\]|\[\*\]|\["((?:[^"\\]|\\.)*)"\]/y;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [, key, index, quoted] = match;
    if (key !== undefined) steps.push(key);
    else if (index !== undefined) steps.push(Number(index));
    else steps.push(quoted?.replaceAll('\\"', '"') ?? "*");
  }
  return steps;
}

/** Whether a path lies at or under what a pattern says. */
export function isWithin(path: Path, pattern: Path): boolean {
  return path.length >= pattern.length && matches(path.slice(0, pattern.length), pattern);
}

/** Whether each step of a path is the pattern's, or the pattern's is "*". */
export function matches(path: Path, pattern: Path): boolean {
  return path.length === pattern.length && pattern.every((step, i) => step === "*" || step === path[i]);
}
