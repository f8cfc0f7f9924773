import { X509Certificate } from "node:crypto";
import { count, listed } from "../../base/text";
import type { Webhook, WebhookConfiguration } from "../../cluster/kinds";
import { type ControlPlane, controlPlanes } from "../../mesh/control-planes";
import { revisionLabel } from "../../mesh/injection";
import { fieldsTwiceIn, readMeshConfig } from "../../mesh/mesh-config";
import { discoverySelectorsOf, isDiscovered, selectorByName, undiscovered } from "../../mesh/discovery";
import { defaultTrustDomain } from "../../mesh/istio";
import { effectiveMeshConfig } from "../../settings/effective";
import { istiodName, leastIstiods, meshConfigName, wantedNamespaces } from "../../settings/expected";
import type { Settings } from "../../settings/schema";
import { CannotTell, notThere } from "../check";
import type { ClusterView } from "../view";
import { type VerifyCheck, verifyCheck } from "./define";
import { restoring, updating } from "./fixes";
import { certificateTexts, itemsOf, valueOf } from "./reading";

const ready = verifyCheck({
  id: "control-plane/istiod-ready",
  title: "istiod is ready",
  needs: ["deployments", "releases"],
  subject: ({ settings }) => `Deployment ${settings.istio.namespace.name}/${istiodName(settings)}`,
  fix: ({ settings }) =>
    `see why: kubectl -n ${settings.istio.namespace.name} describe deployment ${istiodName(settings)}`,
  docs: {
    meaning: "as many istiods are ready as the profile asks for",
    fix: "describe the Deployment; scale it up; where it is gone, `helm rollback`",
  },
  run(view, { settings }, problem) {
    const { name: namespace } = settings.istio.namespace;
    const planes = controlPlanes(settings.istio);
    const rolling: string[] = [];
    const seen = planes.map(({ istiod: name, release }) => {
      const own = { subject: `Deployment ${namespace}/${name}` };
      const deployment = itemsOf(view.deployments[namespace], `Deployments of namespace ${namespace}`).find(
        ({ metadata }) => metadata.name === name,
      );
      if (deployment === undefined) {
        problem(`there is no Deployment ${name} in namespace ${namespace}`, {
          ...own,
          fix: restoring(view, namespace, release),
        });
        return "";
      }
      const wanted = Math.max(leastIstiods(settings), deployment.spec.replicas ?? 1);
      const { readyReplicas = 0, updatedReplicas = 0, observedGeneration = 0 } = deployment.status ?? {};
      if (readyReplicas < wanted)
        problem(
          `${readyReplicas} of ${wanted} ${name} pods are ready${deployment.spec.replicas === 0 ? ": it is scaled to zero" : ""}`,
          {
            ...own,
            fix:
              deployment.spec.replicas !== undefined && deployment.spec.replicas < wanted
                ? `kubectl -n ${namespace} scale deployment ${name} --replicas=${wanted}`
                : `see why: kubectl -n ${namespace} describe deployment ${name}`,
          },
        );
      else if (observedGeneration < (deployment.metadata.generation ?? 0) || updatedReplicas < wanted)
        rolling.push(name);
      return `${planes.length > 1 ? `${name}: ` : ""}${readyReplicas} of ${wanted} ready`;
    });
    if (rolling.length > 0)
      throw new CannotTell(`Deployment ${listed(rolling)} is being rolled out`, "wait, and verify again");
    return seen.join("; ");
  },
});

const service = verifyCheck({
  id: "control-plane/istiod-service",
  title: "istiod can be reached through its Service",
  needs: ["services", "endpointSlices", "releases"],
  subject: ({ settings }) => `Service ${settings.istio.namespace.name}/${istiodName(settings)}`,
  fix: "make istiod ready: see control-plane/istiod-ready",
  docs: {
    meaning: "istiod's Service has ready endpoints, and the ports for webhooks and certificates",
    fix: "make istiod ready; where the Service was changed or deleted, `helm rollback`",
  },
  run(view, { settings }, problem) {
    const { name: namespace } = settings.istio.namespace;
    const planes = controlPlanes(settings.istio);
    const seen = planes.map(({ istiod: name, release }) => {
      const fix = restoring(view, namespace, release);
      const subject = `Service ${namespace}/${name}`;
      const found = itemsOf(view.services[namespace], `Services of namespace ${namespace}`).find(
        ({ metadata }) => metadata.name === name,
      );
      if (found === undefined) {
        const what = `there is no Service ${name} in namespace ${namespace}: webhooks and proxies find no istiod`;
        problem(what, { subject, fix });
        return "";
      }
      const missing = [15012, 443].filter((port) => !found.spec.ports?.some((one) => one.port === port));
      if (missing.length > 0) problem(`Service ${name} lacks port ${missing.join(" and ")}`, { subject, fix });
      const endpoints = itemsOf(view.endpointSlices, `EndpointSlices of namespace ${namespace}`)
        .filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === name)
        .flatMap((slice) => slice.endpoints ?? [])
        .filter(({ conditions }) => conditions?.ready !== false);
      const selector = JSON.stringify(found.spec.selector ?? {});
      if (endpoints.length === 0)
        problem(`Service ${name} has no ready endpoint: no ready pod has the labels ${selector}`, {
          subject,
          fix: `make istiod ready (control-plane/istiod-ready); where it is, ${fix}`,
        });
      const ports = found.spec.ports?.map(({ port }) => port).join(", ");
      return `${planes.length > 1 ? `${name}: ` : ""}${count(endpoints.length, "ready endpoint")} on ports ${ports}`;
    });
    return seen.join("; ");
  },
});

const configuration = verifyCheck({
  id: "control-plane/mesh-configuration",
  title: "the mesh's root namespace, trust domain and automatic mutual TLS are as the stack says",
  needs: ["meshConfigs", "releases"],
  subject: ({ settings }) => `ConfigMap ${settings.istio.namespace.name}/${meshConfigName(settings)}`,
  fix: "run pulumi up",
  docs: {
    meaning: "root namespace and trust domain are those of the stack; automatic mutual TLS is on",
    fix: "`pulumi up`, if the stack was changed since; else `helm rollback`",
  },
  run(view, { settings }, problem) {
    const { trustDomain, namespace } = settings.istio;
    const seen = controlPlanes(settings.istio).map(({ configMap: name, release }) => {
      const own = { subject: `ConfigMap ${namespace.name}/${name}`, fix: updating(view, namespace.name, release) };
      const map = valueOf(view.meshConfigs[name], `ConfigMap ${name}`);
      if (map === undefined) {
        problem(`there is no ConfigMap ${name} in namespace ${namespace.name}`, own);
        return "";
      }
      const mesh = readMeshConfig(map) as
        { rootNamespace?: string; trustDomain?: string; enableAutoMtls?: boolean } | undefined;
      if (mesh === undefined) {
        problem(`key mesh of ConfigMap ${name} is not YAML`, own);
        return "";
      }
      const twice = fieldsTwiceIn(map);
      if (twice.length > 0)
        problem(
          `ConfigMap ${name} has ${listed(twice)} in two spellings: istiod refuses that and stays with the configuration it had`,
          own,
        );
      const root = mesh.rootNamespace ?? namespace.name;
      if (root !== namespace.name)
        problem(`rootNamespace is ${root}: the mesh-wide policy in ${namespace.name} counts for nothing`, own);
      const domain = mesh.trustDomain ?? defaultTrustDomain;
      if (domain !== trustDomain) problem(`trustDomain is ${domain} instead of ${trustDomain}`, own);
      if (mesh.enableAutoMtls === false)
        problem("enableAutoMtls is false: proxies send plain text unless a DestinationRule says otherwise", own);
      return `root namespace ${root}, trust domain ${domain}, automatic mutual TLS on`;
    });
    return [...new Set(seen)].join("; ");
  },
});

const discovery = verifyCheck({
  id: "control-plane/discovery",
  title: "istiod looks at every namespace of the mesh",
  needs: ["meshConfigs", "namespaces", "releases"],
  subject: ({ settings }) => `ConfigMap ${settings.istio.namespace.name}/${meshConfigName(settings)}`,
  fix: "run pulumi up",
  docs: {
    meaning:
      "`discoverySelectors` of the mesh's configuration, if it has any, match every namespace of the mesh, the root namespace too: in others no policy counts",
    fix: "label the namespace, or correct `istio.meshConfig.discoverySelectors`",
  },
  run(view, { settings }, problem) {
    const selectorsOf = ({ configMap: name }: ControlPlane) => {
      const map = valueOf(view.meshConfigs[name], `ConfigMap ${name}`);
      if (map === undefined) throw notThere(`no ConfigMap ${name}`, "control-plane/mesh-configuration");
      const mesh = readMeshConfig(map);
      if (mesh === undefined)
        throw notThere(`no configuration that can be read in ConfigMap ${name}`, "control-plane/mesh-configuration");
      return discoverySelectorsOf(mesh);
    };
    const planes = controlPlanes(settings.istio).map((plane) => ({ ...plane, selectors: selectorsOf(plane) }));
    // By the stack's own selectors it would come to the same again.
    const declared = discoverySelectorsOf(effectiveMeshConfig(settings));
    const missing: string[] = [];
    for (const { key, name: namespace, labels: wanted } of wantedNamespaces(settings)) {
      const labels = valueOf(view.namespaces[namespace], `namespace ${namespace}`);
      const blind = planes.find(
        ({ selectors }) => labels !== undefined && isDiscovered(selectors, { name: namespace, labels }) !== true,
      );
      if (labels === undefined) missing.push(namespace);
      else if (blind !== undefined)
        problem(`no selector of discoverySelectors matches namespace ${namespace}: ${undiscovered}`, {
          subject: `Namespace ${namespace}`,
          fix:
            isDiscovered(declared, { name: namespace, labels }) === true
              ? updating(view, settings.istio.namespace.name, blind.release)
              : isDiscovered(declared, { name: namespace, labels: { ...labels, ...wanted } }) === true
                ? "run pulumi up --refresh, which labels it again"
                : `add ${selectorByName(namespace)} to istio.meshConfig.discoverySelectors, or a label that one of them asks for to ${key}.labels, and run pulumi up`,
        });
    }
    if (missing.length > 0) throw notThere(`no namespace ${listed(missing)}`, "injection/namespace-labels");
    const most = Math.max(...planes.map(({ selectors }) => selectors?.length ?? 0));
    return most === 0 ? "no selectors: it looks at all" : `${count(most, "selector")}, for each of them`;
  },
});

/** Whether a webhook injects sidecars. */
export function isInjector({ clientConfig }: Webhook): boolean {
  return (clientConfig.service?.path ?? clientConfig.url ?? "").includes("/inject");
}

type Owned = Webhook & { configuration: string; plane: ControlPlane };

/** Webhooks of this stack's istiods: those that carry the revision of one, as a tag's do that points to it. */
function webhooksOf(configurations: WebhookConfiguration[], { istio }: Settings): Owned[] {
  return configurations.flatMap(({ metadata, webhooks = [] }) => {
    const plane = controlPlanes(istio).find(({ revision }) => metadata.labels?.[revisionLabel] === revision);
    return plane === undefined ? [] : webhooks.map((webhook) => ({ ...webhook, configuration: metadata.name, plane }));
  });
}

function injectorsOf(view: Pick<ClusterView, "mutatingWebhooks">, settings: Settings): Owned[] {
  const all = itemsOf(view.mutatingWebhooks, "MutatingWebhookConfigurations");
  return webhooksOf(all, settings).filter(isInjector);
}

function validatorsOf(view: Pick<ClusterView, "validatingWebhooks">, settings: Settings): Owned[] {
  return webhooksOf(itemsOf(view.validatingWebhooks, "ValidatingWebhookConfigurations"), settings);
}

/** Control planes without one of some webhooks. */
function planesWithout(webhooks: readonly Owned[], { istio }: Settings): ControlPlane[] {
  return controlPlanes(istio).filter(({ revision }) => !webhooks.some(({ plane }) => plane.revision === revision));
}

const injectionWebhook = verifyCheck({
  id: "control-plane/injection-webhook",
  title: "the API server asks this istiod for sidecars, and creates no pod without an answer",
  needs: ["mutatingWebhooks", "releases"],
  subject: "injection webhook",
  fix: "have Helm put it back",
  docs: { meaning: "the injection webhooks call this istiod, and fail closed", fix: "`helm rollback`" },
  run(view, { settings }, problem) {
    const injectors = injectorsOf(view, settings);
    const fixFor = ({ release }: ControlPlane) => ({ fix: restoring(view, settings.istio.namespace.name, release) });
    for (const plane of planesWithout(injectors, settings))
      problem(`no MutatingWebhookConfiguration of this ${plane.istiod} injects sidecars`, fixFor(plane));
    callsIstiod(injectors, settings, (what, plane) => problem(what, fixFor(plane)));
    for (const { name, failurePolicy, plane } of injectors)
      if (failurePolicy === "Ignore")
        problem(`${name} has failurePolicy Ignore: while istiod is away, pods start without a sidecar`, fixFor(plane));
    return `${count(injectors.length, "webhook")} of ${[...new Set(injectors.map((one) => one.configuration))].join(", ")}`;
  },
});

const validationWebhook = verifyCheck({
  id: "control-plane/validation-webhook",
  title: "the API server has Istio's objects checked by this istiod",
  severity: "warning",
  needs: ["validatingWebhooks", "releases"],
  subject: "validation webhook",
  fix: ({ settings }) =>
    `istiod sets failurePolicy Fail by itself soon after its start: kubectl -n ${settings.istio.namespace.name} rollout restart deployment ${istiodName(settings)}`,
  docs: {
    meaning: "the validation webhooks call this istiod, and fail closed (istiod sees to that soon after its start)",
    fix: "restart istiod; where they are gone, `helm rollback`",
  },
  run(view, { settings }, problem) {
    const root = settings.istio.namespace.name;
    const fixFor = ({ release }: ControlPlane) => ({
      fix: [restoring(view, root, "istio-base"), restoring(view, root, release)].join("; "),
    });
    const validators = validatorsOf(view, settings);
    for (const plane of planesWithout(validators, settings))
      problem(`no ValidatingWebhookConfiguration of this ${plane.istiod}`, fixFor(plane));
    callsIstiod(validators, settings, (what, plane) => problem(what, fixFor(plane)));
    for (const { name, configuration: owner, failurePolicy } of validators)
      if (failurePolicy === "Ignore") problem(`${name} of ${owner} has failurePolicy Ignore: wrong objects are let in`);
    return `${count(validators.length, "webhook")} of ${[...new Set(validators.map((one) => one.configuration))].join(", ")}`;
  },
});

function callsIstiod(
  webhooks: Owned[],
  settings: Settings,
  problem: (what: string, plane: ControlPlane) => void,
): void {
  for (const { name, configuration: owner, clientConfig, plane } of webhooks) {
    const { service: called } = clientConfig;
    const wanted = `${settings.istio.namespace.name}/${plane.istiod}`;
    if (called === undefined) continue; // a URL: a control plane outside of the cluster
    if (`${called.namespace}/${called.name}` !== wanted)
      problem(`${name} of ${owner} calls Service ${called.namespace}/${called.name} instead of ${wanted}`, plane);
  }
}

const webhookCa = verifyCheck({
  id: "control-plane/webhook-ca",
  title: "the API server trusts istiod: the webhooks carry the mesh's root certificate",
  needs: ["mutatingWebhooks", "validatingWebhooks", "rootCertificates"],
  subject: "webhooks of istiod",
  fix: ({ settings }) =>
    `restart istiod, which puts it in again: kubectl -n ${settings.istio.namespace.name} rollout restart deployment ${istiodName(settings)}`,
  docs: {
    meaning: "the webhooks' CA bundle holds the mesh's root certificate, so the API server trusts istiod",
    fix: "restart istiod",
  },
  run(view, { settings }, problem) {
    const { name: namespace } = settings.istio.namespace;
    const injectors = injectorsOf(view, settings);
    const validators = validatorsOf(view, settings);
    const roots = certificateTexts(
      valueOf(view.rootCertificates[namespace], `ConfigMap istio-ca-root-cert of namespace ${namespace}`)?.data?.[
        "root-cert.pem"
      ],
    );
    if (roots.length === 0)
      throw notThere(`namespace ${namespace} has no ConfigMap istio-ca-root-cert`, "identity/mesh-root");
    for (const { name, configuration: owner, clientConfig } of [...injectors, ...validators]) {
      const bundle = certificateTexts(Buffer.from(clientConfig.caBundle ?? "", "base64").toString());
      if (bundle.length === 0) problem(`${name} of ${owner} has no caBundle: the API server refuses istiod's answer`);
      else if (!bundle.some((certificate) => roots.includes(certificate)))
        problem(`${name} of ${owner} has a caBundle without the mesh's root certificate`);
    }
    if (injectors.length === 0)
      throw notThere("no injection webhook of this istiod", "control-plane/injection-webhook");
    if (validators.length === 0)
      throw notThere("no validation webhook of this istiod", "control-plane/validation-webhook");
    return `${count(injectors.length + validators.length, "webhook")} with the root ${fingerprint(roots[0]!)}`;
  },
});

function fingerprint(block: string): string {
  const body = block.replace(/-----(BEGIN|END)CERTIFICATE-----/g, "");
  try {
    return new X509Certificate(Buffer.from(body, "base64")).fingerprint256.slice(0, 23);
  } catch {
    return "(unreadable)";
  }
}

/** Whether istiod runs, and the API server asks it, and trusts it. */
export const controlPlaneChecks: readonly VerifyCheck[] = [
  ready,
  service,
  configuration,
  discovery,
  injectionWebhook,
  validationWebhook,
  webhookCa,
];
