import { z } from "zod";

/**
 * Parses the address of an OpenAI-compatible API into a normal URL without a trailing slash.
 * Messages never repeat the address, since a mistaken one may contain a password.
 */
export const baseUrl = z.string().transform((text, context): string => {
  const refuse = (message: string): never => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  const url = URL.parse(text);
  if (url === null) return refuse("must be a URL such as http://10.0.0.5:8000/v1");
  if (url.protocol !== "http:" && url.protocol !== "https:")
    return refuse("must begin with http:// or https://");
  if (url.username !== "" || url.password !== "")
    return refuse("must hold no user name or password; use api_key");
  if (/[?#]/.test(text)) return refuse("must have no query or fragment");
  return url.href.replace(/\/+$/, "");
});
