import { openAsBlob } from "node:fs";
import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { System } from "../systems/system.ts";
import { BENCH_MODEL } from "./load.ts";

/** The fields of a batch that the benchmark reads. */
interface BatchView {
  readonly id: string;
  readonly status: string;
  readonly output_file_id: string | null;
  readonly request_counts: { readonly total: number; readonly completed: number };
  readonly errors: unknown;
}

const ENDED = new Set(["failed", "completed", "expired", "cancelled"]);
const POLL_MS = 250;

/** Writes a file of `lines` chat requests, of about `bytes` bytes each. */
export async function writeBatchFile(file: string, lines: number, bytes: number): Promise<void> {
  const handle = await open(file, "w");
  try {
    const filler = "the quick brown fox jumps over the lazy dog ".repeat(Math.ceil(bytes / 44));
    let page = "";
    for (let index = 0; index < lines; index++) {
      const content = `${index} ${filler}`.slice(0, Math.max(16, bytes - 170));
      const messages = [{ role: "user", content }];
      const body = { model: BENCH_MODEL, messages, max_tokens: 16 };
      const request = { custom_id: `r${index}`, method: "POST", url: "/v1/chat/completions", body };
      page += `${JSON.stringify(request)}\n`;
      if (page.length < 1_048_576 && index < lines - 1) continue;
      await handle.write(page);
      page = "";
    }
  } finally {
    await handle.close();
  }
}

/**
 * Uploads a file, makes a batch of it and waits for its end. Throws when a line was not completed.
 */
export async function runBatch(
  { baseUrl, headers }: Pick<System, "baseUrl" | "headers">,
  file: string,
  onBegun: () => void = () => undefined,
): Promise<BatchView> {
  const form = new FormData();
  form.append("file", await openAsBlob(file), "bench.jsonl");
  form.append("purpose", "batch");
  const upload = await ask<{ id: string }>(`${baseUrl}/files`, {
    method: "POST",
    headers,
    body: form,
  });
  let batch = await ask<BatchView>(`${baseUrl}/batches`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({
      input_file_id: upload.id,
      endpoint: "/v1/chat/completions",
      completion_window: "24h",
    }),
  });
  let hasBegun = false;
  while (!ENDED.has(batch.status)) {
    await sleep(POLL_MS);
    batch = await ask<BatchView>(`${baseUrl}/batches/${batch.id}`, { headers });
    if (hasBegun || batch.request_counts.completed === 0) continue;
    hasBegun = true;
    onBegun();
  }
  const { total, completed } = batch.request_counts;
  if (batch.status !== "completed" || completed !== total) throw new Error(JSON.stringify(batch));
  return batch;
}

/** Reads a batch's output to its end and returns its bytes. */
export async function readOutput(
  { baseUrl, headers }: Pick<System, "baseUrl" | "headers">,
  { output_file_id: file }: BatchView,
): Promise<number> {
  const response = await fetch(`${baseUrl}/files/${file}/content`, { headers });
  let bytes = 0;
  for await (const chunk of response.body ?? []) bytes += chunk.length;
  return bytes;
}

async function ask<Answer>(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}
