import { readFile } from "node:fs/promises";
import type { BrokerProcess } from "./broker-process.ts";

/** The key comes from the file that the broker names at its start. */
export async function callAdmin<Answer>(
  broker: BrokerProcess,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const adminKey = (await readFile(broker.adminKeyFile, "utf8")).trim();
  const response = await fetch(`${broker.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}

export function createKey(
  broker: BrokerProcess,
  fields: Readonly<Record<string, unknown>>,
): Promise<{ readonly id: string; readonly key: string }> {
  return callAdmin(broker, "POST", "/admin/keys", fields);
}
