import { connect, type Socket } from "node:net";
import fastify from "fastify";
import OpenAI from "openai";
import { expect } from "vitest";
import { createKeyAuth } from "../../../api/auth/key-auth.ts";
import { authenticateCaller } from "../../../api/http/authenticate-caller.ts";
import { answerClientError } from "../../../api/http/client-error.ts";
import { addErrorHandling } from "../../../api/http/error-handling.ts";
import { limitReceiving, type ReceiveLimits } from "../../../api/http/receive-timeout.ts";
import { addLogFields, newRequestId } from "../../../api/http/log-fields.ts";
import { takeForms } from "../../../api/http/form-body.ts";
import { takeRawJson } from "../../../api/http/json-body.ts";
import { addFiles } from "../../../api/routes/files.ts";
import { addUploads } from "../../../api/routes/uploads/index.ts";
import { addUploadParts } from "../../../api/routes/uploads/parts.ts";
import { MAX_CHUNK_BYTES } from "../../../shared/files/read-file-range.ts";
import { eventually } from "../../support/eventually.ts";
import { makeKey, openBrokerDatabase } from "../keys/broker-database.ts";

export interface FileRigOptions extends ReceiveLimits {
  readonly maxFileBytes?: number;
}

export interface ErrorAnswer {
  readonly status: number;
  readonly error: {
    readonly message: string;
    readonly code: string;
    readonly param: string | null;
  };
}

/** Serves the routes of files on a real port, over a database of their own. */
export async function startFiles({ maxFileBytes, ...limits }: FileRigOptions = {}) {
  const broker = await openBrokerDatabase();
  const { pool } = broker.database;
  const shutdown = new AbortController();
  const app = fastify({
    genReqId: newRequestId,
    clientErrorHandler: answerClientError,
    requestTimeout: 0,
    forceCloseConnections: true,
  });
  addLogFields(app);
  limitReceiving(app, limits);
  addErrorHandling(app);
  app.post("/plain", (request) => ({ got: request.body }));
  await app.register((scope, _options, done) => {
    authenticateCaller(scope, createKeyAuth({ pool }));
    takeRawJson(scope);
    addUploads(scope, {
      pool,
      shutdown: shutdown.signal,
      ...(maxFileBytes === undefined ? {} : { maxFileBytes }),
    });
    done();
  });
  await app.register((scope, _options, done) => {
    authenticateCaller(scope, createKeyAuth({ pool }));
    takeForms(scope);
    const files = {
      pool,
      shutdown: shutdown.signal,
      touchMs: 20,
      ...(maxFileBytes === undefined ? {} : { maxFileBytes }),
    };
    addFiles(scope, files);
    addUploadParts(scope, files);
    done();
  });
  const address = await app.listen({ host: "127.0.0.1", port: 0 });

  const newCaller = async () => {
    const { secret, key } = await makeKey(broker.database);
    const client = new OpenAI({ apiKey: secret, baseURL: `${address}/v1`, maxRetries: 0 });
    return { client, secret, keyId: key.id };
  };
  const caller = await newCaller();
  const headers = (more: Record<string, string> = {}) => ({
    authorization: `Bearer ${caller.secret}`,
    ...more,
  });

  return {
    ...caller,
    address,
    newCaller,
    pool,
    shutdown,
    get(path: string, more: Record<string, string> = {}, method = "GET"): Promise<Response> {
      return fetch(`${address}/v1${path}`, { method, headers: headers(more) });
    },
    /** Uploads a form and expects an error. */
    async uploadError(
      body: FormData | string,
      more: Record<string, string> = {},
    ): Promise<ErrorAnswer> {
      const response = await fetch(`${address}/v1/files`, {
        method: "POST",
        headers: headers(more),
        body,
      });
      const { error } = (await response.json()) as ErrorAnswer;
      return { status: response.status, error };
    },
    async upload(text: string, filename = "in.jsonl"): Promise<OpenAI.FileObject> {
      return caller.client.files.create({ file: new File([text], filename), purpose: "batch" });
    },
    /** Counts the rows of files and of their chunks. */
    async rows(): Promise<{ files: number; chunks: number }> {
      const { rows } = await pool.query<{ files: number; chunks: number }>(
        `select (select count(*) from files)::integer as files,
           (select count(*) from file_chunks)::integer as chunks`,
      );
      return rows[0] ?? { files: -1, chunks: -1 };
    },
    /** The test writes the request by hand; `closed` has all bytes of the answer until the end. */
    async raw(path: string, more: Record<string, string> = {}) {
      const socket = await dial(Number(new URL(address).port));
      const heard: Buffer[] = [];
      socket.on("data", (bytes: Buffer) => heard.push(bytes));
      const closed = new Promise<string>((resolve) => {
        socket.on("error", () => undefined);
        socket.on("close", () => resolve(Buffer.concat(heard).toString("latin1")));
      });
      const lines = Object.entries({ host: "localhost", ...headers(more) });
      socket.write(
        [`POST ${path} HTTP/1.1`, ...lines.map((line) => line.join(": ")), "", ""].join("\r\n"),
      );
      return { socket, closed };
    },
    async [Symbol.asyncDispose]() {
      shutdown.abort();
      await app.close();
      await broker[Symbol.asyncDispose]();
    },
  };
}

export type FileRig = Awaited<ReturnType<typeof startFiles>>;

function dial(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.once("error", reject);
  });
}

/** Waits until the database has no rows of any file. */
export async function nothingStays(rig: FileRig): Promise<void> {
  await eventually(async () => expect(await rig.rows()).toEqual({ files: 0, chunks: 0 }));
}

/** Gives a file the size of this many full chunks. */
export async function growFile({ pool }: FileRig, id: string, chunks: number): Promise<void> {
  await pool.query("update files set bytes = $2 where id = $1", [id, chunks * MAX_CHUNK_BYTES]);
  await pool.query(
    `insert into file_chunks select $1, n * $2, convert_to(repeat('x', $2), 'utf8')
     from generate_series(0, $3 - 1) as n
     on conflict (file_id, start) do update set bytes = excluded.bytes`,
    [id, MAX_CHUNK_BYTES, chunks],
  );
}

/** The boundary is `X`. */
export function formText(...parts: readonly string[]): string {
  return `${parts.map((part) => `--X\r\nContent-Disposition: form-data; ${part}\r\n`).join("")}--X--\r\n`;
}

export const purposePart = `name="purpose"\r\n\r\nbatch`;
export const filePart = `name="file"; filename="in.jsonl"\r\n\r\n{}`;
export const handForm = { "content-type": "multipart/form-data; boundary=X" };
