import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";

/** Which files of the project import which, by reading them. */
export class Imports {
  private readonly direct = new Map<string, string[]>();

  /** The files that a file imports, also late ones by `require`. */
  of(file: string): string[] {
    const known = this.direct.get(file);
    if (known !== undefined) return known;
    const { importedFiles } = ts.preProcessFile(readFileSync(file, "utf8"), true, true);
    const found = importedFiles.flatMap(({ fileName }) =>
      fileName.startsWith(".") ? (resolved(join(dirname(file), fileName)) ?? []) : [],
    );
    this.direct.set(file, found);
    return found;
  }

  /** Everything that a file imports, however far down, with the number of steps to it. Itself included. */
  below(file: string): Map<string, number> {
    const steps = new Map([[file, 0]]);
    for (const [current, distance] of steps)
      for (const next of this.of(current)) if (!steps.has(next)) steps.set(next, distance + 1);
    return steps;
  }
}

function resolved(path: string): string | undefined {
  const isFile = (candidate: string) => existsSync(candidate) && statSync(candidate).isFile();
  return [path, `${path}.ts`, join(path, "index.ts")].find(
    (candidate) => candidate.endsWith(".ts") && isFile(candidate),
  );
}
