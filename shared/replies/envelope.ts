import type { ReplyMessage } from "../contracts/reply.ts";

/** What travels between API and worker processes. */
export type Envelope =
  /** Number `seq`, from 0, of the messages of one attempt to its job's owner. */
  | {
      readonly kind: "message";
      readonly job: string;
      readonly fence: number;
      readonly seq: number;
      readonly message: ReplyMessage;
    }
  /** To an owner from no attempt. */
  | { readonly kind: "notice"; readonly job: string; readonly message: ReplyMessage }
  /** Asks for an `ack`: messages up to `seq` have been sent. */
  | { readonly kind: "probe"; readonly job: string; readonly fence: number; readonly seq: number }
  /**
   * Back to the worker: messages up to `received` have come, and the caller has taken so many bytes
   * of chunks. `missing`: what follows them was lost.
   */
  | {
      readonly kind: "ack";
      readonly job: string;
      readonly fence: number;
      readonly received: number;
      readonly takenBytes: number;
      readonly missing: boolean;
    }
  /** Back to the worker: nobody listens to this attempt any more. */
  | { readonly kind: "gone"; readonly job: string; readonly fence: number }
  /** To the worker that runs a job: stop it. */
  | { readonly kind: "stop"; readonly job: string; readonly reason: string };

/** An envelope in two parts: JSON, and the bytes that would only grow in it. */
export interface Packed {
  readonly head: string;
  readonly bytes: Buffer;
}

const NONE = Buffer.alloc(0);
const PAYLOADS = ["text", "tail", "body"] as const;

/** For the wire: the text of a chunk, and the tail or body of a result, beside its JSON. */
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

/** The reverse. Throws for what is not JSON; a kind or type that a newer version sends stays so. */
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

/** Bytes of a caller's answer in a message. */
export function payloadBytes(message: ReplyMessage): number {
  if (message.type === "chunk") return Buffer.byteLength(message.text);
  if (message.type !== "result") return 0;
  return message.body?.length ?? Buffer.byteLength(message.tail ?? "");
}
