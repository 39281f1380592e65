import { START_ADDRESS } from '../bridge-server/protocol/wire.ts';
import { Connection } from './bridge/connection.ts';
import { filesHost } from './host/files.ts';
import { mount, type Theme } from './panel/mount.tsx';
import { defineStandIns } from './panel/stand-ins.ts';
import { Renders } from './renders.ts';

/**
 * The panel in a browser, served by the bridge itself, which is therefore known. `pentimento serve --open` hands over a pairing
 * code in the address's fragment, which no server and no log sees and which works once.
 */
const TOKEN = 'pentimento.token';
const tokens = {
  read: () => Promise.resolve(sessionStorage.getItem(TOKEN)),
  keep: (token: string) => Promise.resolve(sessionStorage.setItem(TOKEN, token)),
};

defineStandIns();
const host = filesHost();
const connection = new Connection({ ports: [Number(location.port)], tokens });
const code = /^#code=([\w-]+)$/.exec(location.hash)?.[1];
if (code !== undefined) {
  history.replaceState(null, '', location.pathname);
  const stop = connection.onChange(() => {
    if (connection.state.kind !== 'problem' || connection.state.problem.kind !== 'not-paired') return;
    stop();
    connection.pair(code).catch(() => undefined);
  });
}
const renders = new Renders(connection, host, localStorage);
const dark = matchMedia('(prefers-color-scheme: dark)');
const theme = (): Theme => (dark.matches ? 'dark' : 'light');
/** The system's own question follows, and no answer. */
const startBridge = (): Promise<boolean> => {
  location.assign(START_ADDRESS);
  return Promise.resolve(true);
};
const setTheme = mount(document.body, { host, connection, renders, memory: localStorage, startBridge }, theme());
dark.addEventListener('change', () => setTheme(theme()));
