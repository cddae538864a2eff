import type { Redis } from "ioredis";
import type { Notice } from "../contracts/reply.ts";
import { closeRedis, openRedis } from "../redis/open-redis.ts";
import type { Envelope } from "./envelope.ts";
import { RedisTransport } from "./redis-transport.ts";
import { RemoteReceiver } from "./remote-receiver.ts";
import { RemoteSender } from "./remote-sender.ts";
import type { ReplyReceiver, ReplySender } from "./reply-path.ts";
import type { StopRequests } from "./stop-requests.ts";

export interface RemoteRepliesOptions {
  /** The connection that sends. Its commands must fail rather than wait for a lost server. */
  readonly redis: Redis;
  readonly redisUrl: string;
  /** The prefix of all keys. */
  readonly redisPrefix: string;
  /** This process's name in the fleet. */
  readonly address: string;
  /** Called when another process asks to stop a job that runs here. */
  readonly onStop: (job: string, reason: string) => void;
  /** Called with a notice about a job without an inbox in this process. */
  readonly onUnknown: (job: string, notice: Notice) => void;
  readonly onError: (error: Error) => void;
}

/** Sends and receives a process's replies over Redis. */
export interface RemoteReplies {
  readonly sender: ReplySender;
  readonly receiver: ReplyReceiver;
  readonly stops: StopRequests;
  /** Every message that was in the inbox at this time (`performance.now()`) has been delivered. */
  readSince(): number;
  /** Waits at most `drainMs` for acknowledgements, then closes the inbox. */
  close(drainMs: number): Promise<void>;
}

const now = (): number => performance.now();

/** Opens a process's inbox and its way to other inboxes. The caller closes `redis`. */
export function openRemoteReplies(options: RemoteRepliesOptions): RemoteReplies {
  const { redis, redisUrl: url, redisPrefix: prefix, address, onError } = options;
  const reader = openRedis({ url, role: "consumer", onError });
  const transport: RedisTransport = new RedisTransport({
    redis,
    reader,
    prefix,
    address,
    onEnvelope: (envelope, from) => deliver(envelope, from),
    onError,
  });
  const post = (to: string, envelope: Envelope): Promise<void> => transport.post(to, envelope);
  const sender = new RemoteSender({ post, now });
  const receiver = new RemoteReceiver({ post, now, onUnknown: options.onUnknown });
  const deliver = (envelope: Envelope, from: string): void => {
    switch (envelope.kind) {
      case "message":
      case "probe":
      case "notice":
        receiver.take(envelope, from);
        break;
      case "ack":
      case "gone":
        sender.take(envelope);
        break;
      case "stop":
        options.onStop(envelope.job, envelope.reason);
        break;
      default:
        break; // a kind of a newer version
    }
  };
  transport.start();
  sender.start();
  return {
    sender,
    receiver,
    stops: {
      request(job, reason, worker) {
        if (worker !== null) void post(worker, { kind: "stop", job, reason });
      },
    },
    readSince: () => transport.readSince,
    async close(drainMs) {
      await sender.drain(drainMs);
      sender.stop();
      await transport.close();
      await closeRedis(reader);
    },
  };
}
