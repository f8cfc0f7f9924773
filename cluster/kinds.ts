/*
 * The little of the cluster's kinds that the checks read, as plain JSON: times are texts, and what may be missing is optional.
 */

export interface Metadata {
  name: string;
  namespace?: string;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  generation?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  managedFields?: { manager?: string; time?: string; fieldsV1?: object }[];
  ownerReferences?: { kind: string; name: string }[];
}

export interface Named {
  metadata: Metadata;
}

export interface ContainerStatus {
  name: string;
  /** The image's bits, such as `docker.io/library/redis@sha256:…`. */
  imageID?: string;
  ready: boolean;
  started?: boolean;
  state?: { running?: { startedAt?: string }; waiting?: { reason?: string }; terminated?: { reason?: string } };
}

export interface Container {
  name: string;
  image?: string;
  restartPolicy?: string;
  args?: string[];
  ports?: { name?: string; containerPort: number; protocol?: string }[];
  env?: { name: string; value?: string }[];
  volumeMounts?: { name: string; mountPath: string }[];
}

export interface Pod extends Named {
  spec: {
    containers: Container[];
    initContainers?: Container[];
    volumes?: { name: string; emptyDir?: { medium?: string } }[];
    hostNetwork?: boolean;
  };
  status?: {
    phase?: string;
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}

export interface Deployment extends Named {
  spec: { replicas?: number; template?: { spec?: { containers?: Container[] } } };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    readyReplicas?: number;
    updatedReplicas?: number;
  };
}

export interface Service extends Named {
  spec: {
    type?: string;
    clusterIP?: string;
    selector?: Record<string, string>;
    ports?: { name?: string; port: number; nodePort?: number; targetPort?: number | string; protocol?: string }[];
  };
  status?: { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } };
}

export interface EndpointSlice extends Named {
  endpoints?: { conditions?: { ready?: boolean } }[];
}

export interface ConfigMap extends Named {
  data?: Record<string, string>;
}

export interface SecretObject extends Named {
  type?: string;
  data?: Record<string, string>;
}

export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

export interface Webhook {
  name: string;
  clientConfig: {
    caBundle?: string;
    url?: string;
    service?: { name: string; namespace: string; path?: string; port?: number };
  };
  failurePolicy?: string;
  namespaceSelector?: LabelSelector;
  objectSelector?: LabelSelector;
}

export interface WebhookConfiguration extends Named {
  webhooks?: Webhook[];
}

export type MtlsMode = "UNSET" | "DISABLE" | "PERMISSIVE" | "STRICT";

export interface PeerAuthentication extends Named {
  spec?: {
    selector?: { matchLabels?: Record<string, string> };
    mtls?: { mode?: MtlsMode };
    portLevelMtls?: Record<string, { mode?: MtlsMode }>;
  };
}

export interface TrafficPolicy {
  tls?: { mode?: string };
  portLevelSettings?: { port?: { number?: number }; tls?: { mode?: string } }[];
}

export interface DestinationRule extends Named {
  spec?: { host?: string; trafficPolicy?: TrafficPolicy; subsets?: { name: string; trafficPolicy?: TrafficPolicy }[] };
}

export interface GlobalConfig extends Named {
  spec?: { name?: string; type?: string; config?: string };
}

export interface GatewayRoute {
  services?: { name: string; port: number }[];
  permitInsecure?: boolean;
}

export interface GatewayHost extends Named {
  spec?: {
    virtualhost?: {
      fqdn?: string;
      tls?: { secretName?: string; minimumProtocolVersion?: string; passthrough?: boolean };
    };
    routes?: GatewayRoute[];
  };
}

export interface ServiceRoute extends Named {
  spec?: { fqdn?: string; route?: GatewayRoute };
}
