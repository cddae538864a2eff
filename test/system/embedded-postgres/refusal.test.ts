import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startEmbeddedPostgres } from "../../../cli/embedded-postgres/embedded-postgres.ts";
import { firstRow, options, scratchDir, usedDir } from "./scratch.ts";

test("data of another major version is refused with the way out, and left as it was", async () => {
  const dataDir = await usedDir();
  const first = await startEmbeddedPostgres(options(dataDir));
  await firstRow(first.connectionString, "CREATE TABLE kept AS SELECT 7 AS number");
  await first.stop();
  const versionFile = join(first.filesDir, "data", "PG_VERSION");
  const version = await readFile(versionFile, "utf8");
  await writeFile(versionFile, "12\n");

  const refused = startEmbeddedPostgres(options(dataDir));
  await expect(refused).rejects.toThrow(/written by PostgreSQL 12/);
  await expect(refused).rejects.toThrow(join(first.filesDir, "data"));
  await expect(refused).rejects.toThrow(/pg_dump[^]*move [^]* away[^]*DATABASE_URL/);

  await writeFile(versionFile, version);
  const again = await startEmbeddedPostgres(options(dataDir));
  expect(await firstRow(again.connectionString, "SELECT number FROM kept")).toEqual({ number: 7 });
  await again.stop();
});

test("a start that fails shows the last lines of the server's log", async () => {
  const dataDir = await usedDir();
  const settings = { ...options(dataDir).settings, shared_buffers: "plenty" };
  await expect(startEmbeddedPostgres({ ...options(dataDir), settings })).rejects.toThrow(
    /postgres\.log:[^]*FATAL: .*shared_buffers.*plenty/,
  );
});

test("files of somebody else in the place of the cluster are not touched", async () => {
  const dataDir = await scratchDir();
  await mkdir(join(dataDir, "postgres"));
  await writeFile(join(dataDir, "postgres", "diary"), "dear diary");
  await expect(startEmbeddedPostgres(options(dataDir))).rejects.toThrow(/in the way/);
  expect(await readFile(join(dataDir, "postgres", "diary"), "utf8")).toBe("dear diary");
});

test("a setting that a shell would read is refused", async () => {
  const settings = { work_mem: '4MB"; touch /tmp/owned; "' };
  await expect(startEmbeddedPostgres({ ...options(await usedDir()), settings })).rejects.toThrow(
    /work_mem/,
  );
});
