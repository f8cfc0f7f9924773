import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { Environment } from "../automation/environment";
import { defined } from "../base/defined";
import { exitHelp } from "./exit-codes";

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

export function engineOptions({ policyPack, policyPackConfig, ...options }: ChangeOptions) {
  const { parallel, refresh, message, expectNoChanges } = options;
  const [policyPacks, policyPackConfigs] = [policyPack, policyPackConfig].map((all) =>
    all?.map((path) => resolve(path)),
  );
  return defined({ parallel, refresh, message, expectNoChanges, policyPacks, policyPackConfigs });
}

export function wholeNumber(least: number, what: string) {
  return (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least) throw new InvalidArgumentError(what);
    return value;
  };
}

export function common(command: Command): Command {
  return withProject(command.requiredOption("-s, --stack <name>", "stack to work on"));
}

/** The options that every command on a stack has beside the stack itself. */
export function withProject(command: Command): Command {
  return command
    .addOption(
      new Option("-C, --cwd <folder>", "folder of the Pulumi project")
        .env("PULUMI_OPTION_CWD")
        .default(".", "this folder"),
    )
    .option("--json", "print the result as JSON on the standard output; progress goes to the error output")
    .showHelpAfterError();
}

export const collect = (value: string, before: string[] = []) => [...before, value];

/** What preview, up and destroy have in common. */
export function changing(command: Command): Command {
  const parallel = new Option("-p, --parallel <count>", "how many resources to work on at a time");
  return common(command).addOption(parallel.argParser(wholeNumber(1, "a whole number from 1")));
}
export function policyOptions(command: Command): Command {
  const levels = "JSON file with the levels of a policy pack; repeatable, in the packs' order";
  return command
    .option("--policy-pack <folder>", "check the change by a policy pack; repeatable", collect)
    .option("--policy-pack-config <file>", levels, collect);
}

/** The exit codes of what changes a stack. */
export const changeExits = exitHelp({
  done: "done",
  failed: "it failed half-way; what was done stays done, and running it again goes on",
  notRun: "nothing was touched: no such stack, wrong settings, a cluster that is not ready",
  interrupted: "interrupted; the output lists what was left",
});
