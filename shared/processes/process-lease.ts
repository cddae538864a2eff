import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { INSTANCE_LOCK, PROCESS_LOCK } from "./advisory-locks.ts";
import { statement } from "../db/statement.ts";

export interface ProcessLeaseOptions {
  /**
   * The URL must lead directly to the database, not to a pooler: session locks live on the
   * connection.
   */
  readonly directUrl: string;
  /** This process's name in the fleet. */
  readonly id: string;
  readonly kind: "api" | "worker";
  /**
   * The process is one of several. It is refused while an all-in-one process has the database to
   * itself.
   */
  readonly inFleet: boolean;
  /** Called when the session is lost, and with it every lock. A new session is being made. */
  readonly onLost: (error: Error) => void;
  /** Called for the first session and for each new one. */
  readonly onHeld: (session: LeaseSession) => void | Promise<void>;
  readonly probeMs?: number;
}

/** A session whose locks prove that the process `id` lives. */
export interface LeaseSession {
  readonly id: string;
  readonly client: Client;
}

/** The limit is long enough for a busy event loop, which sees its own timer before the answer. */
const PROBE_TIMEOUT_MS = 5_000;
/** A process that starts ends when it gets no session, so it waits as long as for its other checks. */
const START_TIMEOUT_MS = 10_000;
/**
 * The pause between two tries to get a session. It is short, since others soon consider an API
 * process without one dead.
 */
const RETRY_MS = 250;
/** Others may consider a process dead that was silent for longer. */
const FRESH_MS = 3_000;

/**
 * Keeps this process registered: a row in `processes`, an advisory lock that the kernel frees when
 * the process dies, and a heartbeat. The session is probed each second. When it is lost or does not
 * answer, everything that it held is gone, and a new session is made.
 */
export class ProcessLease {
  readonly #options: ProcessLeaseOptions;
  #session: LeaseSession | undefined;
  /** Process id of the session's backend. */
  #backend: number | undefined;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #stopped = false;
  #loop: Promise<void> | undefined;
  /** An abort ends the pause before the next heartbeat. */
  #wake = new AbortController();

  constructor(options: ProcessLeaseOptions) {
    this.#options = options;
  }

  /**
   * Returns true when the database has answered recently. A process that was frozen must not begin
   * work.
   */
  isFresh(): boolean {
    return this.#session !== undefined && performance.now() - this.#answeredAt < FRESH_MS;
  }

  get id(): string {
    return this.#options.id;
  }

  /** The current session, if there is one. */
  get session(): LeaseSession | undefined {
    return this.#session;
  }

  /** Resolves when the first session is ready. Rejects when no session can be made. */
  async start(): Promise<void> {
    await this.#begin(START_TIMEOUT_MS);
    this.#loop = this.#keep();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake.abort();
    await this.#loop;
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) return;
    await session.client
      .query(statement("unregister_process", "delete from processes where id = $1", [session.id]))
      .catch(() => undefined);
    await session.client.end().catch(() => undefined);
  }

  async #begin(connectionTimeoutMillis: number): Promise<void> {
    const client = new Client({
      connectionString: this.#options.directUrl,
      application_name: `spillway-${this.#options.kind}-lease`,
      connectionTimeoutMillis,
      query_timeout: PROBE_TIMEOUT_MS,
      keepAlive: true,
    });
    const broken = (error: Error): void => {
      if (this.#session?.client === client) this.#lose(error);
    };
    client.on("error", broken);
    client.on("end", () => broken(new Error("the lease session ended")));
    await client.connect();
    try {
      const { id } = this;
      if (this.#options.inFleet) await shareInstanceLock(client);
      // The lock comes first: a row without a lock is a dead process.
      const { rows } = await client.query<{ seq: number; backend: number }>(
        statement(
          "next_process_number",
          "select nextval(pg_get_serial_sequence('processes', 'seq'))::integer as seq, pg_backend_pid() as backend",
        ),
      );
      const seq = rows[0]?.seq;
      await client.query(
        statement("lock_process", "select pg_advisory_lock($1, $2)", [PROCESS_LOCK, seq]),
      );
      const { rows: again } = await client.query<{ backend: number }>(
        statement(
          "register_process",
          `insert into processes (id, seq, kind, host, pid)
           values ($1, $2, $3, $4, $5)
           on conflict (id) do update set seq = excluded.seq, beat = processes.beat + 1, beat_at = now()
           returning pg_backend_pid() as backend`,
          [id, seq, this.#options.kind, hostname(), process.pid],
        ),
      );
      this.#backend = rows[0]?.backend;
      this.#checkBackend(again[0]?.backend);
      this.#session = { id, client };
      this.#answeredAt = performance.now();
      await this.#options.onHeld(this.#session);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
  }

  #lose(error: Error): void {
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined || this.#stopped) return;
    // A session that does not answer may still hold its locks: closing it frees them.
    void session.client.end().catch(() => undefined);
    this.#wake.abort();
    this.#options.onLost(error);
  }

  async #keep(): Promise<void> {
    while (!this.#stopped) {
      await this.#pause();
      if (this.#stopped) return;
      try {
        if (this.#session === undefined) await this.#begin(PROBE_TIMEOUT_MS);
        else await this.#beat(this.#session);
      } catch (error) {
        this.#lose(error as Error);
      }
    }
  }

  /**
   * Waits until the next heartbeat. When the session is lost meanwhile, the wait ends and a new one
   * is made at once.
   */
  async #pause(): Promise<void> {
    const isHeld = this.#session !== undefined;
    this.#wake = new AbortController();
    const { signal } = this.#wake;
    const probeMs = this.#options.probeMs ?? 1_000;
    await sleep(isHeld ? probeMs : Math.min(RETRY_MS, probeMs), undefined, { signal }).catch(
      () => undefined,
    );
  }

  async #beat(session: LeaseSession): Promise<void> {
    const { rows } = await session.client.query<{ backend: number }>(
      statement(
        "beat",
        `update processes set beat = beat + 1, beat_at = now() where id = $1
         returning pg_backend_pid() as backend`,
        [session.id],
      ),
    );
    if (rows[0] === undefined) throw new Error("another process declared this one dead");
    this.#checkBackend(rows[0].backend);
    this.#answeredAt = performance.now();
  }

  /**
   * Locks taken on another backend do not protect this session. A pooler may change the backend at
   * any time.
   */
  #checkBackend(backend: number | undefined): void {
    if (backend !== this.#backend)
      throw new Error(
        "the database connection changes its backend, as behind a pooler: set DATABASE_DIRECT_URL",
      );
  }
}

async function shareInstanceLock(client: Client): Promise<void> {
  const { rows } = await client.query<{ taken: boolean }>(
    statement("share_instance_lock", "select pg_try_advisory_lock_shared($1::bigint) as taken", [
      INSTANCE_LOCK,
    ]),
  );
  if (rows[0]?.taken !== true)
    throw new Error("a `spillway serve` runs alone on this database; stop it first");
}
