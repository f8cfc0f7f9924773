// Kubernetes writes resource quantities in one canonical way: "1000m" comes back as "1", "1024Mi" as "1Gi".

const decimal = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const binary = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/** The canonical text of a quantity; a text that is none is returned as it is, for the server to refuse. */
export function canonicalQuantity(quantity: string): string {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?([eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?$/.exec(quantity);
  const [, sign = "", whole = "", fraction = "", suffix = ""] = match ?? [];
  if (match === null || whole + fraction === "") return quantity;
  const digits = BigInt(whole + fraction);
  if (digits === 0n) return "0";
  const minus = sign === "-" ? "-" : "";
  const power = binary.indexOf(suffix);
  if (power > 0) {
    const bytes = digits * 1024n ** BigInt(power);
    const scale = 10n ** BigInt(fraction.length);
    if (bytes % scale === 0n) return minus + shorten(bytes / scale, 1024n, binary);
    // A fraction of a byte cannot be written with a binary suffix.
    return minus + shorten(ceilDivide(bytes * 10n ** 9n, scale), 1000n, decimal);
  }
  const exponent = /^[eE]/.test(suffix) ? Number(suffix.slice(1)) : (decimal.indexOf(suffix) - 3) * 3;
  const nano = exponent - fraction.length + 9;
  // Nothing smaller than a nano is kept.
  const nanos = nano >= 0 ? digits * 10n ** BigInt(nano) : ceilDivide(digits, 10n ** BigInt(-nano));
  if (!/^[eE]/.test(suffix)) return minus + shorten(nanos, 1000n, decimal);
  const [mantissa, steps] = divideOut(nanos, 1000n, 6);
  const tens = steps * 3 - 9;
  return minus + mantissa.toString() + (tens === 0 ? "" : `e${tens}`);
}

function shorten(value: bigint, base: bigint, suffixes: readonly string[]): string {
  const [mantissa, steps] = divideOut(value, base, suffixes.length - 1);
  return `${mantissa}${suffixes[steps]}`;
}

function divideOut(value: bigint, base: bigint, most: number): [bigint, number] {
  let [rest, steps] = [value, 0];
  while (steps < most && rest % base === 0n) [rest, steps] = [rest / base, steps + 1];
  return [rest, steps];
}

function ceilDivide(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by;
}
