import type { Pool } from "pg";
import { discardUpload, touchUpload } from "../../shared/files/new-file.ts";
import { every } from "../../shared/timing/every.ts";

/**
 * Runs `work`, which calls `begun` with the id of the file that it begins to store. Meanwhile the
 * file is marked as alive again and again. Unless it is finished in the end, it is removed.
 */
export async function withUnfinished<Result>(
  pool: Pool,
  touchMs: number,
  work: (begun: (id: string) => string) => Promise<Result>,
): Promise<Result> {
  let id: string | undefined;
  const touching = every(
    touchMs,
    async () => {
      if (id !== undefined) await touchUpload(pool, id);
    },
    () => undefined,
  );
  try {
    return await work((begun) => (id = begun));
  } finally {
    await touching.stop();
    // A file that cannot be removed now is swept later.
    if (id !== undefined) await discardUpload(pool, id).catch(() => undefined);
  }
}
