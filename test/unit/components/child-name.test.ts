import assert from "node:assert/strict";
import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { EnRouteGateway, IstioControlPlane, Kiali, Prometheus } from "../../../components";
import { run } from "../mocks";

const chartRepository = "https://charts.example.com";
const common = { namespace: "istio-system", chartRepository };

/** Each component whose children have unqualified names in stacks: the name that stacks give it, and one of it. */
const components: [string, string, (name: string, opts: pulumi.ComponentResourceOptions) => unknown][] = [
  ["IstioControlPlane", "istio", (name, opts) => new IstioControlPlane(name, { ...common, version: "1.31.0" }, opts)],
  [
    "EnRouteGateway",
    "gateway",
    (name, opts) => {
      const images = { redis: { tag: "7.4.1" } };
      const autoscaling = { maxReplicas: 4 };
      return new EnRouteGateway(name, { ...common, version: "0.8.7", images, replicas: 2, autoscaling }, opts);
    },
  ],
  ["Prometheus", "prometheus", (name, opts) => new Prometheus(name, { ...common, version: "29.27.0" }, opts)],
  [
    "Kiali",
    "kiali",
    (name, opts) => new Kiali(name, { ...common, version: "2.29.0", prometheusUrl: "http://prometheus" }, opts),
  ],
];

describe("the children of a component that joins another of its kind", () => {
  for (const [component, inStacks, make] of components)
    for (const second of [`${inStacks}-eu`, "eu"])
      it(`are its own: ${component} ${second} beside ${inStacks}`, async () => {
        const made = async (...names: string[]) => {
          const { resources } = await run(() => {
            for (const name of names) make(name, { provider: new k8s.Provider(`cluster-${name}`) });
          });
          return resources.filter(({ type }) => !type.startsWith("pulumi:"));
        };
        const urns = (resources: { urn: string }[]) => resources.map(({ urn }) => urn).sort();
        const [before, both] = [await made(inStacks), await made(inStacks, second)];
        assert.equal(new Set(urns(both)).size, 2 * before.length, "each has all of its own");
        for (const { name, formerNames } of both)
          assert.deepEqual(formerNames, [], `${name} claims nothing that another may have`);
        assert.ok(urns(before).every((urn) => urns(both).includes(urn)));
      });
});
