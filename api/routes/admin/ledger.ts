import type { FastifyInstance } from "fastify";
import type { Pool } from "pg";
import { z } from "zod";
import { listLedger } from "../../../shared/ledger/list-ledger.ts";
import { checkFields } from "../../../shared/requests/check-fields.ts";
import { askDatabase } from "../../../shared/db/ask-database.ts";
import { queryFields } from "../../http/query-fields.ts";

const ledgerQuery = z
  .strictObject({
    job_id: queryFields.id,
    key_id: queryFields.id,
    after: z
      .string()
      .regex(/^\d{1,18}$/, "expected the id of a ledger row")
      .transform(BigInt),
    limit: queryFields.limit,
  })
  .partial({ job_id: true, key_id: true, after: true });

/** `GET /admin/ledger` has one row for each attempt, the newest first. */
export function addAdminLedger(app: FastifyInstance, deps: { readonly pool: Pool }): void {
  app.get("/admin/ledger", async (request) => {
    const query = checkFields(ledgerQuery, request.query);
    const { rows, hasMore } = await askDatabase(() =>
      listLedger(deps.pool, {
        jobId: query.job_id,
        keyId: query.key_id,
        after: query.after,
        limit: query.limit,
      }),
    );
    return {
      object: "list",
      data: rows,
      first_id: rows.at(0)?.id ?? null,
      last_id: rows.at(-1)?.id ?? null,
      has_more: hasMore,
    };
  });
}
