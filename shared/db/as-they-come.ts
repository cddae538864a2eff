/** For binary queries: values as bytes, as they come. Text would take twice the memory. */
export const asTheyCome = { getTypeParser: () => (value: unknown) => value };
