// Stand-in for pulumi-resource-tls: keys, certificate requests and certificates, made with Node.js's own cryptography.

import { serve } from "../wire";
import { addTlsProvider } from "./service";

// Ed25519 in Node.js 20 warns that it is experimental; on this output, the user would see it as the program's.
process.removeAllListeners("warning");

void serve((server) => addTlsProvider(server, process.argv.slice(2).at(-1) ?? ""));
