import { connect } from "node:net";
import OpenAI, { toFile } from "openai";
import { expect, test } from "vitest";
import { forgetFiles } from "../../../shared/files/forget-files.ts";
import { eventually } from "../../support/eventually.ts";
import { createKey } from "./admin.ts";
import { startBroker } from "./broker-process.ts";
import { lookInto, usedDataDir } from "./data-dir.ts";
import { startUpstreams, writeConfig } from "./own-config.ts";

const FIRST = "x".repeat(1_000);
const SECOND = "y".repeat(300_000);

const data = async (text: string) => ({ data: await toFile(Buffer.from(text), "p") });

test.runIf(process.platform === "linux")(
  "an upload goes on after SIGKILL in the middle of a part, of which nothing stays",
  async () => {
    const dataDir = await usedDataDir();
    const env = {
      SPILLWAY_DATA_DIR: dataDir,
      SPILLWAY_CONFIG: await writeConfig(dataDir, await startUpstreams({})),
    };
    const broker = await startBroker(env);
    const { key } = await createKey(broker, { name: "uploads" });
    const clientOf = (url: string) =>
      new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 });
    const before = clientOf(broker.url);
    const upload = await before.uploads.create({
      filename: "a.txt",
      purpose: "user_data",
      mime_type: "text/plain",
      bytes: FIRST.length + SECOND.length,
    });
    const first = await before.uploads.parts.create(upload.id, await data(FIRST));

    const socket = connect(Number(new URL(broker.url).port), "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(
      [
        `POST /v1/uploads/${upload.id}/parts HTTP/1.1`,
        "host: localhost",
        `authorization: Bearer ${key}`,
        "content-type: multipart/form-data; boundary=X",
        "content-length: 900000",
        "",
        `--X\r\ncontent-disposition: form-data; name="data"; filename="p"\r\n\r\n${SECOND}`,
      ].join("\r\n"),
    );
    const { pool } = lookInto(dataDir);
    const halves = "select id from files where state = 'uploading' and bytes > 0";
    await eventually(async () => expect((await pool.query(halves)).rowCount).toBe(1));
    broker.signalGroup("SIGKILL");
    await broker.ended;
    socket.destroy();

    const again = await startBroker(env);
    await pool.query("update files set touched_at = now() - interval '6 min'");
    await eventually(async () => {
      await forgetFiles(pool, 100);
      expect((await pool.query("select from file_chunks")).rowCount).toBe(1);
    });
    const after = clientOf(again.url);
    const second = await after.uploads.parts.create(upload.id, await data(SECOND));
    const { file } = await after.uploads.complete(upload.id, { part_ids: [first.id, second.id] });
    expect(await (await after.files.content(file?.id ?? "")).text()).toBe(FIRST + SECOND);
  },
);
