import { inspect } from "node:util";
import type * as pulumi from "@pulumi/pulumi";
import type { OutputMap } from "@pulumi/pulumi/automation";
import type { StackOutputs } from "../stacks/encrypted-ingress";

/** A stack output. Only `value` reveals a secret one. */
export class OutputValue<Value> {
  readonly #value: Value;

  constructor(
    value: Value,
    /** Whether it is a secret: never log it. */
    readonly secret: boolean,
  ) {
    this.#value = value;
  }

  get value(): Value {
    return this.#value;
  }

  toString(): string {
    return this.secret ? "[secret]" : typeof this.#value === "string" ? this.#value : JSON.stringify(this.#value);
  }

  toJSON(): Value | "[secret]" {
    return this.secret ? "[secret]" : this.#value;
  }

  [inspect.custom](): string {
    return inspect(this.toJSON());
  }
}

type Known<Value> = Value extends pulumi.Output<infer Inner> ? Inner : Value;

/** The outputs of a stack. What `pulumi up` did not learn is missing. */
export type Outputs = { readonly [Key in keyof StackOutputs]?: OutputValue<Known<NonNullable<StackOutputs[Key]>>> };

export function outputsOf(outputs: OutputMap): Outputs {
  return Object.fromEntries(
    Object.entries(outputs).map(([key, { value, secret }]) => [key, new OutputValue<unknown>(value, secret)]),
  );
}
