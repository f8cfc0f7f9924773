/* What Pulumi runs of this repository as a component package (PulumiPlugin.yaml). The stacks' program is index.ts. */
require("tsx/cjs");
require("./plugin/host.ts").serve();
