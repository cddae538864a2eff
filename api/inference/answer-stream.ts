import type { FastifyReply } from "fastify";
import type { AttemptFacts } from "../../shared/contracts/reply.ts";
import { EventStream } from "../http/event-stream.ts";
import { answerHeaders } from "./answer-headers.ts";
import type { JobRun } from "./job-run.ts";
import { noteEnd } from "./note-end.ts";
import type { RunEnd } from "./run-end.ts";

/**
 * Answers with a job's events as they come. A failure before the headers have left is thrown as
 * `BrokerError`; after that it is an event of its own, and the stream ends without `[DONE]`.
 */
export async function answerStream(
  run: JobRun,
  reply: FastifyReply,
  options: { readonly heartbeatMs: number },
): Promise<void> {
  let facts: AttemptFacts | undefined;
  const stream = new EventStream({
    reply,
    heartbeatMs: options.heartbeatMs,
    headers: () => ({ "x-request-id": reply.request.id, ...answerHeaders(run.id, facts) }),
  });
  run.overdue.addEventListener("abort", () => stream.abandon());
  try {
    for await (const event of run.events()) {
      if (event.type === "head") {
        facts = event.facts;
        stream.open();
      } else if (event.type === "chunk") {
        await stream.write(event.text);
      } else {
        noteEnd(reply.request.facts, event.end);
        facts = event.end.facts ?? facts;
        finish(run, reply, stream, event.end);
      }
    }
  } finally {
    stream.stop();
  }
}

function finish(run: JobRun, reply: FastifyReply, stream: EventStream, end: RunEnd): void {
  if (end.error === undefined) {
    stream.end(end.result?.tail);
  } else if (stream.opened) {
    reply.request.facts.errorCode = end.error.code;
    stream.end(`data: ${JSON.stringify(end.error)}\n\n`);
  } else {
    reply.headers(answerHeaders(run.id, end.facts, end.costNanos));
    throw end.error;
  }
}
