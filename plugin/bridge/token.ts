import type { storage } from 'uxp';

/** Where the token of the bridge is kept between sessions of the editor. Losing it costs one pairing. */
export type TokenStore = {
  read(): Promise<string | null>;
  keep(token: string): Promise<void>;
};

const KEY = 'pentimento.token';

/** The editors' own store. It may lose what it holds at any time, and be unusable; then the token lives as long as the panel. */
export function secureTokenStore(secure: (typeof storage)['secureStorage']): TokenStore {
  let held: string | null = null;
  return {
    read: async () => {
      const bytes = await secure.getItem(KEY).catch(() => null);
      // Plain ASCII; there is no TextDecoder in the editors.
      if (bytes && bytes.length > 0) held = String.fromCharCode(...bytes);
      return held;
    },
    keep: async (token) => {
      held = token;
      await secure.setItem(KEY, token).catch(() => undefined);
    },
  };
}
