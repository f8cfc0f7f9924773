// Entry of the stand-in for pulumi-resource-kubernetes: the engine starts it once per run, with its own address as argument.

import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import { version } from "@pulumi/kubernetes/package.json";
import { serve } from "../wire";
import { Provider } from "./provider";

const provider = new Provider(version, process.argv.at(2) ?? "");
void serve(
  (server) => server.addService(ResourceProviderService, provider.service()),
  () => provider.dispose(),
);
