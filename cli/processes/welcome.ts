import type { Config } from "../../config/config.ts";

export interface WelcomeText {
  readonly url: string;
  readonly config: Config;
  /** The place that the configuration came from. */
  readonly source: string;
  /** The place of the data. */
  readonly store: string;
  /** The file that holds the admin key, or a note that it was given. */
  readonly adminKey: string;
  /** A key for a first request. Only the demo has one. */
  readonly demoKey: string | undefined;
  readonly notices: readonly string[];
}

/** Writes the text for the person who started the broker, of at most a dozen lines. */
export function welcome(details: WelcomeText): string {
  const { config, url } = details;
  const providers = Array.from(
    config.providers.values(),
    ({ name, location, slots }) => `${name} (${location}, ${slots} slots)`,
  );
  const lines = [
    `Spillway runs at ${url} (Ctrl-C stops it)`,
    `  providers      ${shortList(providers)}`,
    `  models         ${shortList([...config.models.keys()])}`,
    `  configuration  ${details.source}`,
    `  data           ${details.store}`,
    `  admin key      ${details.adminKey}`,
    ...details.notices.map((notice) => `  note           ${notice}`),
  ];
  if (details.demoKey === undefined)
    lines.push("Keys for applications: npm run spillway -- key create --name NAME");
  else
    lines.push(
      "Try it:",
      `  curl ${url}/v1/chat/completions -H "Authorization: Bearer ${details.demoKey}" -H "Content-Type: application/json" -d '{"model":"demo-chat","messages":[{"role":"user","content":"Hello"}]}'`,
    );
  return lines.join("\n");
}

function shortList(names: readonly string[]): string {
  const shown = names.slice(0, 6).join(", ");
  return names.length > 6 ? `${shown} and ${names.length - 6} more` : shown;
}
