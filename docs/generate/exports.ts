import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/* docs/api.md: what each path of the package exports, read from the sources by TypeScript. */

const root = join(__dirname, "../..");

/** What `package.json` exports: a built file, with its types, by the path that programs import. */
type ExportsMap = Record<string, { types: string; default: string } | string>;

/** Source of each path that programs can import; a pattern stands for the files of one folder. */
export function entriesOf(map: ExportsMap): Record<string, string> {
  const sourceOf = (built: string) => built.replace(/^\.\/dist\/(.*)\.js$/, "$1.ts");
  return Object.fromEntries(
    Object.entries(map).flatMap(([path, entry]) => {
      if (typeof entry === "string") return [];
      const name = path.replace(/^\./, "enroute-istio");
      if (!path.includes("*")) return [[name, sourceOf(entry.default)]];
      const folder = sourceOf(entry.default).replace(/\/\*\.ts$/, "");
      const modules = readdirSync(join(root, folder)).filter((file) => file.endsWith(".ts"));
      return modules.map((file) => [name.replace("*", file.replace(/\.ts$/, "")), `${folder}/${file}`]);
    }),
  );
}

export interface Exported {
  name: string;
  kind: "class" | "function" | "constant" | "type";
  /** First sentence of its doc comment. */
  summary: string;
}

export interface Api {
  /** What each path exports, sorted by name. */
  exports: Record<string, Exported[]>;
  /** Types that files share, an export's declaration names, and no path exports: `name (used by export)`. */
  unnamed: string[];
}

/** The package's API, by path. */
export function apiOf(entries: Record<string, string>): Api {
  const moduleResolution = ts.ModuleResolutionKind.Node10;
  const options: ts.CompilerOptions = { target: ts.ScriptTarget.ES2022, moduleResolution, types: [], noLib: true };
  const host = ts.createCompilerHost(options);
  // Packages stay closed: what matters is declared here, and the SDKs' types take ten seconds to read.
  host.resolveModuleNameLiterals = (literals, file) =>
    literals.map(({ text }) =>
      text.startsWith(".") ? ts.resolveModuleName(text, file, options, host) : { resolvedModule: undefined },
    );
  const files = [...new Set(Object.values(entries))].map((file) => join(root, file));
  const program = ts.createProgram(files, options, host);
  const checker = program.getTypeChecker();
  const target = (symbol: ts.Symbol) =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const symbols = Object.entries(entries).map(([path, file]) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(join(root, file))!);
    return { path, exported: module === undefined ? [] : checker.getExportsOfModule(module) };
  });
  const known = new Set(symbols.flatMap(({ exported }) => exported.map(target)));
  const unnamed = symbols.flatMap(({ exported }) =>
    exported.flatMap((symbol) =>
      [...typesNamedBy(target(symbol), checker, target)]
        .filter((type) => !known.has(type))
        .map((type) => `${type.name} (used by ${symbol.name})`),
    ),
  );
  return {
    unnamed: [...new Set(unnamed)].sort(),
    exports: Object.fromEntries(
      symbols.map(({ path, exported }) => [
        path,
        exported
          .map((symbol) => ({ name: symbol.name, kind: kindOf(target(symbol)), summary: summaryOf(target(symbol)) }))
          .sort((a, b) => (a.name < b.name ? -1 : 1)),
      ]),
    ),
  };

  function summaryOf(symbol: ts.Symbol): string {
    const text = ts.displayPartsToString(symbol.getDocumentationComment(checker)).replaceAll(/\s+/g, " ");
    return /^.*?[.!?](?= [A-Z]|$)/.exec(text)?.[0] ?? text;
  }
}

function kindOf({ flags }: ts.Symbol): Exported["kind"] {
  if (flags & ts.SymbolFlags.Class) return "class";
  if (flags & ts.SymbolFlags.Function) return "function";
  return flags & ts.SymbolFlags.Variable ? "constant" : "type";
}

/** The project's own types that a declaration names where a program sees it: not in bodies, not in what is private. */
function typesNamedBy(
  symbol: ts.Symbol,
  checker: ts.TypeChecker,
  target: (symbol: ts.Symbol) => ts.Symbol,
): Set<ts.Symbol> {
  const found = new Set<ts.Symbol>();
  const visit = (node: ts.Node): void => {
    if (ts.isBlock(node) || (ts.isClassElement(node) && isHidden(node))) return;
    const name = ts.isTypeReferenceNode(node) ? node.typeName : undefined;
    const named = name === undefined ? undefined : checker.getSymbolAtLocation(name);
    if (named !== undefined && isOurs(target(named))) found.add(target(named));
    ts.forEachChild(node, visit);
  };
  for (const declaration of symbol.declarations ?? []) ts.forEachChild(declaration, visit);
  return found;
}

function isHidden(member: ts.ClassElement): boolean {
  const hidden = [ts.SyntaxKind.PrivateKeyword, ts.SyntaxKind.ProtectedKeyword];
  const modifiers = ts.canHaveModifiers(member) ? (ts.getModifiers(member) ?? []) : [];
  return (
    modifiers.some(({ kind }) => hidden.includes(kind)) ||
    (member.name !== undefined && ts.isPrivateIdentifier(member.name))
  );
}

/** Whether a file of this project shares the type with others. */
function isOurs(symbol: ts.Symbol): boolean {
  return (symbol.declarations ?? []).some((declaration) => {
    const { fileName } = declaration.getSourceFile();
    return fileName.startsWith(root) && (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Export) !== 0;
  });
}

/** The document, filled in between its two lines. */
export function exportDocuments(read: (path: string) => string): Record<string, string> {
  const { exports: map } = JSON.parse(read("package.json")) as { exports: ExportsMap };
  const sections = Object.entries(apiOf(entriesOf(map)).exports).map(([path, exported]) =>
    [
      `### \`${path}\``,
      exported.map(({ name, kind, summary }) => `- \`${name}\`, ${kind}${summary && `: ${summary}`}`).join("\n"),
    ].join("\n\n"),
  );
  const document = "docs/api.md";
  const place = /(<!-- generated: exports -->)[^]*(<!-- end generated -->)/;
  const text = read(document);
  if (!existsSync(join(root, document)) || !place.test(text))
    throw new Error(`${document} has no place for the exports`);
  return {
    [document]: text.replace(
      place,
      (_, begin: string, end: string) => `${begin}\n\n${sections.join("\n\n")}\n\n${end}`,
    ),
  };
}
