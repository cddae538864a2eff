/** Makes a key with a budget, so that every request takes a hold, and returns its header. */
export async function budgetedKey(
  url: string,
  adminKey: string,
): Promise<Readonly<Record<string, string>>> {
  const response = await fetch(`${url}/admin/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "bench", budget: { limit_usd: "1000000", period: "month" } }),
  });
  if (!response.ok) throw new Error(`no key: ${response.status} ${await response.text()}`);
  const { key } = (await response.json()) as { readonly key: string };
  return { authorization: `Bearer ${key}` };
}
