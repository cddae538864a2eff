import { Command } from "commander";
import { checkFields } from "../../shared/requests/check-fields.ts";
import type { Database } from "../../shared/db/database.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { createKey } from "../../shared/keys/create-key.ts";
import { createKeyInput, updateKeyInput } from "../../shared/keys/key-input.ts";
import type { KeyView } from "../../shared/keys/key-view.ts";
import { listKeys } from "../../shared/keys/list-keys.ts";
import { revokeKey } from "../../shared/keys/revoke-key.ts";
import { updateKey } from "../../shared/keys/update-key.ts";
import { tableText } from "../table.ts";

export interface KeyCommandDeps {
  /** Opens the broker's database for one command. */
  readonly connect: () => Promise<{ readonly database: Database; close(): Promise<void> }>;
  readonly stdout: NodeJS.WritableStream;
}

interface KeyOptions {
  readonly json?: true;
  readonly name?: string;
  readonly model?: string[];
  readonly allModels?: true;
  readonly residency?: string;
  readonly maxServiceTier?: string;
  readonly budgetUsd?: string;
  readonly budgetPeriod?: string;
  /** `--no-budget` makes it false. */
  readonly budget?: boolean;
  /** `--no-expires-at` makes it false. */
  readonly expiresAt?: string | false;
  readonly allowWebhookUrl?: boolean;
}

/** `spillway key create|list|update|revoke`: the same rules and statements as `/admin/keys`. */
export function keyCommand(deps: KeyCommandDeps): Command {
  const command = new Command("key").description("work with API keys");

  const create = command.command("create").description("make a key and print it, once");
  fieldOptions(create.requiredOption("--name <name>", "for people")).action(
    withDatabase(deps, async (database, options: KeyOptions) => {
      const input = checkFields(createKeyInput, toInput(options));
      const { secret, webhookSecret, key } = await createKey(database.pool, input);
      if (options.json) return print(deps, { ...key, key: secret, webhook_secret: webhookSecret });
      printTable(deps, [key]);
      deps.stdout.write(`${secret}\nStore it now: the key is not shown again.\n`);
      printWebhookSecret(deps, webhookSecret);
    }),
  );

  const list = command.command("list").description("list all keys, newest first");
  list.option("--json", "print JSON").action(
    withDatabase(deps, async (database, options: Pick<KeyOptions, "json">) => {
      const keys = await readAll(database);
      if (options.json) print(deps, { object: "list", data: keys });
      else if (keys.length === 0) deps.stdout.write("No keys yet.\n");
      else printTable(deps, keys);
    }),
  );

  const update = command.command("update").description("change a key").argument("<id>");
  fieldOptions(update.option("--name <name>", "for people"))
    .option("--all-models", "lift the restriction to models")
    .option("--no-allow-webhook-url", "take that permission back")
    .option("--no-budget", "remove the budget")
    .option("--no-expires-at", "let the key never expire")
    .action(
      withDatabase(deps, async (database, id: string, options: KeyOptions) => {
        const input = checkFields(updateKeyInput, toInput(options));
        const { key, webhookSecret } =
          (await updateKey(database.pool, id, input)) ?? unknownKey(id);
        if (options.json) return print(deps, { ...key, webhook_secret: webhookSecret });
        printTable(deps, [key]);
        printWebhookSecret(deps, webhookSecret);
      }),
    );

  const revoke = command.command("revoke").description("revoke a key and end its waiting jobs");
  revoke
    .argument("<id>")
    .option("--json", "print JSON")
    .action(
      withDatabase(deps, async (database, id: string, options: Pick<KeyOptions, "json">) => {
        const ended = (await revokeKey(database, id)) ?? unknownKey(id);
        if (options.json) print(deps, { id, object: "key", deleted: true });
        else deps.stdout.write(`Revoked ${id}. Waiting jobs that ended: ${ended}.\n`);
      }),
    );
  return command;
}

function fieldOptions(command: Command): Command {
  return command
    .option("--model <name>", "a model that the key may use; repeatable (default: all)", collect)
    .option("--residency <where>", "local or any")
    .option("--max-service-tier <tier>", "priority, default or flex")
    .option("--allow-webhook-url", "let requests name a webhook_url of their own")
    .option("--budget-usd <amount>", "limit in USD, up to 9 decimals")
    .option("--budget-period <period>", "day, week, month (UTC) or total")
    .option("--expires-at <time>", "ISO 8601 with its offset, e.g. 2030-01-31T12:00:00Z")
    .option("--json", "print JSON");
}

function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** Builds the body that the same request to `/admin/keys` would have. */
function toInput(options: KeyOptions): Record<string, unknown> {
  const { name, residency } = options;
  const budget = { limit_usd: options.budgetUsd, period: options.budgetPeriod };
  const input = {
    name,
    residency,
    max_service_tier: options.maxServiceTier,
    allow_webhook_url: options.allowWebhookUrl,
    models: options.allModels ? null : options.model,
    budget: options.budget === false ? null : withoutUndefined(budget),
    expires_at: options.expiresAt === false ? null : options.expiresAt,
  };
  return withoutUndefined(input) ?? {};
}

function withoutUndefined(fields: Record<string, unknown>): Record<string, unknown> | undefined {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

/** Wraps an action: connects, closes, and ends the command when the user can correct the error. */
function withDatabase<Arguments extends readonly unknown[]>(
  deps: KeyCommandDeps,
  action: (database: Database, ...given: Arguments) => Promise<void>,
): (this: Command, ...given: Arguments) => Promise<void> {
  return async function run(this: Command, ...given: Arguments) {
    const connection = await deps.connect();
    // `error` ends the process, so the connection must be closed first.
    let mistake: unknown;
    try {
      await action(connection.database, ...given);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      mistake = error;
    } finally {
      await connection.close();
    }
    if (mistake instanceof BrokerError) this.error(`error: ${mistake.message}`);
  };
}

async function readAll(database: Database): Promise<KeyView[]> {
  const all: KeyView[] = [];
  for (;;) {
    const { keys, hasMore } = await listKeys(database.pool, { limit: 1000, after: all.at(-1)?.id });
    all.push(...keys);
    if (!hasMore) return all;
  }
}

function unknownKey(id: string): never {
  throw new BrokerError("not_found", `no such key: ${id}`);
}

function print({ stdout }: KeyCommandDeps, value: unknown): void {
  stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

function printWebhookSecret({ stdout }: KeyCommandDeps, secret: string | undefined): void {
  if (secret !== undefined)
    stdout.write(`${secret}\nSigns what goes to a request's own webhook_url; not shown again.\n`);
}

function printTable({ stdout }: KeyCommandDeps, keys: readonly KeyView[]): void {
  const head = ["id", "name", "key", "models", "residency", "tier", "budget", "spent", "expires"];
  const rows = keys.map((key) => [
    key.id,
    key.name,
    `sk-…${key.hint}`,
    key.models?.join(" ") ?? "all",
    key.residency,
    key.max_service_tier,
    key.budget === null ? "none" : `${key.budget.limit_usd} USD/${key.budget.period}`,
    key.budget === null ? "-" : `${key.budget.settled_usd} (+${key.budget.held_usd} held)`,
    key.revoked_at === null ? (key.expires_at ?? "never") : `revoked ${key.revoked_at}`,
  ]);
  stdout.write(tableText(head, rows));
}
