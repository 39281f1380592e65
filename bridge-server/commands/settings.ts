import { join } from 'node:path';
import { Failure } from '../errors.ts';
import { folders } from '../folders.ts';
import { SETTINGS, isSetting } from '../jobs/settings.ts';
import { STORE_FILE, Store } from '../jobs/store.ts';

/** Shows all settings; with a name, sets that one, or without a value puts it back to its default. */
export function settings(name: string | undefined, value: string | undefined): void {
  const store = new Store(join(folders().data, STORE_FILE));
  try {
    if (name !== undefined) {
      if (!isSetting(name)) throw new Failure('setting-unknown', { name, names: Object.keys(SETTINGS).join(', ') });
      store.set(name, value === undefined ? null : SETTINGS[name].read(value));
    }
    for (const each of Object.keys(SETTINGS).filter(isSetting)) {
      const { show, usual } = SETTINGS[each];
      const kept = store.setting(each);
      process.stdout.write(`${each}  ${kept === null ? usual : show(kept)}\n`);
    }
  } finally {
    store.close();
  }
}
