/** Version of this package. Read by the package's own name: the sources and what is built from them lie differently deep. */
export function packageVersion(): string {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return (require("enroute-istio/package.json") as { version: string }).version;
}
