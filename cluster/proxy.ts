import { BlockList, isIP } from "node:net";

/**
 * The proxy for a URL by the environment, as Go's programs choose it (golang.org/x/net/http/httpproxy): HTTPS_PROXY or HTTP_PROXY by
 * the URL's scheme, none for this machine and for what NO_PROXY lists. Undefined where it is asked directly.
 */
export function proxyFor(url: string, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const { protocol, hostname, port } = new URL(url);
  const variable = (name: string) => environment[name] || environment[name.toLowerCase()] || undefined;
  const proxy = variable(protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY");
  if (proxy === undefined) return undefined;
  const host = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  if (host === "localhost" || isLoopback(host)) return undefined;
  const own = port === "" ? (protocol === "https:" ? "443" : "80") : port;
  const excepted = (variable("NO_PROXY") ?? "").split(",").map((entry) => entry.trim().toLowerCase());
  if (excepted.some((entry) => entry !== "" && matches(entry, host, own))) return undefined;
  return /^[a-z\d]+:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
}

function isLoopback(host: string): boolean {
  return host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** Whether an entry of NO_PROXY is about a host: `*`, an address, a range, a domain with all below it, `.domain`, `*.domain`. */
function matches(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true;
  const [range = "", bits] = entry.split("/");
  const family = (address: string) => (isIP(address) === 6 ? "ipv6" : "ipv4");
  const isRange = /^\d{1,3}$/.test(bits ?? "") && Number(bits) <= (family(range) === "ipv6" ? 128 : 32);
  if (isRange && isIP(range) !== 0) {
    if (isIP(host) === 0) return false;
    const list = new BlockList();
    list.addSubnet(range, Number(bits), family(range));
    return list.check(host, family(host));
  }
  const [, bracketed, named, only] = /^(?:\[(.+)\]|([^:]*|.*:.*:.*?))(?::(\d+))?$/.exec(entry) ?? [];
  const name = bracketed ?? named ?? entry;
  if (only !== undefined && only !== port) return false;
  if (isIP(name) !== 0 || isIP(host) !== 0) return name === host;
  if (name.startsWith(".") || name.startsWith("*.")) return host.endsWith(name.replace(/^\*/, ""));
  return host === name || host.endsWith(`.${name}`);
}
