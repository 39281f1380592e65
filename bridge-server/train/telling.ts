/** Reports of a call as events of a generator, the latest of those that nobody has asked for yet, and the call's result. */
export async function* telling<T, E>(act: (tell: (event: E) => void) => Promise<T>): AsyncGenerator<E, T> {
  let latest: E | null = null;
  let wake = (): void => undefined;
  let isOver = false;
  const result = act((event) => {
    latest = event;
    wake();
  }).finally(() => {
    isOver = true;
    wake();
  });
  // Rejections are for who awaits the result below.
  result.catch(() => undefined);
  while (!isOver) {
    await new Promise<void>((resolve) => (latest || isOver ? resolve() : (wake = resolve)));
    if (latest) {
      const event: E = latest;
      latest = null;
      yield event;
    }
  }
  return result;
}
