import type { FastifyReply, FastifyRequest } from "fastify";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import type { AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import { eventsWithOwnId } from "../completions/own-id.ts";
import type { CallDeps } from "../calls/call-deps.ts";
import { disconnection } from "../calls/disconnection.ts";
import type { StreamView } from "../calls/stream-view.ts";
import { unstreamedEvents } from "../responses/unstreamed-events.ts";
import { answerAcceptedStream } from "./answer-accepted-stream.ts";
import { jobObject } from "./job-object.ts";

/** The answer's events follow those of the job itself, numbered from here. */
const FIRST_ANSWER_EVENT = 2;

/**
 * Sends the events of any accepted job as server-sent events with ids: `job.queued` (0), `job.in_progress`
 * (1), the answer's own events as they came, and at the end `job.completed`, `job.failed`,
 * `job.cancelled` or `job.expired`. A reader with `Last-Event-ID` gets what follows that event.
 */
export async function streamJobEvents(
  deps: CallDeps,
  job: AcceptedJob,
  reply: FastifyReply,
): Promise<void> {
  const after = lastEventId(reply.request);
  const own = (id: number, type: string, data: object): string =>
    id > after ? `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n` : "";
  // Every reader sees the same first events, whenever it comes.
  const asWaiting = {
    ...job,
    state: "waiting",
    fence: 0,
    ended_at: null,
    started_at: null,
    provider: null,
    cost_nanos: 0n,
    estimated: false,
  } as const;
  const view: StreamView = {
    isNumbered: true,
    beginning: () => own(0, "job.queued", jobObject(asWaiting)),
    opening: () => own(1, "job.in_progress", jobObject({ ...asWaiting, state: "running" })),
    failure: () => "",
    // It has no id, so a reader that comes again continues after the last event that had one.
    interruption: (error) => `event: error\ndata: ${JSON.stringify(error)}\n\n`,
  };
  const from = Math.max(0, after + 1 - FIRST_ANSWER_EVENT);
  await answerAcceptedStream(deps, reply, {
    job: job.id,
    view,
    from,
    isOpen: true,
    hasIds: true,
    // A reader would take the upstream's own ids for ours.
    format: (text, number) =>
      `id: ${number + FIRST_ANSWER_EVENT}\n${eventsWithOwnId(job, text).replaceAll(/^id:.*\n/gm, "")}`,
    ending: (end) => {
      const state = end.job.state === "done" ? "completed" : end.job.state;
      const count = Math.max(end.next, from, unstreamedEvents(end.job, end.result).length);
      const id = Math.max(count + FIRST_ANSWER_EVENT, after + 1);
      return own(id, `job.${state}`, jobObject(end.job));
    },
    signal: disconnection(reply),
    shutdown: deps.jobs.shutdown,
  });
}

function lastEventId(request: FastifyRequest): number {
  const [header] = [request.headers["last-event-id"]].flat();
  if (header === undefined || header === "") return -1;
  if (!/^\d{1,9}$/.test(header))
    throw new BrokerError("invalid_request", "Last-Event-ID must be the id of an event.", {
      param: "Last-Event-ID",
    });
  return Number(header);
}
