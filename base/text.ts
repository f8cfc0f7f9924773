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
