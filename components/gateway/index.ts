/** The EnRoute gateway: the release, its switch for mutual TLS, and the hosts that it serves. */
export * from "./enroute-gateway";
export type { GatewayImages, Image, Resources, WorkloadCertificate } from "../../mesh/enroute-values";
export * from "./gateway-host";
export * from "./mesh-global-config";
export type { LogLevel, PullPolicy } from "../../mesh/enroute";
export type { MinimumTlsVersion } from "../../mesh/gateway-host";
export type { IngressSupport } from "../../mesh/gateway-rights";
export type { ServiceType } from "../../mesh/gateway-service";
