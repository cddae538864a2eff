import { Client } from "pg";

/** A transaction of another session that holds the lock until released. */
export interface HeldLock extends AsyncDisposable {
  /** The number of sessions that wait for it now. */
  waiting(): Promise<number>;
  release(): Promise<void>;
}

/** Runs the given locking statement in a session of its own and keeps its transaction open. */
export async function holdLock(
  url: string,
  statement: string,
  values: readonly unknown[] = [],
): Promise<HeldLock> {
  const client = new Client({ connectionString: url });
  const watcher = new Client({ connectionString: url });
  await Promise.all([client.connect(), watcher.connect()]);
  await client.query("begin");
  await client.query(statement, [...values]);
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  let isOpen = true;
  const release = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await client.query("commit");
    await Promise.all([client.end(), watcher.end()]);
  };
  return {
    async waiting() {
      const { rowCount } = await watcher.query(
        "select from pg_stat_activity where $1 = any (pg_blocking_pids(pid))",
        [rows[0]?.pid],
      );
      return rowCount ?? 0;
    },
    release,
    [Symbol.asyncDispose]: release,
  };
}
