import { registerHooks } from "node:module";
import { text } from "node:stream/consumers";

// Runs the snippets that come on stdin, one after the other. They are modules without a place of
// their own, and find packages from here.
registerHooks({
  resolve: (specifier, context, next) =>
    next(
      specifier,
      context.parentURL?.startsWith("data:") === true
        ? { ...context, parentURL: import.meta.url }
        : context,
    ),
});
for (const code of JSON.parse(await text(process.stdin)) as string[])
  await import(`data:text/javascript,${encodeURIComponent(code)}`);
