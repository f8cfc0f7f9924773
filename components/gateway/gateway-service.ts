import { chmodSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { enroute } from "../../mesh/enroute";
import {
  type ServiceType,
  gatewayAddressOf,
  nodePortsOf,
  postRenderer,
  postRendererPath,
} from "../../mesh/gateway-service";

/**
 * Writes the program by which Helm gives the gateway's Service its type, where that is not the chart's own: Helm takes a program, and
 * the provider hands it no arguments (4.25, pkg/provider/helm_release.go).
 *
 * @param folder that the provider runs in
 */
export function writePostRenderer(folder: string, type: ServiceType | undefined): void {
  const relative = postRendererPath(type);
  if (type === undefined || relative === undefined) return;
  const path = join(folder, relative);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(join(dirname(path), ".gitignore"), "*\n");
  // In one step: another update may be running it.
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, postRenderer(type));
  chmodSync(mine, 0o700);
  renameSync(mine, path);
}

/** The Service of the chart: where clients connect. */
export function readService(
  parent: pulumi.Resource,
  name: string,
  release: k8s.helm.v3.Release,
  namespace: string,
): { address: pulumi.Output<string | undefined>; nodePorts: pulumi.Output<{ http?: number; https?: number }> } {
  const service = k8s.core.v1.Service.get(
    `${name}-service`,
    // Through the release, so that a preview of an empty cluster does not look for it.
    release.status.apply((status) => `${status.namespace ?? namespace}/${enroute.service}`),
    // Its annotations may be secrets of the stack; the provider keeps them twice.
    { parent, additionalSecretOutputs: ["metadata", "__inputs"] },
  );
  return {
    address: pulumi
      .all([service.spec, service.status])
      .apply(([spec, status]) =>
        spec?.type === "NodePort" ? undefined : gatewayAddressOf({ spec: spec ?? {}, status }),
      ),
    nodePorts: service.spec.apply((spec) => nodePortsOf({ spec: spec ?? {} })),
  };
}
