import { closeRedis, openRedis } from "../../../shared/redis/open-redis.ts";
import { openRemoteReplies, type RemoteReplies } from "../../../shared/replies/remote-replies.ts";
import { eventually } from "../../support/eventually.ts";

/** It also records the stops, notices and errors that the process receives. */
export interface ReplySide extends RemoteReplies {
  readonly stopped: string[];
  readonly unknown: string[];
  readonly errors: string[];
}

/** Resolves once messages reach its inbox. */
export async function openReplySide(address: string, redisUrl: string): Promise<ReplySide> {
  const stopped: string[] = [];
  const unknown: string[] = [];
  const errors: string[] = [];
  const onError = ({ message }: Error): void => void errors.push(message);
  const redis = openRedis({ url: redisUrl, role: "producer", onError });
  const replies = openRemoteReplies({
    redis,
    redisUrl,
    redisPrefix: "test",
    address,
    onStop: (job, reason) => void stopped.push(`${job} ${reason}`),
    onUnknown: (job, notice) => void unknown.push(`${job} ${notice.type}`),
    onError,
  });
  await eventually(() => {
    replies.stops.request("opened", "", address);
    if (stopped.length === 0) throw new Error("no mail yet");
  });
  return {
    ...replies,
    stopped,
    unknown,
    errors,
    async close(drainMs) {
      await replies.close(drainMs);
      await closeRedis(redis);
    },
  };
}
