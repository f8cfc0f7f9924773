// Stand-in for pulumi-language-nodejs: starts programs and policy packs through the SDK's own runners.

import { serve } from "../wire";
import { Processes } from "./processes";
import { addLanguageService } from "./service";

// Flags such as --tracing may come first; the engine's address is always last.
const engineAddress = process.argv.slice(2).at(-1) ?? "";
const processes = new Processes();
void serve(
  (server) => addLanguageService(server, engineAddress, processes),
  () => processes.stopAll(),
);
