/** Collects the values given in one tick and passes them on together, each once. */
export function oncePerTick<Value>(
  handOver: (values: readonly Value[]) => void,
): (value: Value) => void {
  const gathered = new Set<Value>();
  return (value) => {
    if (gathered.size === 0)
      setImmediate(() => {
        const values = [...gathered];
        gathered.clear();
        handOver(values);
      });
    gathered.add(value);
  };
}
