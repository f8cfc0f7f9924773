/** "1 pod", "2 pods", "3 policies". */
export function count(number: number, word: string): string {
  return `${number} ${number === 1 ? word : plural(word)}`;
}

function plural(word: string): string {
  return /[^aeiou]y$/.test(word) ? `${word.slice(0, -1)}ies` : `${word}s`;
}

/** A list cut short, for evidence. */
export function listed(names: readonly string[], most = 8): string {
  return names.length <= most ? names.join(", ") : `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
}

/**
 * The whole of what a tool said, in readable lines: lists of errors as Go programs print them (`1 error occurred:`, a bullet for
 * each) without their frame, no blank lines, no stack traces, nothing twice.
 */
export function reasonOf(text: string): string {
  const lines = text
    .replace(/\b1 error occurred:\s*\*\s*/g, "")
    .replace(/^\s*(?:\*\s*)?\d+ errors occurred:\s*$/gm, "")
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^\s+at .*(:\d+:\d+|<anonymous>|native)\)?$/.test(line))
    .map((line) => line.trim().replace(/^\* /, "- "));
  const distinct = [...new Set(lines)];
  const [only = "unknown error"] = distinct;
  return distinct.length > 1 ? distinct.join("\n") : only.replace(/^- /, "");
}

/** As {@link reasonOf}, on one line, for evidence: of a longer list of errors the first few. */
export function reasonLine(text: string): string {
  const lines = reasonOf(text).split("\n");
  const errors = lines.filter((line) => line.startsWith("- ")).map((line) => line.slice(2));
  const words = lines.filter((line) => !line.startsWith("- ")).join(" ");
  const most = 3;
  const more = errors.length > most ? `; and ${errors.length - most} more` : "";
  return [words, `${errors.slice(0, most).join("; ")}${more}`].filter((part) => part !== "").join(" ");
}

/** A text without the user and the password of the URLs in it. */
export function withoutUserinfo(text: string): string {
  // Up to the last @ before the path: a password may hold one itself, where somebody forgot to encode it.
  return (
    text
      .replace(/\b([a-z][a-z\d+.-]*:\/\/)[^\s/?#"'`<>]*@/gi, "$1[secret]@")
      // One with a slash or the like in it, which is no URL; a port before a path is no password.
      .replace(/\b([a-z][a-z\d+.-]*:\/\/)[^\s/?#:@"'`<>]+:(?!\d+[/?#])[^\s"'`<>]*@/gi, "$1[secret]@")
  );
}
