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
      // Its locks do not survive a pooler.
      const url = environment.databaseDirectUrl ?? neededUrl(environment, "DATABASE_URL");
      const ran = await migrate(url);
      stdout.write(
        ran.length === 0
          ? "The database is up to date.\n"
          : `The database is up to date; ran ${ran.join(", ")}.\n`,
      );
    });
}
