/** Gives the step of each statement that changes something. */
const changes: Readonly<Record<string, string>> = {
  accept_jobs: "accept",
  claim_jobs: "claim",
  settle_attempts: "settle",
  move_jobs: "move",
  end_jobs: "end",
  close_lost_attempts: "close lost",
  close_dead_attempts: "close lost",
  end_jobs_of_dead_owner: "end jobs of dead owner",
  find_due_jobs: "due",
  wake_for_epoch: "wake for epoch",
  overflow_now: "overflow now",
  reroute_jobs: "reroute",
  overflow_jobs: "overflow",
  report_health: "report health",
  open_budget_periods: "open periods",
  sync_providers: "sync providers",
  register_process: "register",
  beat: "beat",
  forget_process: "forget",
  unregister_process: "unregister",
  lock_slots: "lock slots",
  hold_slots: "hold slots",
  free_slot: "free slot",
  unlock_slot: "unlock slot",
  read_attempt: "read attempt",
  delete_job: "delete",
  record_lost_job: "record lost",
  record_lost_jobs: "record lost",
  attach_lost_job: "attach lost",
  expire_accepted: "expire",
  forget_accepted: "forget accepted",
  forget_events: "forget events",
  forget_old_webhooks: "forget webhooks",
  claim_webhooks: "claim webhooks",
  record_webhook_attempt: "record webhook",
  claim_batches: "claim batches",
  turn_batch: "turn batch",
  add_batch_lines: "add lines",
  begin_batch: "begin batch",
  fail_batch: "fail batch",
  refuse_line: "refuse line",
  sum_batch: "sum batch",
  pause_batch: "pause batch",
  resume_batch: "resume batch",
  promote_lines: "promote lines",
  write_batch_lines: "write lines",
  finish_batch: "finish batch",
  release_batches: "release batches",
  forget_files: "forget files",
  forget_batch_lines: "forget lines",
  forget_conversations: "forget conversations",
  // These change nothing, but their answers decide what a caller gets.
  find_keys: "find key",
  find_keyed_job: "find keyed",
  find_waiting: "find waiting",
  find_ended: "find ended",
};

/** The answers of these statements only lead to the ones above. */
const reads: ReadonlySet<string> = new Set([
  "accept_jobs_rows",
  "end_jobs_rows",
  "move_jobs_rows",
  "settle_attempts_rows",
  "list_fleet",
  "find_stop_requests",
  "read_health",
  "provider_slots",
  "has_work",
  "count_processes",
  "next_process_number",
  "lock_process",
  "share_instance_lock",
  "read_job",
  "read_result",
  "read_request_body",
  "find_abandoned_jobs",
  "file_bytes",
  "read_file_range",
  "find_usable_key",
  "waiting_lines",
  "pending_lines",
  "read_ended_lines",
  "open_lines",
  "read_clock",
  // It undoes what a death would do again, so it needs no point.
  "record_held_jobs",
  // It records what serves at a provider, for operators. Each start writes it again.
  "report_engine",
]);

const transactionWords: ReadonlySet<string> = new Set(["begin", "commit", "rollback"]);

const NAME = /^\/\* (\w+) \*\/ /;

/**
 * Returns a statement's step; undefined for a read. A statement in neither list gets its own name,
 * which no point has. Throws an `Error` for a statement without a name.
 */
export function nameStatement(sql: string): string | undefined {
  if (transactionWords.has(sql)) return undefined;
  const name = NAME.exec(sql)?.[1];
  if (name === undefined) throw new Error(`a statement has no name: ${sql}`);
  return reads.has(name) ? undefined : (changes[name] ?? name);
}
