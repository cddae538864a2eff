import { randomUUID } from "node:crypto";
import { Client } from "pg";
import type { ReplyMessage } from "../../../shared/contracts/reply.ts";
import type { AcceptMember } from "../../../shared/jobs/accept.ts";
import { PROCESS_LOCK } from "../../../shared/processes/advisory-locks.ts";
import { openProviderQueues, type ProviderQueues } from "../../../shared/queue/provider-queues.ts";
import { postgresQueueBackend } from "../../../shared/queue/postgres-queue-backend.ts";
import { LocalReplyHub } from "../../../shared/replies/local-replies.ts";
import type { ReplyInbox } from "../../../shared/replies/reply-path.ts";
import { Sweeper } from "../../../workers/sweep/sweeper.ts";
import { acceptMember, providers } from "../db/members.ts";
import { seededDatabase, seedKey, type SeededDatabase } from "../db/seed.ts";

/** Sweepers and movers work on this database with queues; the rig plays the owners of the jobs. */
export interface SweepRig {
  readonly seeded: SeededDatabase;
  readonly queues: ProviderQueues;
  readonly hub: LocalReplyHub;
  /** Processes that sweepers have declared dead. */
  readonly declaredDead: string[];
  /** These stop requests reached the sweeper's own worker. */
  readonly stops: { job: string; reason: string }[];
  sweeper(workerId?: string, running?: () => readonly string[], epoch?: () => string): Sweeper;
  /** Accepts a job of `key_1` that waits at gpu-a; its owner listens. */
  accept(job: string, other?: Partial<AcceptMember>): Promise<void>;
  /** Lets the worker run the job; resolves with the fence. */
  claim(job: string, worker: string, place?: number, provider?: string): Promise<number>;
  /** Returns the messages to the job's owner since the last call. */
  messagesTo(job: string): Promise<ReplyMessage[]>;
  /** The owner gets no more messages. */
  stopListening(job: string): void;
  job(job: string): Promise<JobRow>;
  held(): Promise<bigint>;
  /** Other processes see this one alive until the returned function ends its session. */
  live(id: string, kind?: "api" | "worker"): Promise<() => Promise<void>>;
  /** Adds a process row whose session is gone. */
  dead(id: string, kind?: "api" | "worker"): Promise<void>;
  /** Raises the process's beat by one. */
  beat(id: string): Promise<void>;
  /** Removes the rows that a test may have left. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

interface JobRow {
  readonly state: string;
  readonly place: number;
  readonly provider: string;
  readonly tries: number;
  readonly error_code: string | null;
  readonly cancel_reason: string | null;
}

export async function startSweepRig(slots?: number): Promise<SweepRig> {
  const seeded = await seededDatabase(slots);
  const { database } = seeded;
  const { pool } = database;
  await seedKey(pool, "key_1", 1_000_000_000n);
  const backend = postgresQueueBackend({
    connectionString: seeded.test.url,
    maxConnections: 4,
    onError: () => undefined,
  });
  await backend.prepare();
  await pool.query("update queue_epoch set epoch = 'one'");
  const queues = openProviderQueues(backend, providers);
  const hub = new LocalReplyHub();
  const inboxes = new Map<string, ReplyInbox>();
  const declaredDead: string[] = [];
  const stops: { job: string; reason: string }[] = [];
  const sessions = new Set<Client>();

  const insertProcess = async (id: string, kind: string, seq: number): Promise<void> => {
    await pool.query(
      `insert into processes (id, seq, kind, host, pid, beat_at)
       values ($1, $2, $3, 'test', 1, now() - interval '1 min')`,
      [id, seq, kind],
    );
  };
  let seq = 1_000;

  return {
    seeded,
    queues,
    hub,
    declaredDead,
    stops,
    sweeper: (workerId = "worker_sweeping", running = () => [], epoch = () => "one") =>
      new Sweeper({
        database,
        queues,
        epoch: async () => epoch(),
        reply: hub,
        self: workerId,
        workerId: () => workerId,
        running,
        stop: (job, reason) => void stops.push({ job, reason }),
        onLost: ({ id }) => void declaredDead.push(id),
      }),
    async accept(job, other) {
      inboxes.set(job, hub.open(job));
      const row = await database.accept.submit(
        acceptMember(job, "key_1", [100n, 100n, 100n], other),
      );
      if (row.verdict !== "accepted") throw new Error(`${job}: ${row.verdict}`);
    },
    async claim(job, worker, place = 0, provider = "gpu-a") {
      const row = await database.claim.submit({
        job,
        place,
        provider,
        nonce: randomUUID(),
        worker,
      });
      if (row.verdict !== "claimed") throw new Error(`${job}: ${row.verdict}`);
      return row.fence;
    },
    async messagesTo(job) {
      const messages: ReplyMessage[] = [];
      const marker = `mark ${randomUUID()}`;
      await hub.attempt("", job, Number.MAX_SAFE_INTEGER).send({ type: "chunk", text: marker });
      for (;;) {
        const message = await inboxes.get(job)?.next();
        if (message === undefined || message === null) return messages;
        if (message.type === "chunk" && message.text === marker) return messages;
        messages.push(message);
      }
    },
    async beat(id) {
      await pool.query("update processes set beat = beat + 1 where id = $1", [id]);
    },
    stopListening: (job) => inboxes.get(job)?.close(),
    async job(job) {
      const { rows } = await pool.query<JobRow>(
        "select state, place, provider, tries, error_code, cancel_reason from jobs where id = $1",
        [job],
      );
      const [row] = rows;
      if (row === undefined) throw new Error(`no job ${job}`);
      return row;
    },
    async held() {
      const { rows } = await pool.query<{ held: bigint }>(
        "select sum(held_nanos)::bigint as held from budget_periods",
      );
      return rows[0]?.held ?? 0n;
    },
    async live(id, kind = "worker") {
      const client = new Client({ connectionString: seeded.test.url });
      await client.connect();
      sessions.add(client);
      await client.query("select pg_advisory_lock($1, $2)", [PROCESS_LOCK, ++seq]);
      await insertProcess(id, kind, seq);
      return async () => {
        sessions.delete(client);
        await client.end();
      };
    },
    dead: (id, kind = "worker") => insertProcess(id, kind, ++seq),
    async clear() {
      for (const inbox of inboxes.values()) inbox.close();
      inboxes.clear();
      for (const session of sessions) await session.end();
      sessions.clear();
      declaredDead.length = 0;
      stops.length = 0;
      await pool.query("truncate jobs, attempts, processes");
      await pool.query("update budget_periods set held_nanos = 0");
    },
    async close() {
      await queues.close();
      await backend.close();
      await seeded.close();
    },
  };
}
