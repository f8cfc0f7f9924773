import { execFileSync } from "node:child_process";
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";

type Config = Record<string, unknown>;

const root = join(__dirname, "../..");

/** A throw-away git repository with this checkout as it is, whose stacks take their charts from a repository of one's own. */
export class Checkout {
  readonly folder = mkdtempSync(join(tmpdir(), "enroute-checkout-"));

  constructor(chartRepository: string) {
    const files = this.git(root, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0");
    for (const file of files.filter((name) => name !== ""))
      try {
        cpSync(join(root, file), join(this.folder, file), { recursive: true });
      } catch (error) {
        // Deleted, and not committed yet.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    symlinkSync(join(root, "node_modules"), join(this.folder, "node_modules"), "junction");
    this.git(this.folder, "init", "--quiet", "--initial-branch", "main");
    writeFileSync(join(this.folder, ".git/info/exclude"), "node_modules\n");
    for (const stack of ["dev", "staging", "prod"])
      this.edit(stack, (config) => {
        for (const section of ["istio", "gateway", "prometheus", "kiali"])
          if (config[section] !== undefined) (config[section] as Config)["chartRepository"] = chartRepository;
      });
    this.commit("base");
  }

  /** Changes the settings of a stack; keys without the project's name. */
  edit(stack: string, change: (config: Config) => void): void {
    const path = join(this.folder, "stacks", `Pulumi.${stack}.yaml`);
    const content = parse(readFileSync(path, "utf8")) as { config: Config };
    const rename = (from: string, to: string) =>
      Object.fromEntries(Object.entries(content.config).map(([key, value]) => [key.replace(from, to), value]));
    content.config = rename("enroute-istio:", "");
    change(content.config);
    content.config = rename("", "enroute-istio:");
    writeFileSync(path, stringify(content));
  }

  /** Makes the program another one, which does the same. */
  touchProgram(): void {
    appendFileSync(join(this.folder, "base/duration.ts"), "// another version\n");
  }

  commit(message: string): void {
    this.git(this.folder, "add", "--all");
    const author = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
    this.git(this.folder, ...author, "commit", "--quiet", "--allow-empty", "--message", message);
  }

  /** Takes back what is not committed. */
  reset(): void {
    this.git(this.folder, "checkout", "--quiet", "--force", "main");
    this.git(this.folder, "reset", "--quiet", "--hard");
    this.git(this.folder, "clean", "--quiet", "--force", "-d");
  }

  delete(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  git(cwd: string, ...args: string[]): string {
    return execFileSync("git", args, { cwd, encoding: "utf8", maxBuffer: 1e8 });
  }
}
