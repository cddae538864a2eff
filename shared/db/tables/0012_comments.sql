-- Comments of the catalogue, which `schema.sql` shows beside the columns.

comment on table keys is 'Callers. The key itself is never stored, only its SHA-256.';
comment on column keys.hint is 'The key''s last characters, by which a person tells keys apart.';
comment on column keys.webhook_secret is 'It signs what goes to a request''s own `webhook_url`.';

comment on table budgets is 'Limits of what a key may spend. At most one of a key is not removed.';

comment on table budget_periods is
  'One row for each budget and period, made ahead. Holds and settlements name the row that they were taken from, so a job that straddles a reset is charged once, to the period that admitted it.';
comment on column budget_periods.budget_id is
  'Null for the cap of a batch: no budget stands above it, and it is one period without end.';

comment on table providers is
  'Upstream endpoints. Their limits stand here, so that hosts with different files agree.';
comment on column providers.resting_until is
  'The provider answers but takes nothing for the moment. Until then nothing is sent there, and after that one call at a time until one is answered.';
comment on column providers.rest_ms is
  'The length of this rest, which doubles with each trial that fails.';
comment on column providers.tried_by is 'The worker that may make the one trial call.';
comment on column providers.engine is
  'What was found out about the engine, and which parts of the configuration do not suit it. Operators see it; no statement reads it.';

comment on table slot_holders is
  'The last user of each slot. A name that still stands when the lock is free means an unclean end.';
comment on column slot_holders.machine is
  'With `pid`, it lets others on the same machine see whether that process has ended.';

comment on table wide_slot_waits is
  'The worker that waits for more of a provider''s slots than its share, one at a time. Until it has them or is gone, the others share the rest. This is a hint: only the locks of the slots count.';

comment on table processes is 'API and worker processes.';
comment on column processes.seq is
  'The number of the advisory lock that the process holds while it lives.';
comment on column processes.unreachable is
  'Providers that a worker cannot reach. A provider is down when no worker of the fleet reaches it.';

comment on table queue_epoch is
  'The epoch of the queue''s server, as the sweepers have dealt with it.';
comment on column queue_epoch.next is 'The new epoch that is being dealt with.';
comment on column queue_epoch.woken_at is
  'With `woken_id`, it tells how far down the order of their times jobs have been woken.';

comment on table jobs is
  'Inference requests. The columns from `notify` to `deleted_at` matter to accepted jobs, whose results the broker owes whoever is connected.';
comment on column jobs.owner is 'The API process that holds the connection of an interactive job.';
comment on column jobs.place is 'Where the job waits. Every move and re-queue raises it.';
comment on column jobs.fence is 'The number of the last attempt. Every claim raises it.';
comment on column jobs.tries is 'Calls that went out; `not_sent` attempts do not count.';
comment on column jobs.plan is
  'The targets of the route with their prices and worst cases, frozen at accept.';
comment on column jobs.retrying is
  'The job waits or runs as a repeated call of its provider, which counts against the retry budget.';
comment on column jobs.period_ids is
  'The budget periods that each hold `hold_nanos`, in the order of their ids.';
comment on column jobs.overflow_at is
  'When a waiting job may overflow. Null: waiting gives no right to.';
comment on column jobs.wake_at is
  'When the sweeper looks next: at the deadline, or to check that the queue entry still exists.';
comment on column jobs.notify is
  'No caller waits on the connection, so a webhook tells the end of the job.';
comment on column jobs.stored is
  'The job is a stored response: its request is kept for `input_items` and for the next turn.';
comment on column jobs.webhook_url is
  'The address that is told of the end beside the endpoints of the key.';
comment on column jobs.read_fence is
  'The last attempt of which somebody has read a part. No other attempt may follow it.';
comment on column jobs.response_status is
  'How a response that is done ended: `completed` or `incomplete`.';
comment on column jobs.request_hash is
  'The hash of the request, by which the automatic retry of an SDK finds the job again.';
comment on column jobs.waiter is
  'The API process that holds the first connection of the caller, where the caller gave no key under which to come again.';
comment on column jobs.lost_at is 'When that connection was lost.';
comment on column jobs.deleted_at is
  'The job was deleted by its key or by age: what was stored is gone, and nobody sees the job.';
comment on column jobs.output_cap is
  'The most output tokens that the next attempt may ask for, where the target has said that its own cap was too large. Null: the cap of the request.';
comment on column jobs.crashes is
  'How often a worker died while it ran this job. After two deaths the job is a suspect and runs alone.';

comment on table attempts is
  'Open attempts only, committed before the call goes out. Closing one moves it to the ledger: an attempt stands here or there, never in both. The job of an open attempt is `running` at the same fence.';

comment on table ledger is 'Closed attempts, one row each. Rows are never changed.';
comment on column ledger.estimated is
  'Token counts are bounds, because the upstream reported none that could be true.';
comment on column ledger.overrun_nanos is
  'Cost beyond the hold, which the house carries instead of the key.';

comment on table job_requests is 'Requests of accepted jobs.';
comment on column job_requests.facts is 'JSON as text, because jsonb takes no escaped NUL.';
comment on column job_requests.body is
  'It goes at the end of the job unless the job is `stored`.';

comment on table job_results is 'Results of accepted jobs.';
comment on column job_results.body is 'A whole answer.';
comment on column job_results.events is 'All events of a stream.';
comment on column job_results.error is
  'What the caller is told of a job that was not done, as JSON.';

comment on table job_events is
  'The event log of an all-in-one process. The event log of a fleet is in Redis.';

comment on table idempotency_keys is 'Requests that came with an `Idempotency-Key`.';
comment on column idempotency_keys.job_id is
  'The job that the request made. A request that made none has `status` and `response`.';

comment on table webhook_endpoints is 'Addresses that a key registered for its events.';
comment on column webhook_endpoints.old_secret is
  'It signs beside the new secret until `old_secret_until`.';
comment on column webhook_endpoints.disabled_reason is
  '`gone` (the endpoint answered 410), `failing` or `owner`.';
comment on column webhook_endpoints.failing_since is
  'The time since which the endpoint has only failed.';

comment on table webhook_events is 'The outbox: events that somebody listens to.';
comment on column webhook_events.object_id is 'The response, batch or job of the event.';

comment on table webhook_deliveries is 'One event on its way to one address.';
comment on column webhook_deliveries.endpoint_id is
  'Null: the event goes to the `url` that one request named.';
comment on column webhook_deliveries.lane is
  'Deliveries of one lane share a small number of calls in flight. A lane is an endpoint, its tests, or the addresses of requests at one host.';
comment on column webhook_deliveries.once is
  'A test: it has one attempt and no consequence for the endpoint.';
comment on column webhook_deliveries.attempts is
  'The number of the last attempt, which tells a late report of an earlier attempt from one of the last.';
comment on column webhook_deliveries.failures is
  'Failures since the schedule began. Each redelivery begins it again.';
comment on column webhook_deliveries.next_at is
  'When the next attempt is due. For one that is being sent: when its sender is given up.';

comment on table webhook_attempts is
  'Calls of deliveries. While one runs, `status`, `ms` and `error` are null.';

comment on table files is 'Files and parts of uploads.';
comment on column files.purpose is
  'Null while the file is uploaded: the form may name the purpose after the file.';
comment on column files.bytes is 'The size so far, while the file grows.';
comment on column files.state is
  '`writing`: a worker appends to it. `part`: a whole part of an upload that goes on. Only processed files can be seen.';
comment on column files.deleted_at is
  'From then on nobody sees the file. Its bytes go soon after.';
comment on column files.touched_at is 'When its uploader last gave a sign of life.';
comment on column files.mime_type is 'The type that the upload named.';

comment on table file_chunks is 'Bytes of files. No chunk is over 256 KiB.';
comment on column file_chunks.start is
  'Where its first byte is in the file. Chunks follow one another without gaps.';

comment on table uploads is
  'Files that come in parts. Each part is a row of `files` with an id of its own, which nobody sees. Completing the upload gives the chunks of its parts to one file, in their order, uncopied.';
comment on column uploads.bytes is 'What the sizes of the parts must add up to.';
comment on column uploads.expires_after_s is 'Seconds from the creation of the file.';
comment on column uploads.status is 'A pending upload past `expires_at` has expired.';
comment on column uploads.parts is
  'Parts that came in whole, whether or not the completion will name them.';
comment on column uploads.file_id is 'The file that the parts became.';
comment on column uploads.part_ids_hash is
  'The SHA-256 of the ids of the parts that the completion named, one behind the other.';

comment on table batches is
  'Files of requests that run as jobs of the lowest class. No column counts up: counts, usage and cost are sums over the lines, worked out each time.';
comment on column batches.metadata is 'A JSON object as text.';
comment on column batches.overflow is
  'Its lines may go to the overflow targets of their routes.';
comment on column batches.output_expires_s is
  'Seconds from the creation of its output files.';
comment on column batches.cap_period_id is
  'Its own cap: a budget period from which the jobs of its lines hold, beside those of the key.';
comment on column batches.state is
  '`expiring` is shown as `finalizing`: the time is up, and what was done is being written.';
comment on column batches.deadline_at is 'By when its lines must have ended.';
comment on column batches.urgent_at is 'From then on its lines are of a higher class.';
comment on column batches.errors is
  'What is wrong with its file: a JSON array of {code, message, param, line}.';
comment on column batches.total is 'The number of lines, known once the file has been read.';
comment on column batches.models is
  'The models that its lines ask for. The empty string stands for those that do not exist.';
comment on column batches.written_line is
  'The results of all lines up to this one stand in the files.';
comment on column batches.paused is
  'Why none of its lines runs: `insufficient_quota`, `max_cost_usd`, `invalid_api_key` or `no_capacity`.';
comment on column batches.feed_at is 'When a paused batch is tried again.';
comment on column batches.feeder is
  'The worker that feeds it. It only saves work: two feeders would do no harm.';
comment on column batches.sums is
  'The sums over its lines. For a live batch they are a moment old.';
comment on column batches.lines_gone is
  'Its lines are deleted: they stand in the files and in the sums.';

comment on table batch_lines is 'Requests of batches.';
comment on column batch_lines.line is 'The number in the file, from 1.';
comment on column batch_lines.start is 'Where its first byte is in the file.';
comment on column batch_lines.job_id is
  'The job that runs the line, named before it exists: a feeder of the line makes this job or none.';
comment on column batch_lines.state is
  '`pending`: there is no job yet. `open`: the job has not ended. `refused`: the line was no request that could be run.';
comment on column batch_lines.refusal is 'The answer to a refused line: {status, body}.';
comment on column batch_lines.unpaid is
  'A job of the line could not be paid for at its next target, so the next job holds the most that any target may cost.';
comment on column batch_lines.tries is 'Jobs of the line that failed at a provider.';
comment on column batch_lines.failures is
  'Jobs of the line that failed at a provider where others did not.';
comment on column batch_lines.feed_at is 'When the line may have another job.';
comment on column batch_lines.cost_nanos is 'The cost of all its attempts.';
comment on column batch_lines.input_tokens is
  'Tokens are as the answer counts them, known once it is written.';

comment on table conversations is 'Conversations of the Responses API.';
comment on column conversations.metadata is 'JSON as text.';
comment on column conversations.touched_at is
  'When its owner last changed it or wrote to it.';

comment on sequence conversation_turn_numbers is
  'One number for everything that comes at once: the items of a request, or the input and output of a response.';

comment on table conversation_items is 'Items of conversations, in the order of `turn` and `idx`.';
comment on column conversation_items.item is 'JSON as text.';

comment on table conversation_turns is
  'What a job adds to its conversation when it is done, beside its output. The row is written before the job, which may then be refused, lost or cancelled.';
comment on column conversation_turns.items is 'A JSON list of items as text.';
comment on column conversation_turns.turn is
  'The number of the turn, once the job is done.';
comment on column conversation_turns.body is 'The response as its result has it.';
