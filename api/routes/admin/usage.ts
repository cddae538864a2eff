import type { FastifyInstance } from "fastify";
import type { Pool } from "pg";
import { z } from "zod";
import { checkFields } from "../../../shared/requests/check-fields.ts";
import { sumUsage } from "../../../shared/ledger/sum-usage.ts";
import { askDatabase } from "../../../shared/db/ask-database.ts";

/** A UTC day or a moment with its offset. */
const time = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })], {
    error:
      "expected a date or a date-time with its offset, e.g. 2030-01-31 or 2030-01-31T12:00:00Z",
  })
  .transform((text) => new Date(text));

const usageQuery = z
  .strictObject({
    group_by: z.enum(["key", "model", "provider", "day"]).default("key"),
    from: time,
    to: time,
  })
  .partial({ from: true, to: true })
  .refine(({ from, to }) => from === undefined || to === undefined || from < to, {
    error: "must be later than from",
    path: ["to"],
  });

/** `GET /admin/usage` sums the ledger from `from` (inclusive) to `to` (exclusive). */
export function addAdminUsage(app: FastifyInstance, deps: { readonly pool: Pool }): void {
  app.get("/admin/usage", async (request) => {
    const { group_by: groupBy, from, to } = checkFields(usageQuery, request.query);
    const totals = await askDatabase(() => sumUsage(deps.pool, { groupBy, from, to }));
    return {
      object: "list",
      group_by: groupBy,
      data: totals.map(({ name, ...total }) => ({ [groupBy]: name, ...total })),
    };
  });
}
