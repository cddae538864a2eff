import { runProgram, type SystemUser } from "./run-program.ts";

/**
 * Finds the system user that PostgreSQL runs as when root starts Spillway, and creates it when it
 * is missing. Throws an `Error` that says what to do when that fails.
 */
export async function provideServerUser(
  name: string,
  log: (line: string) => void,
): Promise<SystemUser> {
  const existing = await lookUp(name);
  if (existing !== null) return refuseRoot(existing);
  const failures = await create(name);
  const created = await lookUp(name);
  if (created === null) {
    throw new Error(
      `PostgreSQL refuses to run as root, and the system user "${name}" could not be created. ` +
        `Create it, start Spillway as an ordinary user, or set DATABASE_URL.\n${failures}`,
    );
  }
  log(`created the system user "${name}" to run PostgreSQL, which refuses to run as root`);
  return refuseRoot(created);
}

function refuseRoot(user: SystemUser): SystemUser {
  if (user.uid !== 0) return user;
  throw new Error(`PostgreSQL cannot run as "${user.name}": it refuses to run as root`);
}

async function lookUp(name: string): Promise<SystemUser | null> {
  const [uid, gid] = await Promise.all([
    runProgram("id", ["-u", name]),
    runProgram("id", ["-g", name]),
  ]);
  if (!uid.ok || !gid.ok) return null;
  return { name, uid: Number(uid.output), gid: Number(gid.output) };
}

/** Returns the output of the tools that failed. */
async function create(name: string): Promise<string> {
  const account = ["--system", "--no-create-home", "--home-dir", "/nonexistent"];
  const login = ["--shell", "/usr/sbin/nologin"];
  const useradd = await runProgram("useradd", [...account, ...login, "--user-group", name]);
  if (useradd.ok) return "";
  if (!useradd.missing) {
    // A group of that name may exist already.
    const joined = await runProgram("useradd", [...account, ...login, "--gid", name, name]);
    return joined.ok ? "" : useradd.output;
  }
  const addgroup = await runProgram("addgroup", ["-S", name]);
  const adduser = await runProgram(
    "adduser",
    ["-S", "-D", "-H", "-h", "/nonexistent", "-s", "/sbin/nologin", "-G", name, name], // BusyBox's form of the command.
  );
  return adduser.ok ? "" : `${useradd.output}\n${addgroup.output}\n${adduser.output}`;
}
