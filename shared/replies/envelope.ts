import type { ReplyMessage } from "../contracts/reply.ts";

/** Messages between API and worker processes. */
export type Envelope =
  /** `seq` counts the messages of one attempt to its job's owner, from 0. */
  | {
      readonly kind: "message";
      readonly job: string;
      readonly fence: number;
      readonly seq: number;
      readonly message: ReplyMessage;
    }
  /** A message to an owner that belongs to no attempt. */
  | { readonly kind: "notice"; readonly job: string; readonly message: ReplyMessage }
  /** Asks for an `ack` after messages up to `seq` have been sent. */
  | { readonly kind: "probe"; readonly job: string; readonly fence: number; readonly seq: number }
  /**
   * Tells the worker that messages up to `received` have arrived, and how many bytes of chunks the
   * caller has taken. `missing`: the messages after `received` were lost.
   */
  | {
      readonly kind: "ack";
      readonly job: string;
      readonly fence: number;
      readonly received: number;
      readonly takenBytes: number;
      readonly missing: boolean;
    }
  /** Tells the worker that nobody listens to this attempt any more. */
  | { readonly kind: "gone"; readonly job: string; readonly fence: number }
  /** Asks the worker that runs a job to stop it. */
  | { readonly kind: "stop"; readonly job: string; readonly reason: string };

/** An envelope in two parts: JSON, and the bytes that would only become longer in JSON. */
export interface Packed {
  readonly head: string;
  readonly bytes: Buffer;
}

const NONE = Buffer.alloc(0);
const PAYLOADS = ["text", "tail", "body"] as const;

/**
 * Splits an envelope for sending: the text of a chunk, and the tail or body of a result, are sent
 * beside the JSON.
 */
export function packEnvelope(envelope: Envelope): Packed {
  if (envelope.kind !== "message" && envelope.kind !== "notice")
    return { head: JSON.stringify(envelope), bytes: NONE };
  const { message, ...rest } = envelope;
  if (message.type === "chunk")
    return {
      head: JSON.stringify({ ...rest, payload: "text", message: { type: "chunk" } }),
      bytes: Buffer.from(message.text),
    };
  if (message.type === "result") {
    const { body, tail = "", ...result } = message;
    return {
      head: JSON.stringify({
        ...rest,
        payload: body === undefined ? "tail" : "body",
        message: result,
      }),
      bytes: body ?? Buffer.from(tail),
    };
  }
  if (message.type !== "end") return { head: JSON.stringify(envelope), bytes: NONE };
  const { costNanos, ...end } = message;
  return {
    head: JSON.stringify({
      ...rest,
      message: costNanos === undefined ? end : { ...end, costNanos: costNanos.toString() },
    }),
    bytes: NONE,
  };
}

/**
 * Joins the two parts again. Throws for text that is not JSON. A kind or type from a newer version
 * stays as it is.
 */
export function unpackEnvelope(head: string, bytes: Buffer): Envelope {
  const { payload, ...envelope } = JSON.parse(head) as Envelope & { payload?: unknown };
  if (envelope.kind !== "message" && envelope.kind !== "notice") return envelope;
  const { costNanos } = envelope.message as { costNanos?: unknown };
  const known = PAYLOADS.find((name) => name === payload);
  const message = {
    ...envelope.message,
    ...(typeof costNanos === "string" ? { costNanos: BigInt(costNanos) } : {}),
    ...(known === undefined ? {} : { [known]: known === "body" ? bytes : bytes.toString("utf8") }),
  } as ReplyMessage;
  return { ...envelope, message };
}

/** Returns the bytes of a caller's answer in a message. */
export function payloadBytes(message: ReplyMessage): number {
  if (message.type === "chunk") return Buffer.byteLength(message.text);
  if (message.type !== "result") return 0;
  return message.body?.length ?? Buffer.byteLength(message.tail ?? "");
}
