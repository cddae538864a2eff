import { OwnedJobs } from "../../../api/calls/owned-jobs.ts";
import { startApi } from "../../../api/main.ts";
import { openAcceptedJobs } from "../../../cli/processes/accepted-jobs.ts";
import { openFleetParts } from "../../../cli/processes/parts.ts";
import type { FairOrder } from "../../../shared/queue/fair-order.ts";
import type { ProviderQueues } from "../../../shared/queue/provider-queues.ts";
import { RedisFairOrder } from "../../../shared/queue/redis-fair-order.ts";
import { openRedis } from "../../../shared/redis/open-redis.ts";
import type { ReplyInbox, ReplyReceiver } from "../../../shared/replies/reply-path.ts";
import type { Failpoints } from "./child/failpoints.ts";
import { runChild } from "./child/run-child.ts";
import { apiPoints } from "./points.ts";

// This composes the same parts as `spillway api`.
void runChild(apiPoints, async (options, failpoints) => {
  const parts = await openFleetParts("api", options);
  const { id, database, providerStates, path, metrics, log } = parts;
  const order = openRedis({ url: options.redisUrl, role: "producer", onError: () => undefined });
  const queues = watchedQueues(parts.queues, failpoints);
  const watched = watchedOrder(new RedisFairOrder(order, options.redisPrefix), failpoints);
  const { accepted, events, reply } = openAcceptedJobs({
    pool: database.pool,
    queues,
    order: watched,
    owned: path.sender,
    events: parts.events,
    onError: () => undefined,
  });
  const api = await startApi({
    id,
    inFleet: true,
    config: options.config,
    database,
    directUrl: options.directUrl,
    queues,
    providerStates,
    metrics,
    activity: parts.activity,
    cadences: options.cadences,
    log,
    jobs: new OwnedJobs(),
    order: watched,
    accepted,
    events,
    replies: watchedReplies(path.receiver, failpoints),
    reply,
    stops: path.stops,
    readSince: () => path.readSince(),
    adminKey: "sk-admin-test",
    host: "127.0.0.1",
    port: 0,
  });
  return {
    id,
    url: api.url,
    async stop() {
      await api.stop(0);
      await parts.close();
      order.disconnect();
    },
  };
});

function watchedQueues(queues: ProviderQueues, failpoints: Failpoints): ProviderQueues {
  return {
    ...queues,
    add: (provider, entry, place) =>
      failpoints.around("add entry", entry.job, () => queues.add(provider, entry, place)),
    remove: (provider, job, place) =>
      failpoints.around("remove entry", job, () => queues.remove(provider, job, place)),
  };
}

function watchedOrder(order: FairOrder, failpoints: Failpoints): FairOrder {
  return {
    rank: (provider, serviceClass, tenant) =>
      failpoints.around("rank", provider, async () => order.rank(provider, serviceClass, tenant)),
    left: (provider, priority, started) => {
      order.left(provider, priority, started);
    },
  };
}

function watchedReplies(replies: ReplyReceiver, failpoints: Failpoints): ReplyReceiver {
  return { open: (job) => watchedInbox(replies.open(job), job, failpoints) };
}

function watchedInbox(inbox: ReplyInbox, job: string, failpoints: Failpoints): ReplyInbox {
  return {
    async next() {
      const message = await inbox.next();
      if (message !== null) failpoints.reach(`received ${message.type}`, job);
      return message;
    },
    endAttempts: () => {
      inbox.endAttempts();
    },
    get hasEnd() {
      return inbox.hasEnd;
    },
    get worker() {
      return inbox.worker;
    },
    close: () => {
      inbox.close();
    },
  };
}
