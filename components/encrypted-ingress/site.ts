import * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../../settings/schema";
import { deletionProtection } from "../deletion-protection";
import { ownershipMarks } from "../ownership";

/** Where an ingress is made: what its parts are called, what they belong to, and what they are made from. */
export interface Site {
  /** What is known while the program runs, for all that is decided; a value stands for each Output. */
  settings: Settings;
  /** The same with every secret and every Output as an Output, for the arguments of components. */
  sealed: Settings;
  /** Name by which everything is marked. @default nothing is marked */
  owner: string | undefined;
  /** Folder that the provider runs in. @default the current one */
  providerFolder?: string | undefined;
  /** The resource name of a part. */
  name: (part: string) => string;
  /**
   * Options of a part, which is made after others. Of a part that many wait for, its last resource is named: a whole component is
   * written into the state of each of them, resource by resource.
   */
  opts: (...dependsOn: pulumi.Resource[]) => pulumi.ComponentResourceOptions;
  /** The same, but that what the part has beside its Helm release does not wait for `start`. */
  releaseOpts: (start: pulumi.Resource[], ...dependsOn: pulumi.Resource[]) => pulumi.ComponentResourceOptions;
}

export interface SiteArgs extends Pick<Site, "settings" | "sealed" | "owner" | "name" | "providerFolder"> {
  /** What every part has: its parent, or its providers. */
  common: pulumi.ComponentResourceOptions;
  /** What is done to everything that is made. @default nothing more than the settings and the owner ask for */
  further?: pulumi.ResourceTransformation[];
}

export function siteOf({ common, further = [], ...site }: SiteArgs): Site {
  const transformations = deletionProtection(site.settings.deletionProtection);
  if (site.owner !== undefined) transformations.push(ownershipMarks(site.owner));
  transformations.push(...further);
  return {
    ...site,
    opts: (...dependsOn) => ({ ...common, dependsOn, transformations }),
    releaseOpts: (start, ...dependsOn) => ({
      ...common,
      dependsOn,
      transformations: [...transformations, releaseAfter(start)],
    }),
  };
}

function releaseAfter(start: pulumi.Resource[]): pulumi.ResourceTransformation {
  return ({ type, props, opts }) =>
    type === "kubernetes:helm.sh/v3:Release"
      ? { props, opts: pulumi.mergeOptions(opts, { dependsOn: start }) }
      : undefined;
}
