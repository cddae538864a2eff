import { readFileSync, writeFileSync } from "node:fs";
import { configReference } from "../../config/reference.ts";

// `npm run docs`: writes the reference of all configuration keys into its page.
const page = new URL("../../docs/configuration.md", import.meta.url);
const text = readFileSync(page, "utf8");
const written = text.replace(
  /(<!-- npm run docs writes from here -->\n)[\s\S]*(\n<!-- to here -->)/,
  (_all, before: string, after: string) => `${before}\n${configReference()}${after}`,
);
writeFileSync(page, written);
