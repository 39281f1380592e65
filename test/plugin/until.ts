import type { Connection } from '../../plugin/bridge/connection.ts';

/** Resolves with what `look` finds, now or once the connection has changed; null, undefined and false are nothing yet. */
export function until<T>(connection: Connection, look: () => T | false | null | undefined): Promise<T> {
  return new Promise((resolve) => {
    const check = (): void => {
      const found = look();
      if (found === null || found === undefined || found === false) return;
      stop();
      resolve(found);
    };
    const stop = connection.onChange(check);
    check();
  });
}
