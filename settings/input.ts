/* Generated from the schema (npm run docs): the settings as a person writes them, with what each key means. */
/* eslint-disable max-lines -- as long as the settings are */

/** Everything that a stack decides; what has a default may be left out. */
export interface SettingsInput {
  /** Path of a kubeconfig file; `~/` is your home, other relative paths start at the project's folder. Or the text of one, as a secret. One of `kubeconfig` and `context` is needed. @default `KUBECONFIG` or `~/.kube/config` @example "~/.kube/prod" */
  kubeconfig?: string | undefined;
  /** Context of the kubeconfig. One of `kubeconfig` and `context` is needed. @default the file's current one @example "prod" */
  context?: string | undefined;
  /** A name of the cluster that never changes; needed without `context`. While it stays, new credentials or another path replace nothing; when it changes, everything moves to another cluster. @default `context` @example "prod-eu" */
  clusterIdentifier?: string | undefined;
  /** Name (organization/project/stack) of a stack that is gone, whose mesh in this cluster becomes this stack's. @default none @example "acme/enroute-istio/prod-old" */
  takeOverFrom?: string | undefined;
  /** Exact version of Pulumi's kubernetes plugin, for machines that have another one and cannot download it (4.25.0 or newer). @default that of the npm package @example "4.34.2" */
  kubernetesPluginVersion?: string | undefined;
  /** Registry that all images of the charts and the sample come from: it takes the place of each one's host, and the path stays. The chart `enroute` fixes the image of its cert-server, which a mirror of the nodes has to serve. @default each image's own @example "registry.example.com/mirror" */
  registry?: string;
  /** Secrets by which the pods of the rollout, and the sidecars of workloads, pull their images; in every namespace of the stack. @default none */
  imagePullSecrets?:
    | {
        /** Name of the Secret; it must be in every namespace of the stack, unless it is made from `password`. @example "registry-login" */
        name: string;
        /** Host of the registry, where the Secret is made. @example "registry.example.com" */
        registry?: string;
        /** User of the registry, where the Secret is made. @example "robot" */
        username?: string;
        /** Password or token of the user: the stack makes the Secret in its namespaces. It must be a secret: `pulumi config set --secret`. @default the Secret is there */
        password?: string;
      }[]
    | undefined;
  /** Istio's control plane. */
  istio: {
    /** Exact version of the charts `base` and `istiod`. @default by `revisions`; one of the two is needed @example "1.31.0" */
    version?: string;
    /** Helm repository (`https://…`) or registry path (`oci://…`) of the chart. @default "https://blob.istio.io/istio-release/charts" @example "oci://registry.example.com/charts" */
    chartRepository?: string | undefined;
    /** How to log in to that repository. @default without a login */
    chartRepositoryAuth?: {
      /** User name, with `password`. @default `token` @example "robot" */
      username?: string;
      /** Password of the user. It must be a secret: `pulumi config set --secret`. */
      password?: string;
      /** A token in the place of a password, where any user name goes with it. It must be a secret: `pulumi config set --secret`. */
      token?: string;
      /** Path of the certificates of the CAs that the repository's certificate is from, PEM; relative to the project's folder. Not for `oci://`: let the machine trust the CA. @default the CAs of the machine @example "certificates/charts-ca.pem" */
      caFile?: string;
    };
    /** Registry path of Istio's images. Hosts that are being switched off give a warning. @default "docker.io/istio" @example "registry.example.com/istio" */
    hub?: string | undefined;
    /** Tag of Istio's images. @default `istio.version` @example "1.31.0-distroless" */
    tag?: string;
    /** Size of the control plane: `small` (one istiod, small requests), `standard` (the chart's sizes), `ha` (two or more, spread, with a disruption budget). @default "standard" @example "small" */
    profile?: ("small" | "standard" | "ha") | undefined;
    /** The mesh's root namespace, where everything mesh-wide is. */
    namespace?:
      | {
          /** Name of the mesh's root namespace. @default "istio-system" @example "istio-root" */
          name?: string | undefined;
          /** `true`: the stack creates it, and it must not exist. `false`: it exists, gets the labels only, and stays behind on destroy. `adopt`: it exists and becomes the stack's, and destroy deletes it with everything in it. @default true @example false */
          create?: (boolean | "adopt") | undefined;
          /** Further labels, other than `istio-injection` and `istio.io/rev`. */
          labels?: Record<string, string>;
        }
      | undefined;
    /** Revision of this control plane; namespaces follow it. @default the default revision @example "1-31" */
    revision?: string;
    /** Control planes side by side, for an upgrade without an outage, in the place of `version`, `revision` and `tag`; docs/upgrades.md has the phases. @default the one of `version` */
    revisions?: {
      /** Name of the revision, which namespaces and tags follow; `default` is the control plane of a stack without `istio.revision`. @example "1-31-0" */
      revision: string;
      /** Exact version of its chart `istiod`. @example "1.31.0" */
      version: string;
      /** Tag of its images. @default its `version` @example "1.31.0-distroless" */
      tag?: string;
      /** Name of its Helm release. A stack that had `istio.revision` before keeps `istiod` for that one: under another name its objects would be made again. @default `istiod-<revision>`, and `istiod` for `default` @example "istiod" */
      release?: string;
    }[];
    /** The revision that checks Istio's objects for the API server, and that namespaces follow whose `injection` is left out; one of `revisions`. @default the first of `revisions` @example "1-31-0" */
    defaultRevision?: string;
    /** Revision tags, each with the revision that it points to: namespaces follow a tag by `injection: { revision: stable }`, and move when it does. @default none */
    tags?: Record<string, string>;
    /** First part of every identity in the mesh. @default "cluster.local" @example "prod.example.com" */
    trustDomain?: string | undefined;
    /** Earlier trust domains, whose identities are accepted as well. */
    trustDomainAliases?: string[];
    /** The certificate authority of the mesh, by `issuer`: `istiod`, `generated` or `provided`. @default istiod's own */
    ca?:
      | (
          | {
              /** Istiod makes a CA of its own (Secret `istio-ca-secret`) and renews it by itself. */
              issuer: "istiod";
            }
          | {
              /** Roots of the stack's own, and an intermediate CA below one of them, by which istiod signs (Secret `cacerts`). */
              issuer: "generated";
              /** Kind and size of the keys: `ECDSA-P256`, `ECDSA-P384`, `RSA-2048` or `RSA-4096`; of the intermediate, and of roots made from now on. @default `ECDSA-P256` @example "ECDSA-P384" */
              keyAlgorithm?: "ECDSA-P256" | "ECDSA-P384" | "RSA-2048" | "RSA-4096";
              /** Life of a root, in whole hours, longer than `validity`; of roots made from now on. @default "87600h" @example "43800h" */
              caValidity?: string | undefined;
              /** How long before the end of the intermediate an update renews it, in whole hours; less than `validity`. @default a third of `validity` @example "480h" */
              renewBefore?: string;
              /** Names of the stack's own roots that the mesh trusts. @default `[root]` */
              roots?: (string | number)[];
              /** Name of the root that signs the intermediate, one of `roots`. @default the first of `roots` @example "2026" */
              signer?: string | number;
              /** Life of the intermediate, in whole hours. @default "8760h" @example "4380h" */
              validity?: string | undefined;
              /** Further roots that the mesh trusts beside its own, PEM, so that `provided` may follow or precede. */
              rootCertificates?: string;
              /** How long before the end of the certificate in use every preview warns; `336h` are 14 days. @default "336h" @example "720h" */
              warnBefore?: string | undefined;
            }
          | {
              /** A CA made elsewhere, brought as PEM, by which istiod signs. */
              issuer: "provided";
              /** Every root that the mesh trusts, PEM. */
              rootCertificates: string;
              /** Names of the stack's own roots that are trusted beside those, so that `generated` may follow or precede. */
              roots?: (string | number)[];
              /** The CA that signs first, then its issuers, PEM. */
              certificateChain: string;
              /** Private key of the CA that signs, PEM. It must be a secret: `pulumi config set --secret`. */
              privateKey: string;
              /** How long before the end of the certificate in use every preview warns; `336h` are 14 days. @default "336h" @example "720h" */
              warnBefore?: string | undefined;
            }
        )
      | undefined;
    /** Istio's MeshConfig, over what the stack sets. What a key of the stack decides is refused here. */
    meshConfig?: Record<string, unknown>;
    /** How long Helm waits for each release to become ready, in seconds. @default `300` @example 600 */
    timeoutSeconds?: number;
    /** Further Helm values, merged last: arrays replace, and `null` deletes what the stack sets. What a key of the stack decides is refused here. */
    values?: Record<string, unknown>;
  };
  /** The workloads' namespaces. Pods in them get a sidecar; hosts can only route to Services in them. @default none */
  namespaces?:
    | {
        /** Name of the namespace; each once. @example "shop" */
        name: string;
        /** `true`: the stack creates it, and it must not exist. `false`: it exists, gets the labels only, and stays behind on destroy. `adopt`: it exists and becomes the stack's, and destroy deletes it with everything in it. @default true @example false */
        create?: (boolean | "adopt") | undefined;
        /** How pods join the mesh: `enabled` by the default revision, `{ revision: 1-31 }` by that revision or tag. Never both: with both labels Istio ignores the revision. @default by `istio.revision`, or `istio.defaultRevision` */
        injection?:
          | "enabled"
          | {
              /**  */
              revision: string;
            };
        /** Further labels, other than `istio-injection` and `istio.io/rev`. */
        labels?: Record<string, string>;
        /** `true`: its workloads take requests from the gateway's identity alone; everybody else's get 403, those of neighbours in the namespace, too. @default `false` @example true */
        onlyFromGateway?: boolean;
      }[]
    | undefined;
  /** EnRoute, the ingress gateway. */
  gateway: {
    /** Exact version of the chart `enroute`. @example "0.8.7" */
    version: string;
    /** Helm repository (`https://…`) or registry path (`oci://…`) of the chart. @default "https://helm.getenroute.io" @example "oci://registry.example.com/charts" */
    chartRepository?: string | undefined;
    /** How to log in to that repository. @default without a login */
    chartRepositoryAuth?: {
      /** User name, with `password`. @default `token` @example "robot" */
      username?: string;
      /** Password of the user. It must be a secret: `pulumi config set --secret`. */
      password?: string;
      /** A token in the place of a password, where any user name goes with it. It must be a secret: `pulumi config set --secret`. */
      token?: string;
      /** Path of the certificates of the CAs that the repository's certificate is from, PEM; relative to the project's folder. Not for `oci://`: let the machine trust the CA. @default the CAs of the machine @example "certificates/charts-ca.pem" */
      caFile?: string;
    };
    /** Namespace of the gateway, which is a member of the mesh. */
    namespace?:
      | {
          /** Name of the gateway's namespace; another than `istio.namespace.name`. @default "enroute-system" @example "ingress" */
          name?: string | undefined;
          /** `true`: the stack creates it, and it must not exist. `false`: it exists, gets the labels only, and stays behind on destroy. `adopt`: it exists and becomes the stack's, and destroy deletes it with everything in it. @default true @example false */
          create?: (boolean | "adopt") | undefined;
          /** How pods join the mesh: `enabled` by the default revision, `{ revision: 1-31 }` by that revision or tag. Never both: with both labels Istio ignores the revision. @default by `istio.revision`, or `istio.defaultRevision` */
          injection?:
            | "enabled"
            | {
                /**  */
                revision: string;
              };
          /** Further labels, other than `istio-injection` and `istio.io/rev`. */
          labels?: Record<string, string>;
        }
      | undefined;
    /** Images of the gateway's pod. */
    images: {
      /** EnRoute's control plane, in the gateway's pod. */
      enroute?: {
        /** Repository of the image, without a tag. @default the chart's @example "registry.example.com/redis" */
        repository?: string;
        /** Fixed tag of the image; may be pinned: `7.4.1@sha256:…`. Not `latest`. @default the chart's @example "7.4.1" */
        tag?: string;
        /** When the kubelet pulls the image: `Always`, `IfNotPresent` or `Never`. @default `IfNotPresent` @example "Always" */
        pullPolicy?: "Always" | "IfNotPresent" | "Never";
      };
      /** Store of the rate limits. */
      redis: {
        /** Repository of the image, without a tag. @default the chart's @example "registry.example.com/redis" */
        repository?: string;
        /** Fixed tag of the image; required, as the chart's own default is `latest`, other bits at every restart. @example "7.4.1" */
        tag: string;
        /** When the kubelet pulls the image: `Always`, `IfNotPresent` or `Never`. @default `IfNotPresent` @example "Always" */
        pullPolicy?: "Always" | "IfNotPresent" | "Never";
      };
      /** The proxy. */
      envoy?: {
        /** Repository of the image, without a tag. @default the chart's @example "registry.example.com/redis" */
        repository?: string;
        /** Fixed tag of the image; may be pinned: `7.4.1@sha256:…`. Not `latest`. @default the chart's @example "7.4.1" */
        tag?: string;
        /** When the kubelet pulls the image: `Always`, `IfNotPresent` or `Never`. @default `IfNotPresent` @example "Always" */
        pullPolicy?: "Always" | "IfNotPresent" | "Never";
      };
    };
    /** Pods; above 1 with a disruption budget. Each pod counts rate limits for itself. @default 1 @example 3 */
    replicas?: number | undefined;
    /** Scaling by load. @default no autoscaling */
    autoscaling?: {
      /** Most replicas, at least `gateway.replicas`, which is the least. @example 12 */
      maxReplicas: number;
      /** CPU use of the Envoy containers to keep, in percent of their request. @default `70` @example 60 */
      cpuPercent?: number;
    };
    /** Log level of Envoy: `trace`, `debug`, `info`, `warning`, `error`, `critical`, `off`. @default "info" @example "debug" */
    logLevel?: ("trace" | "debug" | "info" | "warning" | "error" | "critical" | "off") | undefined;
    /** Requests and limits by container. The chart cannot size its cert-server. @default Envoy asks for 200m and 256Mi */
    resources?: {
      /** Of EnRoute's control plane. */
      enroute?: {
        /** What the container asks for. */
        requests?: Record<string, string>;
        /** What the container may use at most. */
        limits?: Record<string, string>;
      };
      /** Of the store of the rate limits. */
      redis?: {
        /** What the container asks for. */
        requests?: Record<string, string>;
        /** What the container may use at most. */
        limits?: Record<string, string>;
      };
      /** Of the proxy. */
      envoy?: {
        /** What the container asks for. */
        requests?: Record<string, string>;
        /** What the container may use at most. */
        limits?: Record<string, string>;
      };
    };
    /** The gateway's mesh certificate, for the leg to the workloads. @default Istio's defaults */
    workloadCertificate?: {
      /** Life of the certificate (`SECRET_TTL`), from `1m` to `2160h`, istiod's `MAX_WORKLOAD_CERT_TTL`; renewed at half life. @default Istio's `24h` @example "12h" */
      ttl?: string;
      /** Where the sidecar writes the certificate (`OUTPUT_CERTS`): a folder of its own, outside of Istio's mounts, without `..`. @default `/etc/istio-certs` @example "/etc/gateway-certs" */
      outputPath?: string;
    };
    /** Gives EnRoute the right to list Ingresses. It then serves every Ingress of the cluster that has no class annotation, whatever its `ingressClassName`, in clear text on port 80; `verify` lists them. @default EnRoute may not list Ingresses, and serves none */
    ingresses?: {
      /** Why, in words; kept on the binding of the right. @example "the shop's own charts bring Ingresses" */
      reason: string;
    };
    /** How clients come to the gateway. @default type `LoadBalancer` */
    service?: {
      /** Type of the Service: `LoadBalancer` waits for an address from the cluster; `NodePort` opens a port of every node, for a load balancer of your own; `ClusterIP` is reached inside the cluster alone. Other than `LoadBalancer` it takes `/bin/sh` where Pulumi runs. @default `LoadBalancer` @example "NodePort" */
      type?: "LoadBalancer" | "NodePort" | "ClusterIP";
      /** Ports of the nodes, not with `ClusterIP`. @default the cluster chooses them */
      nodePorts?: {
        /** For port 80, which redirects. @default the cluster chooses it @example 30080 */
        http?: number;
        /** For port 443. @default the cluster chooses it @example 30443 */
        https?: number;
      };
    };
    /** Annotations of the Service, for the cloud's controller. */
    serviceAnnotations?: Record<string, string>;
    /** How long Helm waits for each release to become ready, in seconds. @default `300` @example 600 */
    timeoutSeconds?: number;
    /** Further Helm values, merged last: arrays replace, and `null` deletes what the stack sets. What a key of the stack decides is refused here. */
    values?: Record<string, unknown>;
  };
  /** Hosts that the gateway serves over TLS, at least one. */
  hosts: {
    /** DNS name that clients use; each once. @example "shop.example.com" */
    host: string;
    /** Namespace of its Services, one of `namespaces`. @example "shop" */
    namespace: string;
    /** Oldest TLS version that clients may speak: `1.2` or `1.3`. @default "1.2" @example "1.3" */
    minimumTlsVersion?: ("1.2" | 1.2 | "1.3" | 1.3) | undefined;
    /** Where requests go, at least one, in any order: the longest prefix that fits wins. */
    routes: {
      /** Path prefix, each once in a host; the longest that fits wins. It is compared as text: `/api` fits `/apis`, too. @default `/` @example "/api" */
      prefix?: string;
      /** Name of a Service in the host's namespace. @example "storefront" */
      service: string;
      /** Port of that Service. @example 80 */
      port: number;
      /** Serves the path in clear text on port 80, too, instead of sending clients to HTTPS. `verify` lets that path be, and no other. @default no */
      permitInsecure?: {
        /** Why, in words; kept on the object. @example "devices without TLS fetch their firmware here" */
        reason: string;
      };
    }[];
  }[];
  /** The gateway's serving certificate, by `issuer`: `generated`, `provided`, `existingSecret`, `certManager`. */
  certificate:
    | {
        /** A CA and a leaf of the stack's own, for tests and where clients can be given the CA (stack output `caCertificate`). */
        issuer: "generated";
        /** Further DNS names beside the hosts; wildcards are fine. */
        extraNames?: string[];
        /** IP addresses that it covers, for clients without DNS. */
        ipAddresses?: string[];
        /** Kind and size of the keys: `ECDSA-P256`, `ECDSA-P384` (Envoy 1.33 or newer), `RSA-2048` or `RSA-4096`; of the leaf, and of roots made from now on. @default `ECDSA-P256` @example "RSA-2048" */
        keyAlgorithm?: "ECDSA-P256" | "ECDSA-P384" | "RSA-2048" | "RSA-4096";
        /** Life of a root, in whole hours, longer than `validity`; of roots made from now on. @default "87600h" @example "43800h" */
        caValidity?: string | undefined;
        /** How long before the end of the leaf an update renews it, in whole hours; less than `validity`. @default a third of `validity` @example "480h" */
        renewBefore?: string;
        /** Names of the CA's roots that clients are to trust. @default `[ca]` */
        roots?: (string | number)[];
        /** Name of the root that signs the leaf, one of `roots`. @default the first of `roots` @example "2026" */
        signer?: string | number;
        /** Life of the leaf, in whole hours, from `2h` to `9552h` (398 days, the most that clients take). @default "2160h" @example "1440h" */
        validity?: string | undefined;
        /** How long before the end of the certificate in use every preview warns; `336h` are 14 days. @default "336h" @example "720h" */
        warnBefore?: string | undefined;
      }
    | {
        /** Issued elsewhere, brought as PEM. Checked before anything is touched: readable, in order, complete, matching, valid now, issued by CAs, covering every host. */
        issuer: "provided";
        /** The certificate first, then its issuers, PEM. */
        certificateChain: string;
        /** Private key of the certificate, PEM. It must be a secret: `pulumi config set --secret`. */
        privateKey: string;
        /** Certificates of the CAs that clients trust, PEM, for the stack's outputs. */
        caCertificate?: string;
        /** How long before the end of the certificate in use every preview warns; `336h` are 14 days. @default "336h" @example "720h" */
        warnBefore?: string | undefined;
      }
    | {
        /** A `kubernetes.io/tls` Secret in the namespace of every host. It must be there before the host, and hold what can be served: EnRoute serves a host without its Secret in clear text. */
        issuer: "existingSecret";
        /** Name of the Secret, the same in every namespace. @example "shop-tls" */
        secretName: string;
        /** How long before the end of the certificate in use every preview warns; `336h` are 14 days. @default "336h" @example "720h" */
        warnBefore?: string | undefined;
      }
    | {
        /** cert-manager, which must be installed, issues it in the namespace of every host. */
        issuer: "certManager";
        /** What issues the certificate. */
        issuerRef: {
          /** Name of the issuer. @example "letsencrypt" */
          name: string;
          /** `Issuer` (in that namespace), `ClusterIssuer`, or the kind of an external issuer. @default "Issuer" @example "ClusterIssuer" */
          kind?: string | undefined;
          /** API group of the issuer's kind. @default "cert-manager.io" @example "awspca.cert-manager.io" */
          group?: string | undefined;
        };
        /** Name of the Secret that cert-manager fills. @default "gateway-serving-certificate-managed" @example "shop-tls" */
        secretName?: string | undefined;
        /** Further DNS names beside the hosts; wildcards are fine. */
        extraNames?: string[];
        /** IP addresses that it covers, for clients without DNS. */
        ipAddresses?: string[];
        /** Kind and size of the key: `ECDSA-P256`, `ECDSA-P384` (Envoy 1.33 or newer), `RSA-2048` or `RSA-4096`. @default `ECDSA-P256` @example "ECDSA-P256" */
        keyAlgorithm?: "ECDSA-P256" | "ECDSA-P384" | "RSA-2048" | "RSA-4096";
        /** Life to ask for, `1h` or more; ACME issuers decide by themselves. @default cert-manager's `2160h` @example "1440h" */
        validity?: string;
        /** How long before its end it is renewed, `5m` or more, less than `validity`. @default cert-manager's third of the life @example "480h" */
        renewBefore?: string;
        /** Certificates of the CAs that clients trust, PEM, for the stack's outputs. */
        caCertificate?: string;
        /** How long before the end of the certificate in use every preview warns; `336h` are 14 days. @default "336h" @example "720h" */
        warnBefore?: string | undefined;
      };
  /** Mutual TLS, which is STRICT everywhere else. */
  mutualTls?:
    | {
        /** Places that take plain text, and why. What Istio would silently ignore is refused. @default none */
        exceptions?:
          | {
              /** Namespace of the workloads, a member of the mesh. @example "shop" */
              namespace: string;
              /** Labels that select the workload. @default the whole namespace */
              workload?: Record<string, string>;
              /** Container ports, not those of a Service; needs `workload`. @default all ports */
              ports?: number[];
              /** `PERMISSIVE` (both) or `DISABLE` (plain text only). @example "PERMISSIVE" */
              mode: "PERMISSIVE" | "DISABLE";
              /** Why, in words; kept on the object. @example "scraped by a collector outside the mesh" */
              reason: string;
              /** Who answers for it, a person or a team; kept on the object. @example "observability@example.com" */
              owner: string;
              /** Its last day (UTC); kept on the object. A preview warns of one that is over, and the policies refuse it. @example "2027-03-31" */
              until: string;
            }[]
          | undefined;
      }
    | undefined;
  /** The Prometheus that Kiali reads. @default not installed */
  prometheus?: {
    /** Exact version of the chart `prometheus`. @example "29.27.0" */
    version: string;
    /** Helm repository (`https://…`) or registry path (`oci://…`) of the chart. @default "https://prometheus-community.github.io/helm-charts" @example "oci://registry.example.com/charts" */
    chartRepository?: string | undefined;
    /** How to log in to that repository. @default without a login */
    chartRepositoryAuth?: {
      /** User name, with `password`. @default `token` @example "robot" */
      username?: string;
      /** Password of the user. It must be a secret: `pulumi config set --secret`. */
      password?: string;
      /** A token in the place of a password, where any user name goes with it. It must be a secret: `pulumi config set --secret`. */
      token?: string;
      /** Path of the certificates of the CAs that the repository's certificate is from, PEM; relative to the project's folder. Not for `oci://`: let the machine trust the CA. @default the CAs of the machine @example "certificates/charts-ca.pem" */
      caFile?: string;
    };
    /** How long samples are kept. @default `15d` @example "30d" */
    retention?: string;
    /** Size of its volume. @default none: samples live as long as the pod @example "20Gi" */
    storage?: string;
    /** How long Helm waits for each release to become ready, in seconds. @default `300` @example 600 */
    timeoutSeconds?: number;
    /** Further Helm values, merged last: arrays replace, and `null` deletes what the stack sets. What a key of the stack decides is refused here. */
    values?: Record<string, unknown>;
  };
  /** Kiali, the picture of the mesh; needs `prometheus`. @default not installed */
  kiali?: {
    /** Exact version of the chart `kiali-server`. @example "2.29.0" */
    version: string;
    /** Helm repository (`https://…`) or registry path (`oci://…`) of the chart. @default "https://kiali.org/helm-charts" @example "oci://registry.example.com/charts" */
    chartRepository?: string | undefined;
    /** How to log in to that repository. @default without a login */
    chartRepositoryAuth?: {
      /** User name, with `password`. @default `token` @example "robot" */
      username?: string;
      /** Password of the user. It must be a secret: `pulumi config set --secret`. */
      password?: string;
      /** A token in the place of a password, where any user name goes with it. It must be a secret: `pulumi config set --secret`. */
      token?: string;
      /** Path of the certificates of the CAs that the repository's certificate is from, PEM; relative to the project's folder. Not for `oci://`: let the machine trust the CA. @default the CAs of the machine @example "certificates/charts-ca.pem" */
      caFile?: string;
    };
    /** How people log in: `token` (of a service account) or `anonymous`. @default "token" @example "anonymous" */
    authentication?: ("token" | "anonymous") | undefined;
    /** `true`: no rights to change the cluster. @default true @example false */
    viewOnly?: boolean | undefined;
    /** How long Helm waits for each release to become ready, in seconds. @default `300` @example 600 */
    timeoutSeconds?: number;
    /** Further Helm values, merged last: arrays replace, and `null` deletes what the stack sets. What a key of the stack decides is refused here. */
    values?: Record<string, unknown>;
  };
  /** Istio's sample workload. @default not installed */
  bookinfo?: {
    /** Its namespace, one of `namespaces`. @example "bookinfo" */
    namespace: string;
    /** Exact version of the images. @example "1.20.3" */
    version: string;
    /** Registry path of the images. @default "docker.io/istio" @example "registry.example.com/istio" */
    hub?: string | undefined;
  };
  /** `true`: `pulumi up` ends with `verify`, and fails where that fails. @default false @example true */
  verifyAfterUp?: boolean | undefined;
  /** What the engine may not delete. */
  deletionProtection?:
    | {
        /** `true`: the engine refuses to delete or replace objects of the cluster. @default false @example true */
        enabled?: boolean | undefined;
        /** Objects that may be deleted or replaced. @default none */
        except?:
          | {
              /** The object, as `Kind namespace/name`, or `Kind name` outside of namespaces. @example "GatewayHost shop/shop.example.com" */
              object: string;
              /** Why it may go, in words. @example "the shop moves to shop.example.org" */
              reason: string;
            }[]
          | undefined;
      }
    | undefined;
}
