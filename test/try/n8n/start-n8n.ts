import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../../cli/embedded-postgres/free-port.ts";
import { NPM_ENVIRONMENT } from "../clients/npm-package.ts";
import { Program } from "../run/program.ts";
import { N8nCaller } from "./n8n-caller.ts";

/** A start creates the database, which takes a minute on a busy machine. */
const READY_TIMEOUT_MS = 300_000;

export interface N8n {
  readonly url: string;
  readonly caller: N8nCaller;
  stop(): Promise<void>;
}

/**
 * Starts n8n with SQLite in its own folder, reachable from this machine only, with an owner set up.
 */
export async function startN8n(program: string, runDir: string): Promise<N8n> {
  const dir = join(runDir, "n8n");
  await mkdir(dir, { recursive: true });
  const [port, runnersPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const n8n = new Program({
    file: program,
    args: ["start"],
    cwd: dir,
    env: {
      ...NPM_ENVIRONMENT,
      HOME: dir,
      N8N_USER_FOLDER: dir,
      N8N_LISTEN_ADDRESS: "127.0.0.1",
      N8N_PORT: String(port),
      N8N_RUNNERS_BROKER_PORT: String(runnersPort),
      N8N_WEBHOOK_URL: `${url}/`,
      N8N_EDITOR_BASE_URL: `${url}/`,
      N8N_SECURE_COOKIE: "false",
      N8N_LOG_LEVEL: "debug",
      N8N_BLOCK_ENV_ACCESS_IN_NODE: "true",
      // n8n must not call any other host.
      N8N_DIAGNOSTICS_ENABLED: "false",
      N8N_VERSION_NOTIFICATIONS_ENABLED: "false",
      N8N_TEMPLATES_ENABLED: "false",
      N8N_PERSONALIZATION_ENABLED: "false",
      N8N_DYNAMIC_BANNERS_ENABLED: "false",
      N8N_COMMUNITY_PACKAGES_ENABLED: "false",
      N8N_LICENSE_AUTO_RENEW_ENABLED: "false",
      N8N_LICENSE_SERVER_URL: "http://127.0.0.1:9",
      EXTERNAL_FRONTEND_HOOKS_URLS: "",
    },
    logFile: join(runDir, "n8n.log"),
    readyUrl: `${url}/healthz/readiness`,
    readyTimeoutMs: READY_TIMEOUT_MS,
  });
  try {
    await n8n.start();
    const caller = await N8nCaller.withNewOwner(url);
    return { url, caller, stop: () => n8n.stop() };
  } catch (error) {
    await n8n.stop();
    throw error;
  }
}
