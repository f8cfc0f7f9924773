import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { Environment } from "../automation/environment";

/* Options that several commands have, and their texts. */

export interface CommonOptions {
  stack: string;
  cwd: string;
  json?: true;
}

export function environmentOf({ stack, cwd }: CommonOptions, more: { createIfMissing?: boolean } = {}): Environment {
  return new Environment({ stack, project: resolve(cwd), ...more });
}

export interface ChangeOptions extends CommonOptions {
  yes?: true;
  parallel?: number;
  refresh?: true;
  policyPack?: string[];
  policyPackConfig?: string[];
  message?: string;
  create?: true;
  remove?: true;
  expectNoChanges?: true;
}

export const engineOptions = ({
  parallel,
  refresh,
  policyPack,
  policyPackConfig,
  message,
  expectNoChanges,
}: ChangeOptions) => ({
  ...(parallel === undefined ? {} : { parallel }),
  ...(refresh === undefined ? {} : { refresh }),
  ...(policyPack === undefined ? {} : { policyPacks: policyPack.map((folder) => resolve(folder)) }),
  ...(policyPackConfig === undefined ? {} : { policyPackConfigs: policyPackConfig.map((file) => resolve(file)) }),
  ...(message === undefined ? {} : { message }),
  ...(expectNoChanges === undefined ? {} : { expectNoChanges }),
});

export function wholeNumber(least: number, what: string) {
  return (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least) throw new InvalidArgumentError(what);
    return value;
  };
}

export function common(command: Command): Command {
  return command
    .requiredOption("-s, --stack <name>", "stack whose settings and cluster are meant")
    .addOption(
      new Option("-C, --cwd <folder>", "folder of the Pulumi project")
        .env("PULUMI_OPTION_CWD")
        .default(".", "this folder"),
    )
    .option("--json", "machine-readable result on the standard output; progress goes to the error output")
    .showHelpAfterError();
}

const collect = (value: string, before: string[] = []) => [...before, value];
export const parallel = () =>
  new Option("-p, --parallel <count>", "how many resources are worked on side by side").argParser(
    wholeNumber(1, "a whole number from 1"),
  );
export const policyPack = () =>
  new Option("--policy-pack <folder>", "judge the change by a policy pack; may be given again").argParser(collect);
export const policyPackConfig = () =>
  new Option(
    "--policy-pack-config <file>",
    "JSON file with the levels of a policy pack; given again, the next pack's",
  ).argParser(collect);
export const codes = (...lines: string[]) => `
Exit codes:
${lines.map((line) => `  ${line}`).join("\n")}
`;
export const usual = [
  "0    done",
  "1    it failed half-way; what was done stays done, and running it again goes on",
  "3    nothing was touched: no such stack, wrong settings, a cluster that is not ready",
  "130  interrupted; what was left is said",
];
