import { rm, writeFile } from "node:fs/promises";

export interface PackageInstallOptions {
  /** Runs a program to its end; rejects when it fails. */
  readonly run: (file: string, args: readonly string[]) => Promise<void>;
  /** What Debian asks before it starts the service of a package. */
  readonly policyFile: string;
}

/** Another installation may be under way: it is waited for. */
const aptOptions = ["--yes", "-o", "DPkg::Lock::Timeout=120"];

/** Installs Debian's Redis server as a program only: its service neither runs nor starts at boot. */
export async function installRedisPackage({
  run,
  policyFile,
}: PackageInstallOptions): Promise<void> {
  const install = (): Promise<void> =>
    run("apt-get", [...aptOptions, "install", "--no-install-recommends", "redis-server"]);
  const forbidden = await forbidServices(policyFile);
  try {
    // A fresh system has no package lists, or old ones.
    await install().catch(async () => {
      await run("apt-get", [...aptOptions, "update"]);
      await install();
    });
  } finally {
    if (forbidden) await rm(policyFile, { force: true });
  }
  // The system may have a policy of its own, which lets services start.
  if (!forbidden) await run("service", ["redis-server", "stop"]);
  await run("update-rc.d", ["redis-server", "disable"]);
}

/** False: the system has a policy of its own. */
async function forbidServices(policyFile: string): Promise<boolean> {
  try {
    await writeFile(policyFile, "#!/bin/sh\nexit 101\n", { flag: "wx", mode: 0o755 });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}
