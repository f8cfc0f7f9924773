import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { isMap, parse, parseDocument, stringify, visit } from "yaml";
import type { Report } from "./progress";
import { type SandboxEndpoints, encryption, forSandbox, parseStack, pluginVersionKey } from "./stacks";

/** The little of a Pulumi.yaml that matters here. */
interface Definition {
  readonly main?: string;
  readonly stackConfigDir?: string;
}

/** The Pulumi project that a sandbox works in. */
export interface SandboxProject {
  readonly folder: string;
  /** Path of a stack's file in it. */
  readonly fileOf: (stack: string) => string;
  /** Stacks whose file in the checkout cannot be used, and why: they have no settings in the sandbox until it is put right. */
  readonly unusable: ReadonlyMap<string, string>;
  /** Stacks whose settings somebody has changed in the sandbox. */
  readonly changed: ReadonlySet<string>;
}

/**
 * Writes the Pulumi project that the sandbox works in: the checkout's program, with the checkout's stacks as they are in
 * the sandbox. What somebody changes there, by hand or by `pulumi config set`, stays until the checkout's own file changes;
 * then that one counts, and what was changed is kept beside it.
 */
export function writeProject(
  checkout: string,
  folder: string,
  sandbox: SandboxEndpoints,
  report: Report,
): SandboxProject {
  const project = join(folder, "project");
  const definition = parse(readFileSync(join(checkout, "Pulumi.yaml"), "utf8")) as Definition;
  const { main = ".", stackConfigDir = "." } = definition;
  const stacks = join(project, stackConfigDir);
  mkdirSync(stacks, { recursive: true });
  write(join(project, "Pulumi.yaml"), stringify({ ...definition, main: join(checkout, main) }));
  followEndpoints(project, stacks, sandbox);
  const unusable = new Map<string, string>();
  const changed = new Set<string>();
  for (const file of readdirSync(join(checkout, stackConfigDir))) {
    const stack = stackOf(file);
    if (stack === undefined) {
      continue;
    }
    const copy = new Copy(join(stacks, file));
    const name = join(stackConfigDir, file);
    let fresh: unknown;
    try {
      fresh = forSandbox(parseStack(readFileSync(join(checkout, name), "utf8")), sandbox);
    } catch (error) {
      unusable.set(stack, `${name}: ${(error as Error).message}`);
      copy.withhold();
      continue;
    }
    const kept = copy.update(fresh);
    if (kept !== undefined) {
      report(
        `${name} has changed in the checkout and counts again; what was changed in the sandbox is kept in ${kept}`,
      );
    }
    if (copy.isChanged()) {
      changed.add(stack);
    }
  }
  return { folder: project, fileOf: (stack) => join(stacks, `Pulumi.${stack}.yaml`), unusable, changed };
}

const stackOf = (file: string) => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1];

/** A stack's file in the sandbox's project. */
class Copy {
  /** What was last taken from the checkout; what differs from it in the copy is somebody's change. */
  private readonly taken: string;
  /** The copy, while the checkout's file cannot be used. */
  private readonly withheld: string;

  constructor(private readonly path: string) {
    this.taken = `${path}.taken`;
    this.withheld = `${path}.withheld`;
  }

  /**
   * Brings what is new in the checkout into the copy.
   *
   * @returns path of what was changed in the copy, where that had to give way.
   */
  update(fresh: unknown): string | undefined {
    moveIfThere(this.withheld, this.path);
    const present = readIfThere(this.path);
    if (present !== undefined && isDeepStrictEqual(contentOf(readIfThere(this.taken)), fresh)) {
      return undefined;
    }
    let kept: string | undefined;
    if (!isDeepStrictEqual(contentOf(present), fresh)) {
      if (present !== undefined && this.isChanged()) {
        kept = freePath(`${this.path}.kept`);
        write(kept, present);
      }
      // The key to what is encrypted in the state already.
      const salt = /^encryptionsalt:.*\n/m.exec(present ?? "")?.[0] ?? "";
      write(this.path, salt + stringify(fresh));
    }
    write(this.taken, stringify(fresh));
    return kept;
  }

  /** Whether somebody has changed it since it was taken from the checkout. */
  isChanged(): boolean {
    return !isDeepStrictEqual(contentOf(readIfThere(this.path)), contentOf(readIfThere(this.taken)));
  }

  /** Puts it aside, so that nothing goes on with settings that are no longer the checkout's. */
  withhold(): void {
    if (!existsSync(this.withheld)) {
      moveIfThere(this.path, this.withheld);
    }
  }
}

/** What a stack's file says, but for the key of its secrets; the text itself where it cannot be read. */
function contentOf(text: string | undefined): unknown {
  try {
    const content: unknown = parse(text ?? "") ?? {};
    if (typeof content !== "object") {
      return text;
    }
    return Object.fromEntries(Object.entries(content as object).filter(([key]) => !encryption.includes(key)));
  } catch {
    return text;
  }
}

/** A sandbox that is started again is elsewhere: that takes the place of where it was, whatever else somebody has changed. */
function followEndpoints(project: string, stacks: string, sandbox: SandboxEndpoints): void {
  const { kubeconfig, context, chartRepository, kubernetesPluginVersion } = sandbox;
  const now: SandboxEndpoints = {
    ...{ kubeconfig, context, chartRepository },
    ...(kubernetesPluginVersion === undefined ? {} : { kubernetesPluginVersion }),
  };
  const path = join(project, "endpoints.json");
  const former = JSON.parse(readIfThere(path) ?? JSON.stringify(now)) as SandboxEndpoints;
  for (const file of isDeepStrictEqual(former, now) ? [] : readdirSync(stacks)) {
    const text = readFileSync(join(stacks, file), "utf8");
    const followed = withEndpoints(text, former, now);
    if (followed !== text) {
      write(join(stacks, file), followed);
    }
  }
  write(path, JSON.stringify(now));
}

/** The text of a stack's file, with other endpoints where it has the former ones; all the rest stays, comments as well. */
function withEndpoints(text: string, former: SandboxEndpoints, now: SandboxEndpoints): string {
  const document = parseDocument(text);
  if (document.errors.length > 0 || !isMap(document.get("config"))) {
    return text;
  }
  const moved = new Map<unknown, string>(
    (["kubeconfig", "context", "chartRepository"] as const).map((key) => [former[key], now[key]]),
  );
  visit(document, { Scalar: (_, node) => void (node.value = moved.get(node.value) ?? node.value) });
  const version = ["config", pluginVersionKey];
  if (document.getIn(version) === former.kubernetesPluginVersion) {
    if (now.kubernetesPluginVersion === undefined) {
      document.deleteIn(version);
    } else {
      document.setIn(version, now.kubernetesPluginVersion);
    }
  }
  return document.toString({ lineWidth: 0 });
}

/** The path, or the first with a number behind it that is free. */
function freePath(path: string): string {
  let free = path;
  for (let number = 2; existsSync(free); number++) free = `${path}-${number}`;
  return free;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
      throw error;
    }
  }
}

/** In one step, as another command may be reading it. */
function write(path: string, text: string): void {
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, text);
  renameSync(partial, path);
}
