const units: Record<string, number> = { h: 3600, m: 60, s: 1 };

/** Seconds of a Go duration made of whole hours, minutes and seconds, such as `24h` or `1h30m`; undefined if it is none. */
export function durationSeconds(text: string): number | undefined {
  if (!/^(\d+h)?(\d+m)?(\d+s)?$/.test(text) || text === "") return undefined;
  return [...text.matchAll(/(\d+)([hms])/g)].reduce((sum, [, amount, unit]) => sum + Number(amount) * units[unit!]!, 0);
}

/** Hours of a Go duration that is made of whole hours; undefined if it is none. */
export function durationHours(text: string): number | undefined {
  const seconds = durationSeconds(text);
  return seconds === undefined || seconds % 3600 !== 0 ? undefined : seconds / 3600;
}
