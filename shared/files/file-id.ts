import { newId } from "../contracts/new-id.ts";

/** A new file id: `file-` and 32 hexadecimal digits, which sort by time. */
export function newFileId(): string {
  return newId("file").replace("_", "-");
}
