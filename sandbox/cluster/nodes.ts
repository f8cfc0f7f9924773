/** As many as a machine carries; each has a network of its own in 10.244.0.0/16. */
export const mostNodes = 200;

/** Nodes are spread over so many zones, as in a cloud. */
const zones = ["a", "b", "c"];

/** A node as a kubelet would register it; KWOK makes it ready. */
export function nodeManifest(index: number, version: string): unknown {
  const name = `node-${index}`;
  const capacity = { cpu: "8", memory: "32Gi", pods: "110", "ephemeral-storage": "100Gi" };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/region": "sandbox",
        "topology.kubernetes.io/zone": `sandbox-${zones[(index - 1) % zones.length]}`,
      },
    },
    spec: { podCIDR: `10.244.${index}.0/24`, podCIDRs: [`10.244.${index}.0/24`] },
    status: {
      capacity,
      allocatable: capacity,
      nodeInfo: {
        architecture: "amd64",
        bootID: "",
        containerRuntimeVersion: "kwok://simulated",
        kernelVersion: "simulated",
        kubeProxyVersion: version,
        kubeletVersion: version,
        machineID: "",
        operatingSystem: "linux",
        osImage: "simulated by KWOK",
        systemUUID: "",
      },
    },
  };
}
