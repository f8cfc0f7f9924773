import ts from "typescript";

/* Small mistakes that could be in a file of rules, each as a change of its text. */

/** One mistake. */
export interface Mutant {
  file: string;
  /** Counted from 1. */
  line: number;
  start: number;
  end: number;
  /** What stands there. */
  original: string;
  replacement: string;
}

const operators = new Map<ts.SyntaxKind, string[]>([
  [ts.SyntaxKind.AmpersandAmpersandToken, ["||"]],
  [ts.SyntaxKind.BarBarToken, ["&&"]],
  [ts.SyntaxKind.QuestionQuestionToken, ["&&"]],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, ["!=="]],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, ["==="]],
  [ts.SyntaxKind.LessThanToken, ["<=", ">="]],
  [ts.SyntaxKind.LessThanEqualsToken, ["<", ">"]],
  [ts.SyntaxKind.GreaterThanToken, [">=", "<="]],
  [ts.SyntaxKind.GreaterThanEqualsToken, [">", "<"]],
  [ts.SyntaxKind.PlusToken, ["-"]],
  [ts.SyntaxKind.MinusToken, ["+"]],
  [ts.SyntaxKind.AsteriskToken, ["/"]],
  [ts.SyntaxKind.SlashToken, ["*"]],
]);

const methods = new Map([
  ["some", "every"],
  ["every", "some"],
  ["startsWith", "endsWith"],
  ["endsWith", "startsWith"],
  ["min", "max"],
  ["max", "min"],
]);

/**
 * The mistakes that a text could have: conditions and operators turned round, other literals, statements and items of lists left
 * out. Types are left alone, and so is prose, for which there are other tests: strings with a space in them, and templates.
 */
export function mutantsOf(file: string, text: string): Mutant[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const mutants: Mutant[] = [];
  const add = (node: ts.Node, ...replacements: string[]) => {
    const [start, end] = [node.getStart(source), node.getEnd()];
    const line = source.getLineAndCharacterOfPosition(start).line + 1;
    for (const replacement of replacements)
      mutants.push({ file, line, start, end, original: text.slice(start, end), replacement });
  };
  const isOrder = (node: ts.Node) => isWithinOrder(node, source);
  const negate = (condition: ts.Expression) => add(condition, `!(${condition.getText(source)})`);

  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return;
    if (ts.isIfStatement(node)) {
      negate(node.expression);
      // As a whole only where nothing depends on it but what it does.
      if (node.elseStatement === undefined) add(node, ";");
    }
    if (ts.isConditionalExpression(node)) negate(node.condition);
    if (ts.isExpressionStatement(node)) add(node, ";");
    if (ts.isBinaryExpression(node)) {
      const { kind } = node.operatorToken;
      const isText = kind === ts.SyntaxKind.PlusToken && [node.left, node.right].some(isTextual);
      const others = operators.get(kind) ?? [];
      if (!isText) add(node.operatorToken, ...(isOrder(node) ? others.slice(-1) : others));
    }
    if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken)
      add(node, node.operand.getText(source));
    if (node.kind === ts.SyntaxKind.TrueKeyword) add(node, "false");
    if (node.kind === ts.SyntaxKind.FalseKeyword) add(node, "true");
    if (ts.isNumericLiteral(node) && !isOrder(node)) add(node, String(Number(node.text.replaceAll("_", "")) + 1));
    if (ts.isStringLiteral(node) && isWord(node)) add(node, node.text === "" ? '"mutant"' : '""');
    if (ts.isArrayLiteralExpression(node))
      for (const item of node.elements) {
        const after = node.elements[node.elements.indexOf(item) + 1];
        const [start, end] = [item.getStart(source), after?.getStart(source) ?? item.getEnd()];
        const line = source.getLineAndCharacterOfPosition(start).line + 1;
        mutants.push({ file, line, start, end, original: text.slice(start, end).trim(), replacement: "" });
      }
    if (ts.isPropertyAccessExpression(node) && ts.isCallExpression(node.parent) && node.parent.expression === node) {
      const other = methods.get(node.name.text);
      if (other !== undefined) add(node.name, other);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return mutants;
}

/** Whether a node says how to sort: there, any positive number means the same, and equal items may stand either way round. */
function isWithinOrder(node: ts.Node, source: ts.SourceFile): boolean {
  const around = ts.findAncestor(node, ts.isArrowFunction)?.parent;
  return (
    around !== undefined &&
    ts.isCallExpression(around) &&
    ts.isPropertyAccessExpression(around.expression) &&
    around.expression.name.getText(source) === "sort"
  );
}

function isTextual(node: ts.Node): boolean {
  return ts.isStringLiteralLike(node) || ts.isTemplateExpression(node);
}

/** Whether a string is read by the program, and not by people. Names of keys and of properties are the compiler's business. */
function isWord(node: ts.StringLiteral): boolean {
  return !node.text.includes(" ") && !(ts.isPropertyAssignment(node.parent) && node.parent.name === node);
}

/** A text with a mistake in it. */
export function mutated(text: string, { start, end, replacement }: Mutant): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

/** So many of a list, by a seed: the same ones every time. */
export function sample<Item>(items: readonly Item[], count: number, seed: number): Item[] {
  const rest = [...items];
  const random = generator(seed);
  return Array.from({ length: Math.min(count, rest.length) }, () => {
    const [item] = rest.splice(Math.floor(random() * rest.length), 1);
    return item as Item;
  });
}

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
