/* Generated from the schema of the components (npm run docs): what they look like to other languages. */
/* eslint-disable max-lines, @typescript-eslint/no-explicit-any -- as long as the settings are; a union is any value */
import * as pulumi from "@pulumi/pulumi";

export interface ImagePullSecretSettings {
  /** Name of the Secret; it must be in every namespace of the stack, unless it is made from `password`. */
  name: string;
  /** Host of the registry, where the Secret is made. */
  registry?: string;
  /** User of the registry, where the Secret is made. */
  username?: pulumi.Input<string>;
  /** Password or token of the user: the stack makes the Secret in its namespaces. It must be a secret: `pulumi config set --secret`. Default: the Secret is there. */
  password?: pulumi.Input<string>;
}

export interface ChartRepositoryAuthSettings {
  /** User name, with `password`. Default: `token`. */
  username?: pulumi.Input<string>;
  /** Password of the user. It must be a secret: `pulumi config set --secret`. */
  password?: pulumi.Input<string>;
  /** A token in the place of a password, where any user name goes with it. It must be a secret: `pulumi config set --secret`. */
  token?: pulumi.Input<string>;
  /** Path of the certificates of the CAs that the repository's certificate is from, PEM; relative to the project's folder. Not for `oci://`: let the machine trust the CA. Default: the CAs of the machine. */
  caFile?: string;
}

export interface NamespaceSettings {
  /** Name of the mesh's root namespace. */
  name?: string;
  /** `true`: the stack creates it, and it must not exist. `false`: it exists, gets the labels only, and stays behind on destroy. `adopt`: it exists and becomes the stack's, and destroy deletes it with everything in it. */
  create?: any;
  /** Further labels, other than `istio-injection` and `istio.io/rev`. */
  labels?: { [key: string]: string };
}

export interface RevisionSettings {
  /** Name of the revision, which namespaces and tags follow; `default` is the control plane of a stack without `istio.revision`. */
  revision: string;
  /** Exact version of its chart `istiod`. */
  version: string;
  /** Tag of its images. Default: its `version`. */
  tag?: string;
  /** Name of its Helm release. A stack that had `istio.revision` before keeps `istiod` for that one: under another name its objects would be made again. Default: `istiod-<revision>`, and `istiod` for `default`. */
  release?: string;
}

export interface CaSettings {
  /** `istiod`: Istiod makes a CA of its own (Secret `istio-ca-secret`) and renews it by itself. `generated`: Roots of the stack's own, and an intermediate CA below one of them, by which istiod signs (Secret `cacerts`). `provided`: A CA made elsewhere, brought as PEM, by which istiod signs. */
  issuer: string;
  /** Kind and size of the keys: `ECDSA-P256`, `ECDSA-P384`, `RSA-2048` or `RSA-4096`; of the intermediate, and of roots made from now on. Default: `ECDSA-P256`. Only with issuer `generated`. */
  keyAlgorithm?: string;
  /** Life of a root, in whole hours, longer than `validity`; of roots made from now on. Only with issuer `generated`. */
  caValidity?: string;
  /** How long before the end of the intermediate an update renews it, in whole hours; less than `validity`. Default: a third of `validity`. Only with issuer `generated`. */
  renewBefore?: string;
  /** Names of the stack's own roots that the mesh trusts. Default: `[root]`. Only with issuer `generated`, `provided`. */
  roots?: string[];
  /** Name of the root that signs the intermediate, one of `roots`. Default: the first of `roots`. Only with issuer `generated`. */
  signer?: string;
  /** Life of the intermediate, in whole hours. Only with issuer `generated`. */
  validity?: string;
  /** Further roots that the mesh trusts beside its own, PEM, so that `provided` may follow or precede. Only with issuer `generated`, `provided`. */
  rootCertificates?: pulumi.Input<string>;
  /** How long before the end of the certificate in use every preview warns; `336h` are 14 days. Only with issuer `generated`, `provided`. */
  warnBefore?: string;
  /** The CA that signs first, then its issuers, PEM. Only with issuer `provided`. */
  certificateChain?: pulumi.Input<string>;
  /** Private key of the CA that signs, PEM. It must be a secret: `pulumi config set --secret`. Only with issuer `provided`. */
  privateKey?: pulumi.Input<string>;
}

export interface IstioSettings {
  /** Exact version of the charts `base` and `istiod`. Default: by `revisions`; one of the two is needed. */
  version?: string;
  /** Helm repository (`https://…`) or registry path (`oci://…`) of the chart. */
  chartRepository?: string;
  /** How to log in to that repository. Default: without a login. */
  chartRepositoryAuth?: ChartRepositoryAuthSettings;
  /** Registry path of Istio's images. Hosts that are being switched off give a warning. */
  hub?: string;
  /** Tag of Istio's images. Default: `istio.version`. */
  tag?: string;
  /** Size of the control plane: `small` (one istiod, small requests), `standard` (the chart's sizes), `ha` (two or more, spread, with a disruption budget). */
  profile?: string;
  /** The mesh's root namespace, where everything mesh-wide is. */
  namespace?: NamespaceSettings;
  /** Revision of this control plane; namespaces follow it. Default: the default revision. */
  revision?: string;
  /** Control planes side by side, for an upgrade without an outage, in the place of `version`, `revision` and `tag`; docs/upgrades.md has the phases. Default: the one of `version`. */
  revisions?: RevisionSettings[];
  /** The revision that checks Istio's objects for the API server, and that namespaces follow whose `injection` is left out; one of `revisions`. Default: the first of `revisions`. */
  defaultRevision?: string;
  /** Revision tags, each with the revision that it points to: namespaces follow a tag by `injection: { revision: stable }`, and move when it does. Default: none. */
  tags?: { [key: string]: string };
  /** First part of every identity in the mesh. */
  trustDomain?: string;
  /** Earlier trust domains, whose identities are accepted as well. */
  trustDomainAliases?: string[];
  /** The certificate authority of the mesh, by `issuer`: `istiod`, `generated` or `provided`. Default: istiod's own. */
  ca?: CaSettings;
  /** Istio's MeshConfig, over what the stack sets. What a key of the stack decides is refused here. */
  meshConfig?: { [key: string]: any };
  /** How long Helm waits for each release to become ready, in seconds. Default: `300`. */
  timeoutSeconds?: pulumi.Input<number>;
  /** Further Helm values, merged last: arrays replace, and `null` deletes what the stack sets. What a key of the stack decides is refused here. */
  values?: { [key: string]: any };
}

export interface EncryptedIngressNamespaceSettings {
  /** Name of the namespace; each once. */
  name: string;
  /** `true`: the stack creates it, and it must not exist. `false`: it exists, gets the labels only, and stays behind on destroy. `adopt`: it exists and becomes the stack's, and destroy deletes it with everything in it. */
  create?: any;
  /** How pods join the mesh: `enabled` by the default revision, `{ revision: 1-31 }` by that revision or tag. Never both: with both labels Istio ignores the revision. Default: by `istio.revision`, or `istio.defaultRevision`. */
  injection?: any;
  /** Further labels, other than `istio-injection` and `istio.io/rev`. */
  labels?: { [key: string]: string };
  /** `true`: its workloads take requests from the gateway's identity alone; everybody else's get 403, those of neighbours in the namespace, too. Default: `false`. */
  onlyFromGateway?: boolean;
}

export interface GatewaySettingsNamespaceSettings {
  /** Name of the gateway's namespace; another than `istio.namespace.name`. */
  name?: string;
  /** `true`: the stack creates it, and it must not exist. `false`: it exists, gets the labels only, and stays behind on destroy. `adopt`: it exists and becomes the stack's, and destroy deletes it with everything in it. */
  create?: any;
  /** How pods join the mesh: `enabled` by the default revision, `{ revision: 1-31 }` by that revision or tag. Never both: with both labels Istio ignores the revision. Default: by `istio.revision`, or `istio.defaultRevision`. */
  injection?: any;
  /** Further labels, other than `istio-injection` and `istio.io/rev`. */
  labels?: { [key: string]: string };
}

export interface EnrouteSettings {
  /** Repository of the image, without a tag. Default: the chart's. */
  repository?: string;
  /** Fixed tag of the image; may be pinned: `7.4.1@sha256:…`. Not `latest`. Default: the chart's. */
  tag?: string;
  /** When the kubelet pulls the image: `Always`, `IfNotPresent` or `Never`. Default: `IfNotPresent`. */
  pullPolicy?: string;
}

export interface RedisSettings {
  /** Repository of the image, without a tag. Default: the chart's. */
  repository?: string;
  /** Fixed tag of the image; required, as the chart's own default is `latest`, other bits at every restart. */
  tag: string;
  /** When the kubelet pulls the image: `Always`, `IfNotPresent` or `Never`. Default: `IfNotPresent`. */
  pullPolicy?: string;
}

export interface EnvoySettings {
  /** Repository of the image, without a tag. Default: the chart's. */
  repository?: string;
  /** Fixed tag of the image; may be pinned: `7.4.1@sha256:…`. Not `latest`. Default: the chart's. */
  tag?: string;
  /** When the kubelet pulls the image: `Always`, `IfNotPresent` or `Never`. Default: `IfNotPresent`. */
  pullPolicy?: string;
}

export interface ImagesSettings {
  /** EnRoute's control plane, in the gateway's pod. */
  enroute?: EnrouteSettings;
  /** Store of the rate limits. */
  redis: RedisSettings;
  /** The proxy. */
  envoy?: EnvoySettings;
}

export interface AutoscalingSettings {
  /** Most replicas, at least `gateway.replicas`, which is the least. */
  maxReplicas: number;
  /** CPU use of the Envoy containers to keep, in percent of their request. Default: `70`. */
  cpuPercent?: number;
}

export interface ResourcesSettingsEnrouteSettings {
  /** What the container asks for. */
  requests?: { [key: string]: pulumi.Input<string> };
  /** What the container may use at most. */
  limits?: { [key: string]: pulumi.Input<string> };
}

export interface ResourcesSettingsRedisSettings {
  /** What the container asks for. */
  requests?: { [key: string]: pulumi.Input<string> };
  /** What the container may use at most. */
  limits?: { [key: string]: pulumi.Input<string> };
}

export interface ResourcesSettingsEnvoySettings {
  /** What the container asks for. */
  requests?: { [key: string]: pulumi.Input<string> };
  /** What the container may use at most. */
  limits?: { [key: string]: pulumi.Input<string> };
}

export interface ResourcesSettings {
  /** Of EnRoute's control plane. */
  enroute?: ResourcesSettingsEnrouteSettings;
  /** Of the store of the rate limits. */
  redis?: ResourcesSettingsRedisSettings;
  /** Of the proxy. */
  envoy?: ResourcesSettingsEnvoySettings;
}

export interface WorkloadCertificateSettings {
  /** Life of the certificate (`SECRET_TTL`), from `1m` to `2160h`, istiod's `MAX_WORKLOAD_CERT_TTL`; renewed at half life. Default: Istio's `24h`. */
  ttl?: string;
  /** Where the sidecar writes the certificate (`OUTPUT_CERTS`): a folder of its own, outside of Istio's mounts, without `..`. Default: `/etc/istio-certs`. */
  outputPath?: string;
}

export interface IngressesSettings {
  /** Why, in words; kept on the binding of the right. */
  reason: string;
}

export interface NodePortsSettings {
  /** For port 80, which redirects. Default: the cluster chooses it. */
  http?: number;
  /** For port 443. Default: the cluster chooses it. */
  https?: number;
}

export interface ServiceSettings {
  /** Type of the Service: `LoadBalancer` waits for an address from the cluster; `NodePort` opens a port of every node, for a load balancer of your own; `ClusterIP` is reached inside the cluster alone. Other than `LoadBalancer` it takes `/bin/sh` where Pulumi runs. Default: `LoadBalancer`. */
  type?: string;
  /** Ports of the nodes, not with `ClusterIP`. Default: the cluster chooses them. */
  nodePorts?: NodePortsSettings;
}

export interface GatewaySettings {
  /** Exact version of the chart `enroute`. */
  version: string;
  /** Helm repository (`https://…`) or registry path (`oci://…`) of the chart. */
  chartRepository?: string;
  /** How to log in to that repository. Default: without a login. */
  chartRepositoryAuth?: ChartRepositoryAuthSettings;
  /** Namespace of the gateway, which is a member of the mesh. */
  namespace?: GatewaySettingsNamespaceSettings;
  /** Images of the gateway's pod. */
  images: ImagesSettings;
  /** Pods; above 1 with a disruption budget. Each pod counts rate limits for itself. */
  replicas?: number;
  /** Scaling by load. Default: no autoscaling. */
  autoscaling?: AutoscalingSettings;
  /** Log level of Envoy: `trace`, `debug`, `info`, `warning`, `error`, `critical`, `off`. */
  logLevel?: string;
  /** Requests and limits by container. The chart cannot size its cert-server. Default: Envoy asks for 200m and 256Mi. */
  resources?: ResourcesSettings;
  /** The gateway's mesh certificate, for the leg to the workloads. Default: Istio's defaults. */
  workloadCertificate?: WorkloadCertificateSettings;
  /** Gives EnRoute the right to list Ingresses. It then serves every Ingress of the cluster that has no class annotation, whatever its `ingressClassName`, in clear text on port 80; `verify` lists them. Default: EnRoute may not list Ingresses, and serves none. */
  ingresses?: IngressesSettings;
  /** How clients come to the gateway. Default: type `LoadBalancer`. */
  service?: ServiceSettings;
  /** Annotations of the Service, for the cloud's controller. */
  serviceAnnotations?: { [key: string]: pulumi.Input<string> };
  /** How long Helm waits for each release to become ready, in seconds. Default: `300`. */
  timeoutSeconds?: pulumi.Input<number>;
  /** Further Helm values, merged last: arrays replace, and `null` deletes what the stack sets. What a key of the stack decides is refused here. */
  values?: { [key: string]: any };
}

export interface PermitInsecureSettings {
  /** Why, in words; kept on the object. */
  reason: string;
}

export interface RouteSettings {
  /** Path prefix, each once in a host; the longest that fits wins. It is compared as text: `/api` fits `/apis`, too. Default: `/`. */
  prefix?: string;
  /** Name of a Service in the host's namespace. */
  service: pulumi.Input<string>;
  /** Port of that Service. */
  port: pulumi.Input<number>;
  /** Serves the path in clear text on port 80, too, instead of sending clients to HTTPS. `verify` lets that path be, and no other. Default: no. */
  permitInsecure?: PermitInsecureSettings;
}

export interface HostSettings {
  /** DNS name that clients use; each once. */
  host: string;
  /** Namespace of its Services, one of `namespaces`. */
  namespace: string;
  /** Oldest TLS version that clients may speak: `1.2` or `1.3`. */
  minimumTlsVersion?: string;
  /** Where requests go, at least one, in any order: the longest prefix that fits wins. */
  routes: RouteSettings[];
}

export interface IssuerRefSettings {
  /** Name of the issuer. */
  name: pulumi.Input<string>;
  /** `Issuer` (in that namespace), `ClusterIssuer`, or the kind of an external issuer. */
  kind?: string;
  /** API group of the issuer's kind. */
  group?: string;
}

export interface CertificateSettings {
  /** `generated`: A CA and a leaf of the stack's own, for tests and where clients can be given the CA (stack output `caCertificate`). `provided`: Issued elsewhere, brought as PEM. Checked before anything is touched: readable, in order, complete, matching, valid now, issued by CAs, covering every host. `existingSecret`: A `kubernetes.io/tls` Secret in the namespace of every host. It must be there before the host, and hold what can be served: EnRoute serves a host without its Secret in clear text. `certManager`: cert-manager, which must be installed, issues it in the namespace of every host. */
  issuer: string;
  /** Further DNS names beside the hosts; wildcards are fine. Only with issuer `generated`, `certManager`. */
  extraNames?: string[];
  /** IP addresses that it covers, for clients without DNS. Only with issuer `generated`, `certManager`. */
  ipAddresses?: string[];
  /** Kind and size of the keys: `ECDSA-P256`, `ECDSA-P384` (Envoy 1.33 or newer), `RSA-2048` or `RSA-4096`; of the leaf, and of roots made from now on. Default: `ECDSA-P256`. Only with issuer `generated`, `certManager`. */
  keyAlgorithm?: string;
  /** Life of a root, in whole hours, longer than `validity`; of roots made from now on. Only with issuer `generated`. */
  caValidity?: string;
  /** How long before the end of the leaf an update renews it, in whole hours; less than `validity`. Default: a third of `validity`. Only with issuer `generated`, `certManager`. */
  renewBefore?: string;
  /** Names of the CA's roots that clients are to trust. Default: `[ca]`. Only with issuer `generated`. */
  roots?: string[];
  /** Name of the root that signs the leaf, one of `roots`. Default: the first of `roots`. Only with issuer `generated`. */
  signer?: string;
  /** Life of the leaf, in whole hours, from `2h` to `9552h` (398 days, the most that clients take). Only with issuer `generated`, `certManager`. */
  validity?: string;
  /** How long before the end of the certificate in use every preview warns; `336h` are 14 days. */
  warnBefore?: string;
  /** The certificate first, then its issuers, PEM. Only with issuer `provided`. */
  certificateChain?: pulumi.Input<string>;
  /** Private key of the certificate, PEM. It must be a secret: `pulumi config set --secret`. Only with issuer `provided`. */
  privateKey?: pulumi.Input<string>;
  /** Certificates of the CAs that clients trust, PEM, for the stack's outputs. Only with issuer `provided`, `certManager`. */
  caCertificate?: pulumi.Input<string>;
  /** Name of the Secret, the same in every namespace. Only with issuer `existingSecret`, `certManager`. */
  secretName?: string;
  /** What issues the certificate. Only with issuer `certManager`. */
  issuerRef?: IssuerRefSettings;
}

export interface ExceptionSettings {
  /** Namespace of the workloads, a member of the mesh. */
  namespace: string;
  /** Labels that select the workload. Default: the whole namespace. */
  workload?: { [key: string]: string };
  /** Container ports, not those of a Service; needs `workload`. Default: all ports. */
  ports?: number[];
  /** `PERMISSIVE` (both) or `DISABLE` (plain text only). */
  mode: string;
  /** Why, in words; kept on the object. */
  reason: string;
  /** Who answers for it, a person or a team; kept on the object. */
  owner: string;
  /** Its last day (UTC); kept on the object. A preview warns of one that is over, and the policies refuse it. */
  until: string;
}

export interface MutualTlsSettings {
  /** Places that take plain text, and why. What Istio would silently ignore is refused. Default: none. */
  exceptions?: ExceptionSettings[];
}

export interface PrometheusSettings {
  /** Exact version of the chart `prometheus`. */
  version: string;
  /** Helm repository (`https://…`) or registry path (`oci://…`) of the chart. */
  chartRepository?: string;
  /** How to log in to that repository. Default: without a login. */
  chartRepositoryAuth?: ChartRepositoryAuthSettings;
  /** How long samples are kept. Default: `15d`. */
  retention?: pulumi.Input<string>;
  /** Size of its volume. Default: none: samples live as long as the pod. */
  storage?: pulumi.Input<string>;
  /** How long Helm waits for each release to become ready, in seconds. Default: `300`. */
  timeoutSeconds?: pulumi.Input<number>;
  /** Further Helm values, merged last: arrays replace, and `null` deletes what the stack sets. What a key of the stack decides is refused here. */
  values?: { [key: string]: any };
}

export interface KialiSettings {
  /** Exact version of the chart `kiali-server`. */
  version: string;
  /** Helm repository (`https://…`) or registry path (`oci://…`) of the chart. */
  chartRepository?: string;
  /** How to log in to that repository. Default: without a login. */
  chartRepositoryAuth?: ChartRepositoryAuthSettings;
  /** How people log in: `token` (of a service account) or `anonymous`. */
  authentication?: string;
  /** `true`: no rights to change the cluster. */
  viewOnly?: boolean;
  /** How long Helm waits for each release to become ready, in seconds. Default: `300`. */
  timeoutSeconds?: pulumi.Input<number>;
  /** Further Helm values, merged last: arrays replace, and `null` deletes what the stack sets. What a key of the stack decides is refused here. */
  values?: { [key: string]: any };
}

export interface BookinfoSettings {
  /** Its namespace, one of `namespaces`. */
  namespace: string;
  /** Exact version of the images. */
  version: string;
  /** Registry path of the images. */
  hub?: string;
}

export interface ExceptSettings {
  /** The object, as `Kind namespace/name`, or `Kind name` outside of namespaces. */
  object: string;
  /** Why it may go, in words. */
  reason: string;
}

export interface DeletionProtectionSettings {
  /** `true`: the engine refuses to delete or replace objects of the cluster. */
  enabled?: boolean;
  /** Objects that may be deleted or replaced. Default: none. */
  except?: ExceptSettings[];
}

export interface AuthoritySettings {
  /** `generated`: Roots of the stack's own, and an intermediate CA below one of them, by which istiod signs (Secret `cacerts`). `provided`: A CA made elsewhere, brought as PEM, by which istiod signs. */
  issuer: string;
  /** Kind and size of the keys: `ECDSA-P256`, `ECDSA-P384`, `RSA-2048` or `RSA-4096`; of the intermediate, and of roots made from now on. Default: `ECDSA-P256`. Only with issuer `generated`. */
  keyAlgorithm?: string;
  /** Life of a root, in whole hours, longer than `validity`; of roots made from now on. Only with issuer `generated`. */
  caValidity?: string;
  /** How long before the end of the intermediate an update renews it, in whole hours; less than `validity`. Default: a third of `validity`. Only with issuer `generated`. */
  renewBefore?: string;
  /** Names of the stack's own roots that the mesh trusts. Default: `[root]`. */
  roots?: string[];
  /** Name of the root that signs the intermediate, one of `roots`. Default: the first of `roots`. Only with issuer `generated`. */
  signer?: string;
  /** Life of the intermediate, in whole hours. Only with issuer `generated`. */
  validity?: string;
  /** Further roots that the mesh trusts beside its own, PEM, so that `provided` may follow or precede. */
  rootCertificates?: pulumi.Input<string>;
  /** How long before the end of the certificate in use every preview warns; `336h` are 14 days. */
  warnBefore?: string;
  /** The CA that signs first, then its issuers, PEM. Only with issuer `provided`. */
  certificateChain?: pulumi.Input<string>;
  /** Private key of the CA that signs, PEM. It must be a secret: `pulumi config set --secret`. Only with issuer `provided`. */
  privateKey?: pulumi.Input<string>;
}

/** Names of the namespaces, by role. */
export interface IngressNamespaces {
  /** The mesh's root namespace. */
  istio: string;
  /** That of the gateway. */
  gateway: string;
  /** Those of the workloads. */
  workloads: string[];
}

/** Ports of every node that lead to the gateway. */
export interface IngressNodePorts {
  /** For plain HTTP, which is redirected. */
  http?: number;
  /** For HTTPS. */
  https?: number;
}

/** The gateway's certificate in the mesh. */
export interface IngressWorkloadCertificate {
  /** Its life, a duration such as `24h`. */
  ttl: string;
  /** Folder into which the sidecar writes it. */
  outputPath: string;
  /** Longest life that istiod signs. */
  maxTtl: string;
}

export interface EncryptedIngressArgs {
  /** Registry that all images of the charts and the sample come from: it takes the place of each one's host, and the path stays. The chart `enroute` fixes the image of its cert-server, which a mirror of the nodes has to serve. Default: each image's own. */
  registry?: string;
  /** Secrets by which the pods of the rollout, and the sidecars of workloads, pull their images; in every namespace of the stack. Default: none. */
  imagePullSecrets?: ImagePullSecretSettings[];
  /** Istio's control plane. */
  istio: IstioSettings;
  /** The workloads' namespaces. Pods in them get a sidecar; hosts can only route to Services in them. Default: none. */
  namespaces?: EncryptedIngressNamespaceSettings[];
  /** EnRoute, the ingress gateway. */
  gateway: GatewaySettings;
  /** Hosts that the gateway serves over TLS, at least one. */
  hosts: HostSettings[];
  /** The gateway's serving certificate, by `issuer`: `generated`, `provided`, `existingSecret`, `certManager`. */
  certificate: CertificateSettings;
  /** Mutual TLS, which is STRICT everywhere else. */
  mutualTls?: MutualTlsSettings;
  /** The Prometheus that Kiali reads. Default: not installed. */
  prometheus?: PrometheusSettings;
  /** Kiali, the picture of the mesh; needs `prometheus`. Default: not installed. */
  kiali?: KialiSettings;
  /** Istio's sample workload. Default: not installed. */
  bookinfo?: BookinfoSettings;
  /** What the engine may not delete. */
  deletionProtection?: DeletionProtectionSettings;
}

/** The whole: an ingress whose two legs, client → gateway and gateway → workload, are encrypted. It takes the settings of a stack without those of its cluster, which comes as a provider: one whose cluster is made in the same update will do. It does not look into the cluster before it starts, as a stack's preflight does; an update makes nothing over what is there and is not its own. */
export declare class EncryptedIngress extends pulumi.ComponentResource {
  /** Exact version of every chart that is installed. */
  readonly versions: pulumi.Output<{ [key: string]: string }>;
  /** Namespaces by role. */
  readonly namespaces: pulumi.Output<IngressNamespaces>;
  /** Where clients connect: an IP address or a DNS name for the hosts' DNS records; inside the cluster alone with a Service of type ClusterIP. Missing while the cloud has given none, and with type NodePort: there every node's address leads to the gateway. */
  readonly gatewayAddress?: pulumi.Output<string>;
  /** Ports of every node that lead to the gateway; missing but for a Service of type NodePort. */
  readonly gatewayNodePorts?: pulumi.Output<IngressNodePorts>;
  /** URLs that the gateway serves. */
  readonly hosts: pulumi.Output<string[]>;
  /** Identity of the gateway in the mesh (SPIFFE), for AuthorizationPolicies; they leave out `spiffe://`. */
  readonly gatewayIdentity: pulumi.Output<string>;
  /** The gateway's certificate for the leg to the workloads: its life, where the sidecar writes it, the longest life that istiod signs. */
  readonly workloadCertificate: pulumi.Output<IngressWorkloadCertificate>;
  /** Roots that the mesh trusts, PEM; missing where istiod made its own. */
  readonly meshRootCertificates?: pulumi.Output<string>;
  /** Certificates of the CA's roots that clients must trust, PEM; missing where they are not known. */
  readonly caCertificate?: pulumi.Output<string>;
  /** End of the serving certificate's validity, RFC 3339 in UTC; missing where somebody else fills the Secret. */
  readonly certificateEndOfValidity?: pulumi.Output<string>;
  /** What `pulumi destroy` leaves in the cluster, and why. */
  readonly keptOnDestroy: pulumi.Output<string[]>;
  constructor(name: string, args: EncryptedIngressArgs, opts?: pulumi.ComponentResourceOptions);
}

export interface IstioControlPlaneArgs {
  /** Exact version of the charts `base` and `istiod`. Default: by `revisions`; one of the two is needed. */
  version?: string;
  /** Helm repository (`https://…`) or registry path (`oci://…`) of the chart. */
  chartRepository?: string;
  /** How to log in to that repository. Default: without a login. */
  chartRepositoryAuth?: ChartRepositoryAuthSettings;
  /** Registry path of Istio's images. Hosts that are being switched off give a warning. */
  hub?: string;
  /** Tag of Istio's images. Default: `istio.version`. */
  tag?: string;
  /** Size of the control plane: `small` (one istiod, small requests), `standard` (the chart's sizes), `ha` (two or more, spread, with a disruption budget). */
  profile?: string;
  /** Revision of this control plane; namespaces follow it. Default: the default revision. */
  revision?: string;
  /** Control planes side by side, for an upgrade without an outage, in the place of `version`, `revision` and `tag`; docs/upgrades.md has the phases. Default: the one of `version`. */
  revisions?: RevisionSettings[];
  /** The revision that checks Istio's objects for the API server, and that namespaces follow whose `injection` is left out; one of `revisions`. Default: the first of `revisions`. */
  defaultRevision?: string;
  /** Revision tags, each with the revision that it points to: namespaces follow a tag by `injection: { revision: stable }`, and move when it does. Default: none. */
  tags?: { [key: string]: string };
  /** First part of every identity in the mesh. */
  trustDomain?: string;
  /** Earlier trust domains, whose identities are accepted as well. */
  trustDomainAliases?: string[];
  /** Istio's MeshConfig, over what the stack sets. What a key of the stack decides is refused here. */
  meshConfig?: { [key: string]: any };
  /** How long Helm waits for each release to become ready, in seconds. Default: `300`. */
  timeoutSeconds?: pulumi.Input<number>;
  /** Further Helm values, merged last: arrays replace, and `null` deletes what the stack sets. What a key of the stack decides is refused here. */
  values?: { [key: string]: any };
  /** Namespace of the mesh's root, which must exist. */
  namespace: string;
  /** Names of Secrets by which the images are pulled. Default: none. */
  imagePullSecrets?: string[];
  /** Fingerprint of the CA that istiod loads; another one restarts istiod, one pod after the other. */
  authorityFingerprint?: pulumi.Input<string>;
}

/** Istio's control plane: its CRDs and cluster-wide objects (release `istio-base`), then istiod (release `istiod`). Or several of them side by side, which share the former: a release `istiod-<revision>` each. */
export declare class IstioControlPlane extends pulumi.ComponentResource {
  /** Trust domain of the mesh. */
  readonly trustDomain: pulumi.Output<string>;
  constructor(name: string, args: IstioControlPlaneArgs, opts?: pulumi.ComponentResourceOptions);
}

export interface MeshNamespaceArgs {
  /** Name of the namespace; each once. */
  name: string;
  /** `true`: the stack creates it, and it must not exist. `false`: it exists, gets the labels only, and stays behind on destroy. `adopt`: it exists and becomes the stack's, and destroy deletes it with everything in it. */
  create?: any;
  /** How pods join the mesh: `enabled` by the default revision, `{ revision: 1-31 }` by that revision or tag. Never both: with both labels Istio ignores the revision. Default: by `istio.revision`, or `istio.defaultRevision`. */
  injection: any;
  /** Further labels, other than `istio-injection` and `istio.io/rev`. */
  labels?: { [key: string]: string };
}

/** A namespace of the mesh: created, or an existing one that gets the label. Labels and annotations of others stay. An update of a Namespace takes over what clients such as `kubectl label` have set, and drops it (pulumi-kubernetes 4.34, fixCSAFieldManagers in provider/pkg/await/await.go). One of a NamespacePatch does not: it makes every change, as the same field manager. */
export declare class MeshNamespace extends pulumi.ComponentResource {
  /** Name of the namespace in the cluster. */
  readonly namespace: pulumi.Output<string>;
  constructor(name: string, args: MeshNamespaceArgs, opts?: pulumi.ComponentResourceOptions);
}

export interface MeshMutualTlsArgs {
  /** Namespace of the mesh's root, which must exist. */
  rootNamespace: string;
  /** Places that take plain text. */
  exceptions?: ExceptionSettings[];
}

/** Mutual TLS for the whole mesh: a STRICT PeerAuthentication in the root namespace, and declared exceptions below it. */
export declare class MeshMutualTls extends pulumi.ComponentResource {
  constructor(name: string, args: MeshMutualTlsArgs, opts?: pulumi.ComponentResourceOptions);
}

export interface EnRouteGatewayArgs {
  /** Exact version of the chart `enroute`. */
  version: string;
  /** Helm repository (`https://…`) or registry path (`oci://…`) of the chart. */
  chartRepository?: string;
  /** How to log in to that repository. Default: without a login. */
  chartRepositoryAuth?: ChartRepositoryAuthSettings;
  /** Images of the gateway's pod. */
  images: ImagesSettings;
  /** Pods; above 1 with a disruption budget. Each pod counts rate limits for itself. */
  replicas?: number;
  /** Scaling by load. Default: no autoscaling. */
  autoscaling?: AutoscalingSettings;
  /** Log level of Envoy: `trace`, `debug`, `info`, `warning`, `error`, `critical`, `off`. */
  logLevel?: string;
  /** Requests and limits by container. The chart cannot size its cert-server. Default: Envoy asks for 200m and 256Mi. */
  resources?: ResourcesSettings;
  /** The gateway's mesh certificate, for the leg to the workloads. Default: Istio's defaults. */
  workloadCertificate?: WorkloadCertificateSettings;
  /** Gives EnRoute the right to list Ingresses. It then serves every Ingress of the cluster that has no class annotation, whatever its `ingressClassName`, in clear text on port 80; `verify` lists them. Default: EnRoute may not list Ingresses, and serves none. */
  ingresses?: IngressesSettings;
  /** How clients come to the gateway. Default: type `LoadBalancer`. */
  service?: ServiceSettings;
  /** Annotations of the Service, for the cloud's controller. */
  serviceAnnotations?: { [key: string]: pulumi.Input<string> };
  /** How long Helm waits for each release to become ready, in seconds. Default: `300`. */
  timeoutSeconds?: pulumi.Input<number>;
  /** Further Helm values, merged last: arrays replace, and `null` deletes what the stack sets. What a key of the stack decides is refused here. */
  values?: { [key: string]: any };
  /** Namespace of the gateway, labelled for injection, which must exist. */
  namespace: string;
  /** Registry that all images of the charts and the sample come from: it takes the place of each one's host, and the path stays. The chart `enroute` fixes the image of its cert-server, which a mirror of the nodes has to serve. Default: each image's own. */
  registry?: string;
  /** Names of Secrets by which the images are pulled. Default: none. */
  imagePullSecrets?: string[];
  /** Longest life that istiod signs. Default: `2160h`, Istio's. */
  maxWorkloadCertificateTtl?: string;
  /** Folder that the provider runs in, where a type of Service other than the chart's takes a file. Default: the current one. */
  providerFolder?: string;
}

/** The EnRoute ingress gateway as a member of the mesh (release `enroute-istio`). */
export declare class EnRouteGateway extends pulumi.ComponentResource {
  /** Namespace of the gateway. */
  readonly namespace: pulumi.Output<string>;
  /** Address of its Service: an IP address or a host name, as the cloud gives it; of type ClusterIP the one inside the cluster; of type NodePort none, as the nodes have theirs. */
  readonly address?: pulumi.Output<string>;
  /** Ports of every node that lead to the gateway, where its Service has some. */
  readonly nodePorts: pulumi.Output<IngressNodePorts>;
  constructor(name: string, args: EnRouteGatewayArgs, opts?: pulumi.ComponentResourceOptions);
}

export interface GatewayHostArgs {
  /** DNS name that clients use; each once. */
  host: string;
  /** Namespace of the Services and of the TLS Secret, which must exist. */
  namespace: string;
  /** Oldest TLS version that clients may speak: `1.2` or `1.3`. */
  minimumTlsVersion?: string;
  /** Where requests go, at least one, in any order: the longest prefix that fits wins. */
  routes: RouteSettings[];
  /** Name of a `kubernetes.io/tls` Secret in that namespace. */
  tlsSecretName: pulumi.Input<string>;
}

/** A host that the gateway serves over TLS. Plain HTTP is redirected, as EnRoute does for hosts with a certificate. */
export declare class GatewayHost extends pulumi.ComponentResource {
  constructor(name: string, args: GatewayHostArgs, opts?: pulumi.ComponentResourceOptions);
}

export interface MeshGlobalConfigArgs {
  /** Namespace of the gateway, which must exist. */
  namespace: string;
}

/** EnRoute's switch for the leg gateway → workload: TLS with the certificates that Istio issued to the gateway. */
export declare class MeshGlobalConfig extends pulumi.ComponentResource {
  constructor(name: string, args: MeshGlobalConfigArgs, opts?: pulumi.ComponentResourceOptions);
}

export interface ServingCertificateArgs {
  /** DNS names that the certificate must cover. */
  hosts: string[];
  /** Which of the hosts each namespace has: cert-manager is asked there for those alone. Default: all of them in each namespace. */
  hostsOf?: { [key: string]: string[] };
  /** Namespaces that need the Secret: a GatewayHost finds it only in its own. */
  namespaces: string[];
  /** The gateway's serving certificate, by `issuer`: `generated`, `provided`, `existingSecret`, `certManager`. */
  certificate: CertificateSettings;
  /** Tag of the gateway's Envoy. Default: the chart's. */
  envoyTag?: string;
}

/** The certificate of the leg client → gateway, as a TLS Secret in each namespace that has hosts. */
export declare class ServingCertificate extends pulumi.ComponentResource {
  /** Name of the Secret, the same in every namespace. */
  readonly secretName: pulumi.Output<string>;
  /** Certificates of the CAs for clients to trust, as PEM; undefined where we do not know them. */
  readonly caCertificate?: pulumi.Output<string>;
  /** End of the leaf's validity, RFC 3339 in UTC; undefined for a Secret that others fill. */
  readonly endOfValidity?: pulumi.Output<string>;
  constructor(name: string, args: ServingCertificateArgs, opts?: pulumi.ComponentResourceOptions);
}

export interface MeshCertificateAuthorityArgs {
  /** Namespace of the mesh's root, which must exist. */
  namespace: string;
  /** The certificate authority of the mesh, by `issuer`: `generated` or `provided`. */
  authority: AuthoritySettings;
}

/** The CA of the mesh, plugged into istiod: Secret `cacerts`, which must be there before istiod starts, or istiod makes a CA of its own. */
export declare class MeshCertificateAuthority extends pulumi.ComponentResource {
  /** Every root that the mesh trusts, as PEM. */
  readonly rootCertificates: pulumi.Output<string>;
  /** Another value where istiod has to sign or trust by other certificates. Made of public parts alone. */
  readonly fingerprint: pulumi.Output<string>;
  constructor(name: string, args: MeshCertificateAuthorityArgs, opts?: pulumi.ComponentResourceOptions);
}

export interface PrometheusArgs {
  /** Exact version of the chart `prometheus`. */
  version: string;
  /** Helm repository (`https://…`) or registry path (`oci://…`) of the chart. */
  chartRepository?: string;
  /** How to log in to that repository. Default: without a login. */
  chartRepositoryAuth?: ChartRepositoryAuthSettings;
  /** How long samples are kept. Default: `15d`. */
  retention?: pulumi.Input<string>;
  /** Size of its volume. Default: none: samples live as long as the pod. */
  storage?: pulumi.Input<string>;
  /** How long Helm waits for each release to become ready, in seconds. Default: `300`. */
  timeoutSeconds?: pulumi.Input<number>;
  /** Further Helm values, merged last: arrays replace, and `null` deletes what the stack sets. What a key of the stack decides is refused here. */
  values?: { [key: string]: any };
  /** Namespace of the server, which must exist. */
  namespace: string;
  /** Registry that all images of the charts and the sample come from: it takes the place of each one's host, and the path stays. The chart `enroute` fixes the image of its cert-server, which a mirror of the nodes has to serve. Default: each image's own. */
  registry?: string;
  /** Names of Secrets by which the images are pulled. Default: none. */
  imagePullSecrets?: string[];
}

/** The Prometheus that Kiali reads (release `prometheus`). */
export declare class Prometheus extends pulumi.ComponentResource {
  /** URL inside the cluster. */
  readonly url: pulumi.Output<string>;
  constructor(name: string, args: PrometheusArgs, opts?: pulumi.ComponentResourceOptions);
}

export interface KialiArgs {
  /** Exact version of the chart `kiali-server`. */
  version: string;
  /** Helm repository (`https://…`) or registry path (`oci://…`) of the chart. */
  chartRepository?: string;
  /** How to log in to that repository. Default: without a login. */
  chartRepositoryAuth?: ChartRepositoryAuthSettings;
  /** How people log in: `token` (of a service account) or `anonymous`. */
  authentication?: string;
  /** `true`: no rights to change the cluster. */
  viewOnly?: boolean;
  /** How long Helm waits for each release to become ready, in seconds. Default: `300`. */
  timeoutSeconds?: pulumi.Input<number>;
  /** Further Helm values, merged last: arrays replace, and `null` deletes what the stack sets. What a key of the stack decides is refused here. */
  values?: { [key: string]: any };
  /** Namespace of the mesh's root, which must exist. */
  namespace: string;
  /** URL of Prometheus inside the cluster. */
  prometheusUrl: string;
  /** Registry that all images of the charts and the sample come from: it takes the place of each one's host, and the path stays. The chart `enroute` fixes the image of its cert-server, which a mirror of the nodes has to serve. Default: each image's own. */
  registry?: string;
  /** Names of Secrets by which the images are pulled. Default: none. */
  imagePullSecrets?: string[];
}

/** Kiali, the picture of the mesh (release `kiali-server`). */
export declare class Kiali extends pulumi.ComponentResource {
  constructor(name: string, args: KialiArgs, opts?: pulumi.ComponentResourceOptions);
}

export interface BookinfoArgs {
  /** Namespace of the sample, labelled for injection, which must exist. */
  namespace: string;
  /** Exact version of the images. */
  version: string;
  /** Registry path of the images. */
  hub?: string;
  /** Names of Secrets by which the images are pulled. Default: none. */
  imagePullSecrets?: string[];
}

/** Istio's sample application: four services, of which `productpage` (port 9080) is the way in. */
export declare class Bookinfo extends pulumi.ComponentResource {
  constructor(name: string, args: BookinfoArgs, opts?: pulumi.ComponentResourceOptions);
}

export interface OnlyFromGatewayArgs {
  /** Namespace of the workloads, a member of the mesh, which must exist. */
  namespace: string;
  /** Identity of the gateway (SPIFFE), as `EncryptedIngress` tells it. */
  gatewayIdentity: pulumi.Input<string>;
}

/** Has the workloads of a namespace take requests from the gateway alone, by its identity in the mesh (an AuthorizationPolicy). Requests of everybody else get 403, those of neighbours in the same namespace, too. */
export declare class OnlyFromGateway extends pulumi.ComponentResource {
  constructor(name: string, args: OnlyFromGatewayArgs, opts?: pulumi.ComponentResourceOptions);
}

export interface ImagePullSecretArgs {
  /** Name of the Secret. */
  name: string;
  /** Host of the registry. */
  registry: pulumi.Input<string>;
  /** User of the registry. */
  username: pulumi.Input<string>;
  /** Password or token of the user. */
  password: pulumi.Input<string>;
  /** Namespaces whose pods pull by it. */
  namespaces: string[];
}

/** Credentials by which kubelets pull images, in each namespace that has pods of the rollout, or pods with its sidecar. */
export declare class ImagePullSecret extends pulumi.ComponentResource {
  constructor(name: string, args: ImagePullSecretArgs, opts?: pulumi.ComponentResourceOptions);
}
