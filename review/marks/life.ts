import { immutableChanges } from "../../mesh/immutability";
import { type KubernetesObject, type OwnedObject, type Tree, podTemplate } from "../objects";
import { type Action, type Changed, type Mark, mark } from "./mark";

/** What it means that an object comes, goes, or cannot be changed. */
export function lifeMarks(
  action: Action,
  { object, before, after, release }: Changed,
  { installedOnce, patch }: OwnedObject,
): Mark[] {
  const { kind } = object;
  const marks: Mark[] = [];
  if (object.apiVersion === "tls") return certificateMarks(action, object, before, after);
  if (action === "deleted") {
    if (kind === "Namespace") marks.push(mark("outage", "deletion", "everything in the namespace goes with it"));
    else if (kind === "PersistentVolumeClaim") marks.push(mark("danger", "deletion", "its data may go with it"));
    else if (kind === "CustomResourceDefinition")
      marks.push(mark("outage", "deletion", "every object of the kind goes with it, also other people's"));
    else if (podTemplate(before) !== undefined)
      marks.push(mark("outage", "outage", "its pods go, and what they served"));
    else marks.push(mark("notice", "deletion", "it is deleted"));
  }
  if (action === "left behind")
    marks.push(
      mark(
        "notice",
        "deletion",
        patch === true
          ? "our labels are removed; the object stays, as others created it"
          : "it stays in the cluster: delete it by hand if nothing uses it",
      ),
    );
  if (action === "replaced")
    marks.push(
      mark(
        kind === "Namespace" || podTemplate(after) !== undefined || ["Service", "GatewayHost", "Secret"].includes(kind)
          ? "outage"
          : "danger",
        kind === "Namespace" ? "deletion" : "outage",
        kind === "Namespace"
          ? "deleted with everything in it, then created again"
          : "deleted, then created again: missing in between",
      ),
    );
  if (action === "updated" && release !== undefined) {
    const fields = immutableChanges(before!, after!);
    if (fields.length > 0)
      marks.push(
        mark(
          "outage",
          "outage",
          `${fields.join(", ")} cannot be changed in place: the API server refuses it, and the upgrade of release ${release} fails`,
        ),
      );
  }
  if (installedOnce === true && action === "updated")
    marks.push(
      mark(
        "danger",
        "CRD",
        "from the chart's crds/ folder: Helm never upgrades it. Apply it by hand first (docs/environments.md)",
      ),
    );
  return marks;
}

/** What it means that an object that stays gets another owner. */
export function ownershipMarks(was: OwnedObject, is: OwnedObject): Mark[] {
  if (was.patch !== true && is.patch === true)
    return [mark("notice", "deletion", "handed over: it stays, with everything in it, and nothing of ours deletes it")];
  if (was.patch === true && is.patch !== true)
    return [mark("danger", "deletion", "taken over: when it leaves the stack it is deleted, with everything in it")];
  return [];
}

/** What a key or certificate of the program means to those who trust it. */
function certificateMarks(
  action: Action,
  { kind, metadata }: KubernetesObject,
  before: Tree | undefined,
  after: Tree | undefined,
): Mark[] {
  const isRoot = kind === "SelfSignedCert";
  const marks: Mark[] = [];
  const strength = (tree: Tree | undefined) => {
    const { algorithm, rsaBits, ecdsaCurve } = tree ?? {};
    // Bits of security, NIST SP 800-57 part 1, table 2.
    if (algorithm === "RSA") return Number(rsaBits ?? 2048) >= 3072 ? 128 : Number(rsaBits ?? 2048) >= 2048 ? 112 : 80;
    return algorithm === "ED25519" ? 128 : ({ P224: 112, P256: 128, P384: 192, P521: 256 }[String(ecdsaCurve)] ?? 0);
  };
  if (kind === "PrivateKey" && before !== undefined && after !== undefined && strength(after) < strength(before))
    marks.push({
      ...mark(
        "weaker",
        "encryption",
        `key ${metadata.name}: ${strength(before)} → ${strength(after)} bits of security`,
      ),
      ...(metadata.name.startsWith("serving-certificate") ? { leg: "client → gateway" as const } : {}),
    });
  if (isRoot && action !== "created")
    marks.push(
      mark(
        "danger",
        "certificate",
        `CA ${metadata.name} ${action === "deleted" ? "goes" : "is replaced"}: those who trust only its old certificate are refused, or refuse (docs/certificates.md)`,
      ),
    );
  else if (isRoot)
    marks.push(
      mark(
        "notice",
        "certificate",
        `a new CA, ${metadata.name}: clients must be given its certificate before it signs`,
      ),
    );
  else if (kind === "LocallySignedCert" && action === "updated")
    marks.push(mark("notice", "certificate", "a new leaf is issued; its Secret is changed in place"));
  return marks;
}
