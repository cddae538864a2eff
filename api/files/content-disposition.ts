/**
 * Makes a `Content-Disposition` that offers a file under its name (RFC 6266). Readers of RFC 8187 get
 * the name itself, all others its ASCII characters.
 */
export function contentDisposition(filename: string): string {
  const ascii = filename.replaceAll(/[^\u0020-\u007e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(filename.toWellFormed()).replaceAll(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
