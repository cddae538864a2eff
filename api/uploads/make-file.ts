import type { PoolClient } from "pg";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { newFileId } from "../../shared/files/new-file.ts";
import type { UploadRow } from "../../shared/uploads/upload-row.ts";
import { completeUpload } from "../../shared/uploads/upload-statements.ts";
import { checkPending, ownUpload, shownUpload } from "./own-upload.ts";
import { noPart } from "./upload-input.ts";

/** Makes a file of an upload's parts. Resolves with the upload as it is shown. */
export async function makeFile(
  client: PoolClient,
  key: string,
  { id, bytes }: UploadRow,
  partIds: readonly string[],
): Promise<object> {
  const parts = { ids: partIds, newFile: newFileId() };
  const { verdict, figure } = await completeUpload(client, key, id, parts);
  if (verdict === "completed") return await shownUpload(client, key, id);
  if (verdict === "part") {
    const index = Number(figure) - 1;
    throw noPart(index, partIds[index] ?? "");
  }
  if (verdict === "size")
    throw new BrokerError(
      "invalid_request",
      `part_ids: these parts come to ${figure} bytes, and the upload was begun with 'bytes' ${bytes}.`,
      { param: "part_ids" },
    );
  checkPending(await ownUpload(client, key, id));
  // The upload expired by the clock of one statement, but not by that of the next.
  throw new BrokerError("invalid_request", "This upload has expired; begin another one.", {
    param: "upload_id",
  });
}
