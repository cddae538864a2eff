import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { z } from "zod";
import { RequestError } from "../client/request-error.ts";

const newBatch = z.strictObject({
  endpoint: z.string(),
  completion_window: z.string(),
  metadata: z.record(z.string(), z.string()),
});

const stateSchema = z.strictObject({
  version: z.literal(1),
  started_at: z.string(),
  idempotency_key: z.string(),
  input_sha256: z.string(),
  terms: newBatch,
  input_file_id: z.string().optional(),
  batch_id: z.string().optional(),
});

/** What a batch is made with, beside its file. */
export type NewBatch = z.output<typeof newBatch>;

/** What one run leaves for the next, so that both are of one batch. */
export type BatchState = z.output<typeof stateSchema>;

/** The file beside an output that keeps the state. */
export class StateFile {
  readonly path: string;

  constructor(output: string) {
    this.path = `${output}.batch`;
  }

  /** Undefined when nothing is under way. */
  async read(): Promise<BatchState | undefined> {
    let text: string;
    try {
      text = await readFile(this.path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    const state = stateSchema.safeParse(parsed(text));
    if (state.success) return state.data;
    throw new RequestError(
      `${this.path} cannot be read as the state of a batch; --restart begins anew`,
    );
  }

  /** Keeps a state for the first time; of two commands at once, both go on with that of the first. */
  async begin(terms: NewBatch, inputSha256: string): Promise<BatchState> {
    const state: BatchState = {
      version: 1,
      started_at: new Date().toISOString(),
      idempotency_key: randomUUID(),
      input_sha256: inputSha256,
      terms,
    };
    const fresh = await this.#write(state);
    try {
      await link(fresh, this.path);
      return state;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const first = code === "EEXIST" ? await this.read() : undefined;
      if (first === undefined) throw error;
      return first;
    } finally {
      await rm(fresh, { force: true });
    }
  }

  async save(state: BatchState): Promise<BatchState> {
    await rename(await this.#write(state), this.path);
    return state;
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }

  async #write(state: BatchState): Promise<string> {
    const fresh = `${this.path}.${randomUUID()}`;
    try {
      await writeFile(fresh, `${JSON.stringify(state, null, 2)}\n`, { flag: "wx" });
    } catch (error) {
      await rm(fresh, { force: true });
      throw error;
    }
    return fresh;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
