/** Tells whether a process with this number exists, whoever owns it. */
export function processLives(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // A process of another user exists too.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
