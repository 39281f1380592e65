/** The part of the editors' plugin platform that the panel uses. Adobe publishes no types that fit (docs/decisions/panel.md). */
declare module 'uxp' {
  type Entry = { readonly nativePath: string; readonly name: string };
  export const storage: {
    readonly secureStorage: {
      setItem(key: string, value: string): Promise<void>;
      /** Bytes, whatever was stored; null or undefined when there is nothing. */
      getItem(key: string): Promise<Uint8Array | null | undefined>;
      removeItem(key: string): Promise<void>;
    };
    readonly localFileSystem: {
      getFileForOpening(options: { types: readonly string[]; allowMultiple: false }): Promise<Entry | null>;
      getFolder(): Promise<Entry | null>;
    };
  };
  export const shell: {
    /** Asks the user first. Resolves with '' or with what went wrong. */
    openExternal(address: string, reason: string): Promise<string>;
  };
  export const entrypoints: {
    setup(entries: {
      readonly panels: Readonly<Record<string, { readonly create: (root: HTMLElement) => void }>>;
    }): void;
  };
  export const host: { readonly name: string; readonly version: string };
}
