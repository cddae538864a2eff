import type { CallEnd } from "./call-end.ts";

/** Removes our key from the text of an upstream, which may quote the request's headers. */
export function hideKey(end: CallEnd, apiKey: string | undefined): CallEnd {
  if (end.kind !== "failed" || !apiKey) return end;
  const hide = (text: string) => text.replaceAll(apiKey, "[key]");
  const detail = hide(end.detail);
  if (end.error === undefined) return { ...end, detail };
  const { message, code, param } = end.error;
  const error = {
    message: hide(message),
    ...(code === undefined ? {} : { code: hide(code) }),
    ...(param === undefined ? {} : { param: hide(param) }),
  };
  return { ...end, detail, error };
}
