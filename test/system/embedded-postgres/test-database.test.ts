import { Client } from "pg";
import { expect, test } from "vitest";
import { createTestDatabase } from "../../support/postgres.ts";

test("databases of tests are apart from each other and gone after drop", async () => {
  const [one, two] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  const client = new Client({ connectionString: one.url });
  // The drop ends this client from the server's side.
  client.on("error", () => undefined);
  await client.connect();
  await client.query("CREATE TABLE only_here (id int)");
  const other = new Client({ connectionString: two.url });
  await other.connect();
  await expect(other.query("SELECT * FROM only_here")).rejects.toThrow("does not exist");
  await other.end();
  await two.drop();
  await one.drop();
  const late = new Client({ connectionString: one.url });
  await expect(late.connect()).rejects.toMatchObject({ code: "3D000" });
});
