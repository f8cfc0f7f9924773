import * as grpc from "@grpc/grpc-js";
import { version as sdkVersion } from "@pulumi/pulumi/package.json";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb";
import {
  AboutResponse,
  DependencyInfo,
  GetProgramDependenciesResponse,
  GetRequiredPackagesResponse,
  GetRequiredPluginsResponse,
  InstallDependenciesResponse,
  LanguageHandshakeResponse,
  RunPluginResponse,
  RunResponse,
  RuntimeOptionsResponse,
  TemplateResponse,
  type GetProgramDependenciesRequest,
  type GetRequiredPackagesRequest,
  type GetRequiredPluginsRequest,
  type InstallDependenciesRequest,
  type LanguageHandshakeRequest,
  type ProgramInfo,
  type RunPluginRequest,
  type RunRequest,
} from "@pulumi/pulumi/proto/language_pb";
import {
  PackageDependency,
  PackageParameterization,
  PluginDependency,
  PluginInfo,
} from "@pulumi/pulumi/proto/plugin_pb";
import { asServiceError, decode, empty, plain, rpcError, unary } from "../wire";
import { pluginCommand, programCommand } from "./command";
import { installCommand } from "./install";
import { parseRuntimeOptions, type RuntimeOptions } from "./options";
import { allPackages, directPackages, requiredPlugins } from "./packages";
import type { Ending, Processes, Started } from "./processes";

// The SDK's runner exits with this once it has told the user what is wrong.
const alreadyReported = 32;

/** The sandbox's kubernetes provider, where it is not the release that belongs to the npm package. */
function versionsInUse(): Record<string, string> {
  const kubernetes = process.env["ENROUTE_SANDBOX_KUBERNETES_VERSION"];
  return kubernetes === undefined ? {} : { kubernetes };
}

/** Adds the language host's service. The processes that it starts are `processes`, for the caller to end. */
export function addLanguageService(server: grpc.Server, engineAddress: string, processes: Processes): void {
  let engine = engineAddress;

  server.addService(LanguageRuntimeService, {
    handshake: unary((request: LanguageHandshakeRequest) => {
      engine = request.getEngineAddress() || engine;
      return new LanguageHandshakeResponse();
    }),

    getPluginInfo: unary(() => new PluginInfo().setVersion(sdkVersion)),

    getRequiredPackages: unary((request: GetRequiredPackagesRequest) => {
      const packages = requiredPlugins(folderOf(request.getInfo()), versionsInUse()).map((plugin) => {
        const dependency = new PackageDependency().setName(plugin.name).setKind("resource");
        if (plugin.version !== undefined) dependency.setVersion(plugin.version);
        if (plugin.server !== undefined) dependency.setServer(plugin.server);
        if (plugin.parameterization === undefined) return dependency;
        const { name, version, value } = plugin.parameterization;
        return dependency.setParameterization(
          new PackageParameterization().setName(name).setVersion(version).setValue(value),
        );
      });
      return new GetRequiredPackagesResponse().setPackagesList(packages);
    }),

    getRequiredPlugins: unary((request: GetRequiredPluginsRequest) => {
      const plugins = requiredPlugins(folderOf(request.getInfo()) || request.getPwd(), versionsInUse()).map(
        (plugin) => {
          const dependency = new PluginDependency().setName(plugin.name).setKind("resource");
          if (plugin.version !== undefined) dependency.setVersion(plugin.version);
          return plugin.server === undefined ? dependency : dependency.setServer(plugin.server);
        },
      );
      return new GetRequiredPluginsResponse().setPluginsList(plugins);
    }),

    about: unary(() => new AboutResponse().setExecutable(process.execPath).setVersion(process.version)),

    getProgramDependencies: unary((request: GetProgramDependenciesRequest) => {
      const folder = folderOf(request.getInfo()) || request.getPwd();
      const packages = request.getTransitivedependencies() ? allPackages(folder) : directPackages(folder);
      const dependencies = packages.map(({ name, manifest }) =>
        new DependencyInfo().setName(name).setVersion(manifest.version ?? ""),
      );
      return new GetProgramDependenciesResponse().setDependenciesList(dependencies);
    }),

    run: unary(async (request: RunRequest, call) => {
      const command = programCommand(request, optionsOf(request.getInfo()), engine, process.env);
      // What the program prints goes to the engine through our own output, which the engine reads line by line.
      const program = processes.start(command, ["ignore", "inherit", "inherit"]);
      return runResponse(await endedOrCancelled(program, call));
    }),

    runPlugin: streaming(async (call: grpc.ServerWritableStream<RunPluginRequest, RunPluginResponse>) => {
      const command = pluginCommand(call.request, optionsOf(call.request.getInfo()), process.env);
      const plugin = processes.start(command, ["ignore", "pipe", "pipe"]);
      plugin.child.stdout?.on("data", (data: Buffer) => call.write(new RunPluginResponse().setStdout(data)));
      plugin.child.stderr?.on("data", (data: Buffer) => call.write(new RunPluginResponse().setStderr(data)));
      const { code } = await endedOrCancelled(plugin, call);
      call.write(new RunPluginResponse().setExitcode(code ?? 1));
    }),

    installDependencies: streaming(
      async (call: grpc.ServerWritableStream<InstallDependenciesRequest, InstallDependenciesResponse>) => {
        const folder = folderOf(call.request.getInfo()) || call.request.getDirectory();
        const { packageManager } = optionsOf(call.request.getInfo());
        const command = installCommand(folder, packageManager, process.env);
        const install = processes.start(command, ["ignore", "pipe", "pipe"]);
        install.child.stdout?.on("data", (data: Buffer) =>
          call.write(new InstallDependenciesResponse().setStdout(data)),
        );
        install.child.stderr?.on("data", (data: Buffer) =>
          call.write(new InstallDependenciesResponse().setStderr(data)),
        );
        const { code, signal } = await endedOrCancelled(install, call);
        if (code === 0) return;
        const line = [command.executable, ...command.args].join(" ");
        throw new Error(`"${line}" in ${folder} failed with ${signal ?? `exit code ${code}`}`);
      },
    ),

    runtimeOptionsPrompts: unary(() => new RuntimeOptionsResponse()),
    template: unary(() => new TemplateResponse()),

    generateProgram: notHere("generate programs"),
    generateProject: notHere("convert projects"),
    generatePackage: notHere("generate SDKs"),
    pack: notHere("pack SDKs"),
    link: notHere("link SDKs into a program"),

    cancel: unary(() => {
      processes.stopAll();
      return empty();
    }),
  });
}

/** The answer for a program that has ended: nothing, "already reported", or what to tell the user. */
export function runResponse({ code, signal, stopped }: Ending): RunResponse {
  if (code === 0) return new RunResponse();
  // Of a program that was stopped on request there is nothing to report either.
  if (code === alreadyReported || stopped) return new RunResponse().setBail(true);
  return new RunResponse().setError(
    signal === null ? `Program exited with non-zero exit code: ${code}` : `Program was ended by ${signal}`,
  );
}

interface Cancellable {
  cancelled: boolean;
  on(event: "cancelled", listener: () => void): unknown;
}

function endedOrCancelled(started: Started, call: Cancellable): Promise<Ending> {
  call.on("cancelled", () => started.stop());
  if (call.cancelled) started.stop();
  return started.ended;
}

function streaming<Request, Response>(
  answer: (call: grpc.ServerWritableStream<Request, Response>) => Promise<void>,
): grpc.handleServerStreamingCall<Request, Response> {
  return (call) => {
    answer(call).then(
      () => call.end(),
      // Not destroy(), which ends the stream without the status that carries the error.
      (error: unknown) => call.emit("error", asServiceError(error)),
    );
  };
}

function notHere(what: string): grpc.handleUnaryCall<unknown, never> {
  return unary(() => {
    throw rpcError(
      `the sandbox's stand-in for pulumi-language-nodejs cannot ${what}: use the official Pulumi CLI`,
      grpc.status.UNIMPLEMENTED,
    );
  });
}

function folderOf(info: ProgramInfo | undefined): string {
  return info?.getProgramDirectory() ?? "";
}

function optionsOf(info: ProgramInfo | undefined): RuntimeOptions {
  return parseRuntimeOptions(plain(decode(info?.getOptions())) as Record<string, unknown>);
}
