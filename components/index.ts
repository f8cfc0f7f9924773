/** Every component: the whole, and its parts. */
export * from "./encrypted-ingress";
export { ArgumentsError } from "./refusal";
export * from "./certificates";
export * from "./gateway";
export * from "./istio";
export * from "./observability";
export * from "./workload";
