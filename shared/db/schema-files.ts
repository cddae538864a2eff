import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";

export interface SqlFile {
  /** The file's name without `.sql`. */
  readonly name: string;
  readonly text: string;
  /** The SHA-256 of the text, in hexadecimal digits. */
  readonly hash: string;
}

export interface SchemaFiles {
  /** Each one runs once, in this order. */
  readonly tables: readonly SqlFile[];
  /** Each one is the whole text of the function that has its name. */
  readonly functions: readonly SqlFile[];
}

/** Reads the tables and functions of this version. */
export async function readSchemaFiles(): Promise<SchemaFiles> {
  const [tables, functions] = await Promise.all([
    readFolder(new URL("./tables/", import.meta.url)),
    readFolder(new URL("./functions/", import.meta.url)),
  ]);
  return { tables, functions };
}

async function readFolder(folder: URL): Promise<SqlFile[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".sql")).toSorted();
  return await Promise.all(
    files.map(async (file) => {
      const text = await readFile(new URL(file, folder), "utf8");
      return {
        name: file.slice(0, -".sql".length),
        text,
        hash: createHash("sha256").update(text).digest("hex"),
      };
    }),
  );
}
