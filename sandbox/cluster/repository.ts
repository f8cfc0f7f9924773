import { createReadStream, statSync } from "node:fs";
import { type Server, createServer } from "node:http";
import { basename, join } from "node:path";

/** Serves a folder of chart packages with its index.yaml, as any chart repository does. */
export async function serveCharts(folder: string, address: string, port: number): Promise<Server> {
  const server = createServer((request, response) => {
    const name = basename(decodeURIComponent((request.url ?? "/").split("?")[0]!));
    const path = join(folder, name);
    const isServed = name === "index.yaml" || name.endsWith(".tgz");
    if (!isServed || statSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
      response.writeHead(404).end(`no ${name || "such thing"} in this chart repository\n`);
      return;
    }
    response.writeHead(200, { "Content-Type": name.endsWith(".tgz") ? "application/gzip" : "application/yaml" });
    createReadStream(path).pipe(response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, resolve);
  });
  return server;
}
