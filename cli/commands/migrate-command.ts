import { Command } from "commander";
import { readEnvironment } from "../../config/environment.ts";
import { migrate } from "../../shared/db/migrate.ts";
import { neededUrl } from "../processes/needed-url.ts";

interface MigrateDeps {
  readonly stdout: { write(text: string): unknown };
}

/** `spillway migrate`: brings the database of `DATABASE_URL` up to this version. */
export function migrateCommand({ stdout }: MigrateDeps): Command {
  return new Command("migrate")
    .description("bring the database of DATABASE_URL up to this version, before api and worker")
    .action(async () => {
      const environment = readEnvironment();
      // The migration's session locks do not survive a pooler.
      const url = environment.databaseDirectUrl ?? neededUrl(environment, "DATABASE_URL");
      const { tables, functions } = await migrate(url);
      const changes = [
        ...(tables.length > 0 ? [`; ran ${tables.join(", ")}`] : []),
        ...(functions.length > 0 ? [`; changed ${functions.length} of its functions`] : []),
      ];
      stdout.write(`The database is up to date${changes.join("")}.\n`);
    });
}
