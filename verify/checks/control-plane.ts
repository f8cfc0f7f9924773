import { X509Certificate } from "node:crypto";
import { parse } from "yaml";
import type { Result } from "../../base/report";
import { count } from "../../base/text";
import type { Webhook, WebhookConfiguration } from "../../cluster/kinds";
import { istiodName, leastIstiods, meshConfigName } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { CannotTell, judge } from "../result";
import type { ClusterView } from "../view";
import { itemsOf, pemBlocks, valueOf } from "./reading";

/** Whether istiod runs, and the API server asks it, and trusts it. */
export function checkControlPlane(view: ClusterView, settings: Settings): Result[] {
  return [
    ready(view, settings),
    service(view, settings),
    configuration(view, settings),
    injectionWebhook(view, settings),
    validationWebhook(view, settings),
    webhookCa(view, settings),
  ];
}

function ready(view: ClusterView, settings: Settings): Result {
  const { name: namespace } = settings.istio.namespace;
  const name = istiodName(settings);
  return judge(
    {
      check: "control-plane/istiod-ready",
      title: "istiod is ready",
      fix: `look at: kubectl -n ${namespace} describe deployment ${name}; then run pulumi up --refresh`,
    },
    (problem) => {
      const deployment = itemsOf(view.deployments[namespace], `Deployments of namespace ${namespace}`).find(
        ({ metadata }) => metadata.name === name,
      );
      if (deployment === undefined) {
        problem(`there is no Deployment ${name} in namespace ${namespace}`, "run pulumi up --refresh");
        return "";
      }
      const wanted = Math.max(leastIstiods(settings), deployment.spec.replicas ?? 1);
      const { readyReplicas = 0, updatedReplicas = 0, observedGeneration = 0 } = deployment.status ?? {};
      if (readyReplicas < wanted)
        problem(
          `${readyReplicas} of ${wanted} ${name} pods are ready${deployment.spec.replicas === 0 ? ": it is scaled to zero" : ""}`,
        );
      else if (observedGeneration < (deployment.metadata.generation ?? 0) || updatedReplicas < wanted)
        throw new CannotTell(`Deployment ${name} is being rolled out`, "wait, and verify again");
      return `${readyReplicas} of ${wanted} ready`;
    },
  );
}

function service(view: ClusterView, settings: Settings): Result {
  const { name: namespace } = settings.istio.namespace;
  const name = istiodName(settings);
  return judge(
    {
      check: "control-plane/istiod-service",
      title: "istiod can be reached through its Service",
      fix: "run pulumi up --refresh",
    },
    (problem) => {
      const found = itemsOf(view.services[namespace], `Services of namespace ${namespace}`).find(
        ({ metadata }) => metadata.name === name,
      );
      if (found === undefined) {
        problem(`there is no Service ${name} in namespace ${namespace}: webhooks and proxies find no istiod`);
        return "";
      }
      const missing = [15012, 443].filter((port) => !found.spec.ports?.some((one) => one.port === port));
      if (missing.length > 0) problem(`Service ${name} lacks port ${missing.join(" and ")}`);
      const endpoints = itemsOf(view.endpointSlices, `EndpointSlices of namespace ${namespace}`)
        .filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === name)
        .flatMap((slice) => slice.endpoints ?? [])
        .filter(({ conditions }) => conditions?.ready !== false);
      const selector = JSON.stringify(found.spec.selector ?? {});
      if (endpoints.length === 0)
        problem(
          `Service ${name} has no ready endpoint: no ready pod has the labels ${selector}`,
          `make istiod ready (control-plane/istiod-ready), or put the Service's selector right with pulumi up --refresh`,
        );
      return `${count(endpoints.length, "ready endpoint")} on ports ${found.spec.ports?.map(({ port }) => port).join(", ")}`;
    },
  );
}

function configuration(view: ClusterView, settings: Settings): Result {
  const { trustDomain, namespace } = settings.istio;
  const name = meshConfigName(settings);
  return judge(
    {
      check: "control-plane/mesh-configuration",
      title: "the mesh's root namespace, trust domain and automatic mutual TLS are as the stack says",
      fix: "run pulumi up --refresh",
    },
    (problem) => {
      const map = valueOf(view.meshConfig, `ConfigMap ${name}`);
      if (map === undefined) {
        problem(`there is no ConfigMap ${name} in namespace ${namespace.name}`);
        return "";
      }
      let mesh: { rootNamespace?: string; trustDomain?: string; enableAutoMtls?: boolean };
      try {
        mesh = (parse(map.data?.["mesh"] ?? "") ?? {}) as typeof mesh;
      } catch {
        problem(`key mesh of ConfigMap ${name} is no YAML`);
        return "";
      }
      const root = mesh.rootNamespace ?? namespace.name;
      if (root !== namespace.name)
        problem(`rootNamespace is ${root}: the mesh-wide policy in ${namespace.name} counts for nothing`);
      const domain = mesh.trustDomain ?? "cluster.local";
      if (domain !== trustDomain) problem(`trustDomain is ${domain} instead of ${trustDomain}`);
      // A stack may say so itself; then its reasons are its own, but the clients speak plain text all the same.
      if (mesh.enableAutoMtls === false)
        problem(
          "enableAutoMtls is false: proxies send plain text unless a DestinationRule says otherwise",
          "leave enableAutoMtls out of istio.meshConfig",
        );
      return `root namespace ${root}, trust domain ${domain}, automatic mutual TLS on`;
    },
  );
}

/** Whether a webhook injects sidecars. */
export function isInjector({ clientConfig }: Webhook): boolean {
  return (clientConfig.service?.path ?? clientConfig.url ?? "").includes("/inject");
}

type Owned = Webhook & { configuration: string };

function webhooksOf(configurations: WebhookConfiguration[]): Owned[] {
  return configurations.flatMap(({ metadata, webhooks = [] }) =>
    webhooks.map((webhook) => ({ ...webhook, configuration: metadata.name })),
  );
}

/** Webhooks of this stack's istiod: those that carry its revision, and where a tag is used, those that call its Service. */
function ours(view: ClusterView, settings: Settings): { injectors: Owned[]; validators: Owned[] } {
  const revision = settings.istio.revision ?? "default";
  const mine = ({ metadata }: WebhookConfiguration) => metadata.labels?.["istio.io/rev"] === revision;
  return {
    injectors: webhooksOf(itemsOf(view.mutatingWebhooks, "MutatingWebhookConfigurations").filter(mine)).filter(
      isInjector,
    ),
    validators: webhooksOf(itemsOf(view.validatingWebhooks, "ValidatingWebhookConfigurations").filter(mine)),
  };
}

function injectionWebhook(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "control-plane/injection-webhook",
      title: "the API server asks this istiod for sidecars, and creates no pod without an answer",
      fix: "run pulumi up --refresh",
    },
    (problem) => {
      const { injectors } = ours(view, settings);
      if (injectors.length === 0) problem("no MutatingWebhookConfiguration of this istiod injects sidecars");
      callsIstiod(injectors, settings, problem);
      for (const { name, failurePolicy } of injectors)
        if (failurePolicy === "Ignore")
          problem(`${name} has failurePolicy Ignore: while istiod is away, pods start without a sidecar`);
      return `${count(injectors.length, "webhook")} of ${[...new Set(injectors.map((one) => one.configuration))].join(", ")}`;
    },
  );
}

function validationWebhook(view: ClusterView, settings: Settings): Result {
  return judge(
    {
      check: "control-plane/validation-webhook",
      title: "the API server has Istio's objects checked by this istiod",
      severity: "warning",
      fix: "istiod sets failurePolicy Fail by itself soon after its start; if it does not, look at its log, then pulumi up --refresh",
    },
    (problem) => {
      const { validators } = ours(view, settings);
      if (validators.length === 0)
        problem("no ValidatingWebhookConfiguration of this istiod", "run pulumi up --refresh");
      callsIstiod(validators, settings, problem);
      for (const { name, configuration: owner, failurePolicy } of validators)
        if (failurePolicy === "Ignore")
          problem(`${name} of ${owner} has failurePolicy Ignore: wrong objects are let in`);
      return `${count(validators.length, "webhook")} of ${[...new Set(validators.map((one) => one.configuration))].join(", ")}`;
    },
  );
}

function callsIstiod(webhooks: Owned[], settings: Settings, problem: (what: string) => void): void {
  const wanted = `${settings.istio.namespace.name}/${istiodName(settings)}`;
  for (const { name, configuration: owner, clientConfig } of webhooks) {
    const { service: called } = clientConfig;
    if (called === undefined) continue; // a URL: a control plane outside of the cluster
    if (`${called.namespace}/${called.name}` !== wanted)
      problem(`${name} of ${owner} calls Service ${called.namespace}/${called.name} instead of ${wanted}`);
  }
}

function webhookCa(view: ClusterView, settings: Settings): Result {
  const { name: namespace } = settings.istio.namespace;
  return judge(
    {
      check: "control-plane/webhook-ca",
      title: "the API server trusts istiod: the webhooks carry the mesh's root certificate",
      fix: `restart istiod, which puts it in again: kubectl -n ${namespace} rollout restart deployment ${istiodName(settings)}`,
    },
    (problem) => {
      const { injectors, validators } = ours(view, settings);
      const roots = pemBlocks(
        valueOf(view.rootCertificates[namespace], `ConfigMap istio-ca-root-cert of namespace ${namespace}`)?.data?.[
          "root-cert.pem"
        ],
      );
      if (roots.length === 0)
        throw new CannotTell(`namespace ${namespace} has no ConfigMap istio-ca-root-cert to compare with`);
      for (const { name, configuration: owner, clientConfig } of [...injectors, ...validators]) {
        const bundle = pemBlocks(Buffer.from(clientConfig.caBundle ?? "", "base64").toString());
        if (bundle.length === 0) problem(`${name} of ${owner} has no caBundle: the API server refuses istiod's answer`);
        else if (!bundle.some((certificate) => roots.includes(certificate)))
          problem(`${name} of ${owner} has a caBundle without the mesh's root certificate`);
      }
      return `${count(injectors.length + validators.length, "webhook")} with the root ${fingerprint(roots[0]!)}`;
    },
  );
}

function fingerprint(block: string): string {
  const body = block.replace(/-----(BEGIN|END)CERTIFICATE-----/g, "");
  try {
    return new X509Certificate(Buffer.from(body, "base64")).fingerprint256.slice(0, 23);
  } catch {
    return "(unreadable)";
  }
}
