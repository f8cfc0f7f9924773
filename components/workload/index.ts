/** A workload to see it all with. */
export * from "./bookinfo";
