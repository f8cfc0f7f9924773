import { program } from "./stacks/program";

/** What `pulumi up` runs. */
export = () => program();
