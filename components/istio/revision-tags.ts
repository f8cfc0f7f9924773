import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { type DeclaredControlPlanes, istiodOf } from "../../mesh/control-planes";
import { tagWebhook } from "../../mesh/revision-tags";
import { fixedName } from "../chart";
import { childName } from "../child-name";

/** Makes the revision tags of a control plane: a MutatingWebhookConfiguration each, which changes in place when its tag moves. */
export function revisionTags(
  component: string,
  { tags = {}, namespace }: Pick<DeclaredControlPlanes, "tags"> & { namespace: string },
  options: pulumi.CustomResourceOptions,
): pulumi.Resource[] {
  return Object.entries(tags).map(
    ([tag, revision]) =>
      new k8s.admissionregistration.v1.MutatingWebhookConfiguration(
        childName(component, { inStacks: "istio", child: `istio-revision-tag-${tag}` }),
        tagWebhook({ tag, revision, istiod: istiodOf(revision), rootNamespace: namespace }),
        { ...options, ...fixedName },
      ),
  );
}
