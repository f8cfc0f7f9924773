import * as pulumi from "@pulumi/pulumi";
import { withSecrets } from "../../settings/marks";
import type { Settings } from "../../settings/schema";

/**
 * The settings with each secret among them as a secret Output, for the arguments of components. The type does not show that: the
 * schema lets secrets stand only where a component takes an Input (a test plants one in each such place).
 */
export function sealed(settings: Settings): Settings {
  return withSecrets(settings, (value) => pulumi.secret(value));
}
