import { program } from "./stacks/program";

// Pulumi's compiler has raised it to 100, and the SDK notes and maps a stack for each of its promises, dozens for each resource.
Error.stackTraceLimit = 4;

/** What `pulumi up` runs. */
export = () => program();
