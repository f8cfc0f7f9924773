import type * as pulumi from "@pulumi/pulumi";
import type { Values } from "../../base/merge";
import type { DeclaredRevision } from "../../mesh/control-planes";
import type { IstioProfile } from "../../mesh/istio";
import type { ChartSourceArgs } from "../chart";

export interface IstioControlPlaneArgs extends ChartSourceArgs {
  /** Exact version of the one control plane, such as `1.31.0`. Needed, unless there are `revisions`. */
  version?: string;
  /** The mesh's root namespace, which must exist: everything mesh-wide lives there. */
  namespace: string;
  /** Size of the control plane. @default "standard" */
  profile?: IstioProfile;
  /** Registry path of Istio's images. @default "docker.io/istio", where releases are published since Istio 1.31 */
  hub?: string;
  /** Tag of Istio's images. @default the chart's version: the project releases both under one number */
  tag?: string;
  /** Revision of this control plane; leave it out for the default one. */
  revision?: string;
  /** Several control planes side by side, in the place of `version`, `revision` and `tag`. @default the one of `version` */
  revisions?: readonly DeclaredRevision[];
  /** The revision that checks Istio's objects for the API server. @default the first of `revisions` */
  defaultRevision?: string;
  /** Revision tags, each with the revision that it points to; namespaces follow a tag as they follow a revision. @default none */
  tags?: Record<string, string>;
  /** Trust domain: the first part of every identity in the mesh. @default "cluster.local" */
  trustDomain?: string;
  /** Earlier trust domains, whose identities are accepted as well. @default none */
  trustDomainAliases?: string[];
  /**
   * Fingerprint of the CA that istiod loads from Secret `cacerts`; another one restarts istiod, one pod after the other.
   * @default none: istiod's own CA
   */
  authorityFingerprint?: pulumi.Input<string>;
  /** Names of Secrets by which istiod's pods, and the sidecars, pull images; in each one's own namespace. @default none */
  imagePullSecrets?: string[];
  /** Mesh configuration, over what this component sets. */
  meshConfig?: Values;
}
