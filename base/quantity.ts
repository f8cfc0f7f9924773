/* Quantities of Kubernetes: `100m` of CPU, `128Mi` of memory. */

const factors: Record<string, number> = {
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};

/** The value of a quantity, in its base unit; undefined where it is none. */
export function quantity(text: unknown): number | undefined {
  if (typeof text === "number") return text;
  const [, number, suffix = ""] = /^([+-]?[\d.]+(?:e[+-]?\d+)?)([a-zA-Z]*)$/.exec(String(text)) ?? [];
  const factor = factors[suffix];
  const value = Number(number);
  return number === undefined || factor === undefined || Number.isNaN(value) ? undefined : value * factor;
}
