/** A workload to see it all with. */
export * from "./bookinfo";
export * from "./image-pull-secret";
export * from "./only-from-gateway";
