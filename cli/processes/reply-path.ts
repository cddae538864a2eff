import type { Redis } from "ioredis";
import type { Notice } from "../../shared/contracts/reply.ts";
import type { Database } from "../../shared/db/database.ts";
import { LocalReplyHub } from "../../shared/replies/local-replies.ts";
import { openRemoteReplies } from "../../shared/replies/remote-replies.ts";
import type { ReplyReceiver, ReplySender } from "../../shared/replies/reply-path.ts";
import { LocalStopRequests, type StopRequests } from "../../shared/replies/stop-requests.ts";

/** Connects an API and the workers. */
export interface ReplyPath {
  readonly sender: ReplySender;
  readonly receiver: ReplyReceiver;
  /** The requests to stop that an API sends. */
  readonly stops: StopRequests;
  /** The requests to stop that a worker receives. */
  readonly ownStops: LocalStopRequests;
  readSince(): number;
  close(drainMs: number): Promise<void>;
}

/** The reply path of an API and a worker in one process. */
export function localReplyPath(): ReplyPath {
  const hub = new LocalReplyHub();
  const stops = new LocalStopRequests();
  return {
    sender: hub,
    receiver: hub,
    stops,
    ownStops: stops,
    readSince: () => performance.now(),
    close: () => Promise.resolve(),
  };
}

export interface FleetReplyPathOptions {
  readonly redis: Redis;
  readonly redisUrl: string;
  readonly redisPrefix: string;
  /** This process's name in the fleet. */
  readonly id: string;
  readonly database: Pick<Database, "end">;
  readonly onError: (error: unknown) => void;
}

/** The reply path of one process of a fleet. */
export function fleetReplyPath(options: FleetReplyPathOptions): ReplyPath {
  const { redis, redisUrl, redisPrefix, id, database, onError } = options;
  const ownStops = new LocalStopRequests();
  // Only the owner has the body. A job that is queued again ends if its owner does not know it.
  const endUnknown = (job: string, notice: Notice): void => {
    if (notice.type !== "enqueue") return;
    database.end
      .submit({ job, place: notice.place, state: "cancelled", code: "owner_lost" })
      .catch(onError);
  };
  const replies = openRemoteReplies({
    redis,
    redisUrl,
    redisPrefix,
    address: id,
    onStop: (job, reason) => ownStops.request(job, reason),
    onUnknown: endUnknown,
    onError,
  });
  return { ...replies, ownStops };
}
