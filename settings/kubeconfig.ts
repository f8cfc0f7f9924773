import type { Settings } from "./schema";

/** Whether `kubeconfig` is the text of a kubeconfig, and not the path of one. */
export function isKubeconfigText(kubeconfig: string): boolean {
  return /^\s*\{|\n|^apiVersion:/.test(kubeconfig);
}

/** How texts call the kubeconfig of a stack: never by its text, which holds credentials, and not by a path that is a secret. */
export function kubeconfigName({ kubeconfig, secretPaths = [] }: Pick<Settings, "kubeconfig" | "secretPaths">): string {
  if (kubeconfig === "") return "the kubeconfig (KUBECONFIG or ~/.kube/config)";
  const isSecret = secretPaths.some(([key]) => key === "kubeconfig");
  return isSecret || isKubeconfigText(kubeconfig) ? "the kubeconfig of the settings" : kubeconfig;
}
