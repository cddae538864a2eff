import { rm, writeFile } from "node:fs/promises";

export interface PackageInstallOptions {
  /** Runs a program to its end; rejects when it fails. */
  readonly run: (file: string, args: readonly string[]) => Promise<void>;
  /** The file that Debian consults before it starts the service of a package. */
  readonly policyFile: string;
}

/** apt-get waits for another installation to end. */
const APT_OPTIONS = ["--yes", "-o", "DPkg::Lock::Timeout=120"];

/**
 * Installs Debian's Redis server as a program only: its service neither runs now nor starts at
 * boot.
 */
export async function installRedisPackage({
  run,
  policyFile,
}: PackageInstallOptions): Promise<void> {
  const install = (): Promise<void> =>
    run("apt-get", [...APT_OPTIONS, "install", "--no-install-recommends", "redis-server"]);
  const forbidden = await forbidServices(policyFile);
  try {
    // A fresh system has no package lists, or old ones.
    await install().catch(async () => {
      await run("apt-get", [...APT_OPTIONS, "update"]);
      await install();
    });
  } finally {
    if (forbidden) await rm(policyFile, { force: true });
  }
  // The system's own policy may let services start.
  if (!forbidden) await run("service", ["redis-server", "stop"]);
  await run("update-rc.d", ["redis-server", "disable"]);
}

/** Resolves with false when the system has its own policy. */
async function forbidServices(policyFile: string): Promise<boolean> {
  try {
    await writeFile(policyFile, "#!/bin/sh\nexit 101\n", { flag: "wx", mode: 0o755 });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}
