import { Option, type Command } from "commander";
import { readClientEnvironment } from "../../config/client-environment.ts";
import type { Lookup } from "../../config/environment.ts";
import { brokerClient, type BrokerClient } from "./broker-client.ts";
import { RequestError } from "./request-error.ts";

export interface ClientFlags {
  readonly url?: string;
  readonly key?: string;
}

/** Adds the options that choose a broker and an API key. */
export function clientOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--url <address>", "the broker (default: $SPILLWAY_URL or http://127.0.0.1:4600)"),
    )
    .addOption(new Option("--key <secret>", "an API key (default: $SPILLWAY_API_KEY)"));
}

/**
 * Makes the client that the options and the environment describe. Throws `RequestError` for values
 * that cannot be right.
 */
export function clientFor(flags: ClientFlags, lookup: Lookup): BrokerClient {
  const environment = readClientEnvironment(lookup);
  const { url = environment.url, key = environment.apiKey } = flags;
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new RequestError(`${url} is not an address like http://127.0.0.1:4600`);
  // `fetch` accepts neither. The message must not contain the password.
  if (new URL(url).username !== "" || new URL(url).password !== "")
    throw new RequestError("the broker's address must hold no user name or password");
  if (key === undefined)
    throw new RequestError(
      "no API key: set SPILLWAY_API_KEY or --key; `spillway key create --name NAME` makes one",
    );
  // A header cannot contain other characters. The message must not contain the key.
  if (!/^[\x21-\x7e]+$/.test(key))
    throw new RequestError("the API key has characters that no key has");
  return brokerClient(url, key);
}
