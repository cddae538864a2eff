import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { z } from "zod";
import { parseJson } from "../../shared/json/json-object.ts";
import { RequestError } from "../client/request-error.ts";

const newBatchSchema = z.strictObject({
  endpoint: z.string(),
  completion_window: z.string(),
  metadata: z.record(z.string(), z.string()),
});

const stateSchema = z.strictObject({
  version: z.literal(1),
  started_at: z.string(),
  idempotency_key: z.string(),
  input_sha256: z.string(),
  // State files of earlier versions have it under this name.
  terms: newBatchSchema,
  input_file_id: z.string().optional(),
  batch_id: z.string().optional(),
});

/** The parameters of a new batch, apart from its input file. */
export type NewBatch = z.output<typeof newBatchSchema>;

/**
 * The state that one run of the command stores so that the next run goes on with the same batch.
 */
export type SavedBatch = z.output<typeof stateSchema>;

/** The file next to an output that stores the state. */
export class StateFile {
  readonly path: string;

  constructor(output: string) {
    this.path = `${output}.batch`;
  }

  /**
   * Returns undefined when no batch was begun. Throws `RequestError` when the file cannot be read
   * as a state.
   */
  async read(): Promise<SavedBatch | undefined> {
    let text: string;
    try {
      text = await readFile(this.path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    const state = stateSchema.safeParse(parseJson(text));
    if (state.success) return state.data;
    throw new RequestError(
      `${this.path} cannot be read as the state of a batch; --restart begins anew`,
    );
  }

  /**
   * Stores a state for the first time. When two commands run at once, both go on with the state of
   * the first.
   */
  async begin(newBatch: NewBatch, inputSha256: string): Promise<SavedBatch> {
    const state: SavedBatch = {
      version: 1,
      started_at: new Date().toISOString(),
      idempotency_key: randomUUID(),
      input_sha256: inputSha256,
      terms: newBatch,
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

  async save(state: SavedBatch): Promise<SavedBatch> {
    await rename(await this.#write(state), this.path);
    return state;
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }

  async #write(state: SavedBatch): Promise<string> {
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
