import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

const places = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].map(
  (name) => `/usr/bin/${name}`,
);

/**
 * A Chromium on this machine: the one that `CHROMIUM` names, or an installed one. Where there is none, and this may install
 * packages (as root on Debian and its like, so on a fresh CI machine), it installs one; that takes a quarter of a minute.
 *
 * @throws if there is none, and how to get one. A test that needs a browser fails then; it is never skipped.
 */
export function findChromium(): string {
  const find = () => [process.env["CHROMIUM"] ?? "", ...places].find((path) => path !== "" && existsSync(path));
  const found = find();
  if (found !== undefined) return found;
  if (process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    const apt = (...args: string[]) =>
      execFileSync("apt-get", args, { stdio: "ignore", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
    apt("update");
    apt("install", "--yes", "--no-install-recommends", "chromium");
  }
  const installed = find();
  if (installed === undefined)
    throw new Error("There is no Chromium here. Install one (apt-get install chromium), or set CHROMIUM to its path.");
  return installed;
}

/** Without a sandbox of its own, as CI runs as root; and nothing that looks for the network. */
export const chromiumArguments = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
