import { stat } from 'node:fs/promises';
import { openRuntime, type Profile } from '../diffusion/profile.ts';
import type { Runtime } from '../diffusion/runtime/runtime.ts';

/**
 * The inference runtime of this process, one for all its jobs: networks stay loaded from one to the next. A file of weights that was
 * written anew ends it, since networks that were loaded from the old one would still be taken for it.
 */
export class SharedRuntime {
  #open: { readonly profile: Profile; readonly runtime: Runtime; readonly stamps: Map<string, string> } | null = null;

  /** For a job that runs networks from these files. One profile at a time: two runtimes would hold two models in memory. */
  async for(profile: Profile, files: readonly string[]): Promise<Runtime> {
    const stamps = new Map<string, string>();
    for (const file of files) stamps.set(file, await stampOf(file));
    const isOld = (stamp: string, file: string): boolean => (this.#open?.stamps.get(file) ?? stamp) !== stamp;
    if (this.#open?.profile !== profile || [...stamps].some(([file, stamp]) => isOld(stamp, file))) {
      this.close();
      this.#open = { profile, runtime: openRuntime(profile), stamps: new Map() };
    }
    for (const [file, stamp] of stamps) this.#open.stamps.set(file, stamp);
    return this.#open.runtime;
  }

  /** Memory that loaded networks hold, and would give back for others. */
  get heldBytes(): number {
    return this.#open?.runtime.heldBytes ?? 0;
  }

  close(): void {
    this.#open?.runtime.close();
    this.#open = null;
  }
}

async function stampOf(file: string): Promise<string> {
  const { ino, size, mtimeNs } = await stat(file, { bigint: true });
  return `${ino} ${size} ${mtimeNs}`;
}
