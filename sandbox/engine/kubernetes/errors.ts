// Failures in the form in which the engine understands them.

import * as grpc from "@grpc/grpc-js";
import { ErrorResourceInitFailed } from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { encode, type Properties } from "../wire";

/** A resource exists, but is not as it should be: the engine keeps its state, reports why, and updates it next time. */
export class InitFailedError extends Error {
  constructor(
    message: string,
    readonly partial: {
      readonly id: string;
      readonly state: Properties;
      /** Why, besides the message. */
      readonly reasons: readonly string[];
      /** The inputs that were read; only the answer to a read has some. */
      readonly inputs?: Properties;
    },
  ) {
    super(message);
  }
}

/** The gRPC error that carries such a failure. */
export function initFailedStatus({ message, partial }: InitFailedError): grpc.ServiceError {
  const detail = new ErrorResourceInitFailed();
  detail.setId(partial.id);
  detail.setProperties(encode(partial.state));
  detail.setReasonsList([message, ...partial.reasons]);
  if (partial.inputs !== undefined) detail.setInputs(encode(partial.inputs));
  const status = new Status();
  status.setCode(grpc.status.UNKNOWN);
  status.setMessage(message);
  // Made by the status itself, as messages of two copies of google-protobuf do not mix.
  status.addDetails().pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const metadata = new grpc.Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return Object.assign(new Error(message), { code: grpc.status.UNKNOWN, details: message, metadata });
}

/** The text of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
