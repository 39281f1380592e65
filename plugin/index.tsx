import type { premierepro } from '@adobe/premierepro';
import type * as uxp from 'uxp';
import { BRIDGE_PORTS, START_ADDRESS } from '../bridge-server/protocol/wire.ts';
import { Connection } from './bridge/connection.ts';
import { secureTokenStore } from './bridge/token.ts';
import { afterEffectsHost, type AfterEffectsModule } from './host/after-effects.ts';
import type { EditorHost, Lent } from './host/host.ts';
import { premiereHost } from './host/premiere.ts';
import { mount, type Theme } from './panel/mount.tsx';
import { Renders } from './renders.ts';
import { words } from './words.ts';
import { lookingThrough } from './written.ts';

/** The panel inside an editor: modules of the editor come by `require`, the one of the other editor must not be asked for. */
declare const require: (name: string) => unknown;
type EditorDocument = Document & {
  readonly theme?: {
    getCurrent(): Theme;
    readonly onUpdated: { addListener(listener: (theme: Theme) => void): void };
  };
};

const { entrypoints, storage, shell, host: editor } = require('uxp') as typeof uxp;
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

// At once: an editor that waits for this longer than some twenty milliseconds gives up on the panel.
entrypoints.setup({ panels: { pentimento: { create } } });

function create(root: HTMLElement): void {
  const connection = new Connection({ ports: BRIDGE_PORTS, tokens: secureTokenStore(storage.secureStorage) });
  const host = editorHost(connection);
  const renders = new Renders(connection, host, localStorage);
  const { theme } = document as EditorDocument;
  const desk = { host, connection, renders, memory: localStorage, startBridge };
  const setTheme = mount(root, desk, theme?.getCurrent() ?? 'dark');
  theme?.onUpdated.addListener(setTheme);
}

/** The editor asks the user first, and answers with what went wrong. */
async function startBridge(): Promise<boolean> {
  return (await shell.openExternal(START_ADDRESS, words.connection.startReason)) === '';
}

function editorHost(connection: Connection): EditorHost {
  const { localFileSystem } = storage;
  const lent: Lent = {
    choose: {
      folder: async () => (await localFileSystem.getFolder())?.nativePath ?? null,
      file: async (types) =>
        (await localFileSystem.getFileForOpening({ types, allowMultiple: false }))?.nativePath ?? null,
    },
    memory: localStorage,
    pause,
    look: lookingThrough(connection),
  };
  return /after/i.test(editor.name)
    ? afterEffectsHost(require('aftereffects') as AfterEffectsModule, lent)
    : premiereHost(require('premierepro') as premierepro, lent);
}
