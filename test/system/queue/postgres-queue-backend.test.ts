import { onTestFinished, test, expect } from "vitest";
import { openDatabase } from "../../../shared/db/database.ts";
import { postgresQueueBackend } from "../../../shared/queue/postgres-queue-backend.ts";
import { eventually } from "../../support/eventually.ts";
import { createTestDatabase } from "../../support/postgres.ts";

async function openWaitingWorker() {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const errors: Error[] = [];
  const backend = postgresQueueBackend({
    connectionString: url,
    maxConnections: 4,
    onError: (error) => void errors.push(error),
  });
  await backend.prepare();
  const worker = backend.openWorker("gpu", () => Promise.resolve("taken"), 1);
  const database = openDatabase({
    connectionString: url,
    maxConnections: 1,
    applicationName: "test-look",
    onIdleError: () => undefined,
  });
  onTestFinished(() => database.close());
  // BullMQ gives the session that receives the announcements a name of its own.
  const listeners = `from pg_stat_activity where datname = current_database()
    and application_name not in ('spillway-queue', 'test-look')`;
  await eventually(async () => {
    const { rows } = await database.pool.query(`select pid ${listeners}`);
    expect(rows).toHaveLength(1);
  });
  const terminate = async (): Promise<void> => {
    await database.pool.query(`select pg_terminate_backend(pid, 5000) ${listeners}`);
  };
  return { backend, worker, errors, terminate };
}

test("a worker's lost session is reported", async () => {
  const { backend, worker, errors, terminate } = await openWaitingWorker();
  await terminate();
  await eventually(() => expect(errors).not.toEqual([]));
  await worker.close();
  await backend.close();
});

test("a session that the stopping server ends after the queue was closed is not reported", async () => {
  const { backend, worker, errors, terminate } = await openWaitingWorker();
  const closed = backend.close();
  await terminate();
  await worker.close();
  await closed;
  expect(errors).toEqual([]);
});

test("a worker that still runs after its queue was closed holds up nothing else", async () => {
  const { backend, worker, terminate } = await openWaitingWorker();
  const closed = backend.close();
  await terminate();
  // It asks the ended pool meanwhile. Timers come only when the process is not busy with that.
  await new Promise((resolve) => setTimeout(resolve, 100));
  await worker.close();
  await closed;
});
