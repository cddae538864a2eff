import type { FastifyReply } from "fastify";
import type { EndState } from "../../shared/contracts/reply.ts";
import type { AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { EventStream } from "../http/event-stream.ts";
import { lastAttempt, toHttpHeaders } from "../calls/answer-headers.ts";
import type { CallDeps } from "../calls/call-deps.ts";
import type { StreamView } from "../calls/stream-view.ts";
import { unstreamedEvents } from "../responses/unstreamed-events.ts";
import { followJob, type FollowedEnd } from "./follow-job.ts";
import { jobError } from "../../shared/jobs/job-error.ts";
import { logJob } from "./log-job.ts";

export interface AcceptedStreamOptions {
  readonly job: string;
  readonly view: StreamView;
  /** The number of the first event to show. */
  readonly from: number;
  /** The stream opens at once. Otherwise a failure before the first event is thrown. */
  readonly isOpen: boolean;
  /** Makes the last event after any end; it replaces that of the view. */
  readonly ending?: (end: FollowedEnd) => string;
  /** The events have ids. */
  readonly hasIds?: boolean;
  /** Makes the text of one event. The number is the job's own. */
  readonly format?: (text: string, number: number) => string;
  readonly signal: AbortSignal;
  /** Aborted when the process ends. The reader gets an error that asks it to come again. */
  readonly shutdown: AbortSignal;
}

/** Answers with the events of an accepted job, from a reader's cursor on, until its end. */
export async function answerAcceptedStream(
  deps: CallDeps,
  reply: FastifyReply,
  options: AcceptedStreamOptions,
): Promise<void> {
  const { job: id, view, from, isOpen, format = (text) => text } = options;
  let latest: AcceptedJob | undefined;
  const stream = new EventStream({
    reply,
    heartbeatMs: deps.timings.heartbeatMs,
    hasIds: options.hasIds === true,
    headers: () => toHttpHeaders(id, latest && lastAttempt(latest)),
  });
  let beginning = view.beginning();
  let isLed = false;
  /** Returns, once, the events before the answer's first event. */
  const lead = (): string => {
    const text = beginning + (isLed ? "" : view.opening());
    beginning = "";
    isLed = true;
    return text;
  };
  if (isOpen) {
    await stream.write(beginning || ": open\n\n");
    beginning = "";
  }
  let next = from;
  const signal = AbortSignal.any([options.signal, options.shutdown]);
  try {
    for await (const event of followJob(deps, { job: id, from, signal })) {
      if (event.type === "started") {
        latest = event.job;
        const text = isOpen ? lead() : "";
        if (text !== "") await stream.write(text);
      } else if (event.type === "event") {
        await stream.write(lead() + format(event.text, event.number));
        next = event.number + 1;
      } else if (event.type === "end") {
        latest = event.job;
        logJob(reply.request.logFields, event.job);
        finish(event);
      } else interrupt(new BrokerError("not_found", "The job was deleted."));
    }
    if (options.shutdown.aborted)
      interrupt(new BrokerError("unavailable", "The broker is shutting down; the job goes on."));
  } catch (error) {
    if (!stream.opened) throw error;
    reply.request.log.error({ err: error, job: id }, "a stream broke off");
    interrupt(new BrokerError("internal_error", "The server had an error."));
  } finally {
    stream.stop();
  }

  function interrupt(error: BrokerError): void {
    if (!stream.opened) throw error;
    reply.request.logFields.errorCode = error.code;
    stream.end(view.interruption(error, next));
  }

  function finish(end: FollowedEnd): void {
    const { job, result } = end;
    const error = jobError(job);
    if (error === undefined) {
      const rest = unstreamedEvents(job, result).slice(from);
      const texts = rest.map((text, index) => format(text, from + index));
      stream.end(lead() + texts.join("") + (options.ending?.(end) ?? ""));
    } else if (stream.opened) {
      reply.request.logFields.errorCode = error.code;
      const last = options.ending?.(end) ?? view.failure(error, job.state as EndState, end.next);
      stream.end(lead() + last);
    } else {
      reply.headers(toHttpHeaders(id, lastAttempt(job), job.cost_nanos));
      throw error;
    }
  }
}
