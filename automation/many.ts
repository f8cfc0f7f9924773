import { availableParallelism } from "node:os";
import pMap from "p-map";
import type { Environment } from "./environment";

/** What came of one environment. */
export type Settled<Result> = { stack: string } & ({ ok: true; value: Result } | { ok: false; error: Error });

/**
 * Does the same with many environments, a few at a time. One that fails touches no other; the results are in the order of the
 * environments.
 *
 * @param concurrency how many at a time. Each takes a thread of about 300 MB, a pulumi and its plugins while it runs. @default the number of processor cores
 */
export function forEachEnvironment<Result>(
  environments: Iterable<Environment>,
  operation: (environment: Environment) => Promise<Result>,
  { concurrency = availableParallelism() }: { concurrency?: number } = {},
): Promise<Settled<Result>[]> {
  return pMap(
    environments,
    async (environment): Promise<Settled<Result>> => {
      const { stack } = environment;
      try {
        return { stack, ok: true, value: await operation(environment) };
      } catch (error) {
        return { stack, ok: false, error: error instanceof Error ? error : new Error(String(error)) };
      }
    },
    { concurrency },
  );
}
