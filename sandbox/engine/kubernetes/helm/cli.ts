// Runs the Helm CLI.

import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeKubeconfig, type Target } from "../kubeconfig";

/** Helm refused or failed; the message is its own, without the CLI's prefixes. */
export class HelmError extends Error {
  constructor(
    message: string,
    /** What it printed before. */
    readonly output = "",
  ) {
    super(message);
  }
}

/** One call of Helm. */
export interface HelmCall {
  readonly args: readonly string[];
  /** Goes to its standard input: values may be secret, so they never stand on a command line. */
  readonly input?: string;
  /** The cluster and the release's namespace; absent for calls that need no cluster. */
  readonly cluster?: { readonly target: Target; readonly namespace: string };
  readonly env?: Readonly<Record<string, string>>;
}

/** The Helm CLI with a private folder of temporary files, which `dispose` removes. */
export class Helm {
  private readonly running = new Set<ChildProcess>();
  private folder: string | undefined;
  private folders = 0;
  private cancelled = false;
  private disposed = false;

  /** @param binary path or name of Helm; @param env more environment variables for it */
  constructor(
    private readonly binary: string = process.env["ENROUTE_SANDBOX_HELM"] ?? "helm",
    private readonly env: Readonly<Record<string, string>> = {},
  ) {}

  /** A new empty folder that only this user can read. @throws HelmError after `dispose` */
  newFolder(): string {
    const folder = join(this.root(), String(this.folders++));
    mkdirSync(folder, { mode: 0o700 });
    return folder;
  }

  /** Runs something with a folder of its own that is gone afterwards. */
  async withFolder<Result>(action: (folder: string) => Promise<Result>): Promise<Result> {
    const folder = this.newFolder();
    try {
      return await action(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Runs Helm and returns what it printed. @throws HelmError */
  async run(call: HelmCall): Promise<string> {
    if (this.cancelled) throw new HelmError("the operation was cancelled");
    return this.start(call);
  }

  /** As `run`, also after `interrupt`: to see what became of an interrupted release. */
  async look(call: HelmCall): Promise<string> {
    return this.start(call);
  }

  /** Asks running Helm processes to stop, which then record the release as failed; and starts no more. */
  interrupt(): void {
    this.cancelled = true;
    for (const child of this.running) child.kill("SIGINT");
  }

  /** Ends what is running and removes the temporary files. */
  dispose(): void {
    this.interrupt();
    if (this.folder !== undefined) rmSync(this.folder, { recursive: true, force: true });
    this.disposed = true;
  }

  private root(): string {
    if (this.disposed) throw new HelmError("the provider has ended");
    this.folder ??= mkdtempSync(join(tmpdir(), "enroute-helm-"));
    return this.folder;
  }

  private async start(call: HelmCall): Promise<string> {
    const { cluster } = call;
    if (cluster === undefined) return this.spawn(call, []);
    // One for each call, and only for as long as it takes: it holds credentials.
    return this.withFolder((folder) => {
      const kubeconfig = join(folder, "kubeconfig");
      writeFileSync(kubeconfig, writeKubeconfig(cluster.target), { mode: 0o600 });
      return this.spawn(call, ["--namespace", cluster.namespace, "--kubeconfig", kubeconfig]);
    });
  }

  private spawn({ args, input, env }: HelmCall, place: readonly string[]): Promise<string> {
    const child = spawn(this.binary, [...args, ...place], {
      env: { ...withoutClusterVariables(process.env), ...this.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.running.add(child);
    return new Promise<string>((resolve, reject) => {
      const [out, err]: [Buffer[], Buffer[]] = [[], []];
      child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
      child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
      child.on("error", (error) => reject(new HelmError(`cannot run Helm (${this.binary}): ${error.message}`)));
      child.on("close", (code, signal) => {
        const output = Buffer.concat(out).toString("utf8");
        const text = errorText(Buffer.concat(err).toString("utf8"));
        if (code === 0) resolve(output);
        else reject(new HelmError(text || `helm ended with ${signal ?? code}`, output));
      });
      // It may end before it has read everything, and says why itself.
      child.stdin.on("error", () => {});
      child.stdin.end(input ?? "");
    }).finally(() => this.running.delete(child));
  }
}

// The kubeconfig alone says which cluster.
function withoutClusterVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([key]) => !key.startsWith("HELM_KUBE") && key !== "HELM_NAMESPACE"),
  );
}

/** The error in what Helm printed: from its "Error:" on, without the name of the command that failed. */
export function errorText(stderr: string): string {
  const start = stderr.search(/^Error: /m);
  const text = start < 0 ? stderr : stderr.slice(start + "Error: ".length);
  return text.replace(/^(INSTALLATION|UPGRADE) FAILED: /, "").trim();
}
