import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { readComposeFile } from "./compose-file.ts";

/** Runs the health check of a service, as its engine would, on a process with another address. */
export async function checkHealth(service: string, url: string): Promise<number | undefined> {
  const { healthcheck } = readComposeFile().service(service);
  const [form, program, ...words] = healthcheck?.test ?? [];
  if (form !== "CMD" || program !== "node") throw new Error(`${service} is not checked by node`);
  const { host } = new URL(url);
  const script = words.map((word) => word.replace("127.0.0.1:4600", host));
  return await promisify(execFile)(process.execPath, script).then(
    () => 0,
    (error: { code?: number }) => error.code,
  );
}
