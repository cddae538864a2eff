/** Statements that change something, by what stands in them. */
const changes: readonly (readonly [RegExp, string])[] = [
  [/from accept_jobs\(/, "accept"],
  [/from claim_jobs\(/, "claim"],
  [/from settle_attempts\(/, "settle"],
  [/from move_jobs\(/, "move"],
  [/from end_jobs\(/, "end"],
  [/from close_lost_attempts\(/, "close lost"],
  [/select end_orphans\(/, "end orphans"],
  [/from sweep_waiting\(/, "due"],
  [/select wake_for_epoch\(/, "wake for epoch"],
  [/select overflow_now\(/, "overflow now"],
  [/from reroute_jobs\(/, "reroute"],
  [/from overflow_jobs\(/, "overflow"],
  [/from report_health\(/, "report health"],
  [/select open_budget_periods\(/, "open periods"],
  [/^insert into providers/, "sync providers"],
  [/^insert into processes/, "register"],
  [/^update processes set beat/, "beat"],
  [/^delete from processes/, "forget"],
  [/pg_try_advisory_lock\(/, "lock slots"],
  [/^insert into slot_holders/, "note slots"],
  [/^update slot_holders set worker = null/, "free slot"],
  [/pg_advisory_unlock\(/, "unlock slot"],
  [/select read_attempt\(/, "read attempt"],
  [/from delete_job\(/, "delete"],
  [/select note_lost\(/, "note lost"],
  [/select attach_lost\(/, "attach lost"],
  [/select expire_accepted\(/, "expire"],
  [/select forget_accepted\(/, "forget accepted"],
  [/^with recursive logs as/, "forget events"],
  [/select forget_old_webhooks\(/, "forget webhooks"],
  [/from claim_webhooks\(/, "claim webhooks"],
  [/select note_webhook_attempt\(/, "note webhook"],
  [/from claim_batches\(/, "claim batches"],
  [/select turn_batch\(/, "turn batch"],
  [/select add_batch_lines\(/, "add lines"],
  [/select begin_batch\(/, "begin batch"],
  [/select end_batch\(/, "fail batch"],
  [/select refuse_line\(/, "refuse line"],
  [/^update batches set sums =/, "sum batch"],
  [/^update batches set paused = \$2/, "pause batch"],
  [/^update batches set paused = null/, "resume batch"],
  [/from promote_lines\(/, "promote lines"],
  [/select write_batch_lines\(/, "write lines"],
  [/select finish_batch\(/, "finish batch"],
  [/^update batches set feeder = null/, "release batches"],
  [/select purge_files\(/, "forget files"],
  [/select forget_batch_lines\(/, "forget lines"],
  [/select forget_conversations\(/, "forget conversations"],
  // They change nothing, but a caller's fate hangs on their answers.
  [/left join keys k on k\.hash/, "find key"],
  [/^select job_id from idempotency_keys/, "find keyed"],
  [/^select id, place, provider, class, key_id from jobs/, "find waiting"],
  [/from jsonb_to_recordset\(\$1\) as a\(id text, worker text\)/, "find ended"],
];

/** Statements whose answers only lead to those above. */
const reads: readonly RegExp[] = [
  /^select p\.id, p\.kind, p\.beat/,
  /^select p\.id from processes/,
  /^select j\.id as job_id, j\.cancel_reason/,
  /^select (id, )?name, slots/,
  /left join wide_slot_waits w/,
  /^select count\(\*\)::integer as count from processes/,
  /^select nextval\(/,
  /^select pg_advisory_lock\(/,
  /^select pg_try_advisory_lock_shared\(/,
  /^select m ->> /,
  /^select j\.id, j\.key_id, j\.endpoint/,
  /^select content_type, body, events/,
  /^select body, compressed from job_requests/,
  /^select id from jobs where lost_at </,
  /^select bytes from files/,
  /^select \(greatest\(start, \$2\)/,
  /from keys k left join budgets b .* where k\.id =/,
  /^select j\.provider, count\(\*\) filter/,
  /^with next as \(/,
  /^select job_id from batch_lines/,
  /^select clock_timestamp\(\)/,
  // Undoes what a death would do again.
  /^select note_held\(/,
  // What serves at a provider: written for operators, and again at each start.
  /^update providers set engine/,
];

/**
 * The step that a statement is; undefined for a read. One that nobody has given a name is its own
 * name, which no point has.
 */
export function nameStatement(sql: string): string | undefined {
  const text = sql.trim().replaceAll(/\s+/g, " ");
  const known = changes.find(([pattern]) => pattern.test(text));
  if (known !== undefined) return known[1];
  return reads.some((pattern) => pattern.test(text)) ? undefined : text;
}
