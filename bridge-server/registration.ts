import { join } from 'node:path';
import { START_SCHEME } from './protocol/wire.ts';

/**
 * What makes the system start the bridge when somebody opens a `pentimento:` address; all of it the user's own, none of it the
 * machine's. Any web page can open such an address, so nothing of it reaches the bridge.
 */
export type Registration = {
  readonly files: readonly { readonly path: string; readonly text: string; readonly mode: number }[];
  /** Run once the files are there: programs of the system, with their arguments. */
  readonly commands: readonly (readonly string[])[];
  /** What undoes it, before `remove` is deleted. What was never registered makes these fail, which is well. */
  readonly undo: readonly (readonly string[])[];
  readonly remove: readonly string[];
  /** A list of the system's in which a line of ours stands. */
  readonly listed: { readonly path: string; readonly line: string } | null;
};

export type Starting = {
  /** The program that starts the bridge, and its arguments. */
  readonly command: readonly string[];
  /** Of the environment that it needs; empty for the user's usual install. */
  readonly env: Readonly<Record<string, string>>;
};

/**
 * The registration for a platform (null: one that has none), for a user's `home` and environment: a desktop entry (freedesktop.org
 * Desktop Entry Specification 1.5), a key below HKEY_CURRENT_USER\Software\Classes, or a small app in ~/Applications.
 */
export function registration(platform: NodeJS.Platform, starting: Starting, user: User): Registration | null {
  return MAKERS[platform]?.(starting, user) ?? null;
}

type User = { readonly home: string; readonly environment: NodeJS.ProcessEnv };

const MAKERS: Partial<Record<NodeJS.Platform, (starting: Starting, user: User) => Registration>> = {
  linux: desktopEntry,
  freebsd: desktopEntry,
  openbsd: desktopEntry,
  win32: registryKey,
  darwin: smallApp,
};

const ENTRY = 'pentimento.desktop';
const TYPE = `x-scheme-handler/${START_SCHEME}`;

function desktopEntry({ command, env }: Starting, { home, environment }: User): Registration {
  const data = environment.XDG_DATA_HOME || join(home, '.local', 'share');
  const config = environment.XDG_CONFIG_HOME || join(home, '.config');
  const path = join(data, 'applications', ENTRY);
  const script = join(data, 'pentimento', 'start-bridge');
  const lines = [
    '[Desktop Entry]',
    'Type=Application',
    'Name=Pentimento',
    'Comment=Lets the panels in your editors paint',
    // No %u: the address that was opened goes nowhere. One word, because not everything that reads this knows quotes.
    `Exec=${entryWord(script)}`,
    'Terminal=false',
    'NoDisplay=true',
    `MimeType=${TYPE};`,
  ];
  return {
    files: [
      { path: script, text: starter({ command, env }, join(data, 'pentimento', 'bridge.log')), mode: 0o755 },
      { path, text: `${lines.join('\n')}\n`, mode: 0o644 },
    ],
    commands: [['xdg-mime', 'default', ENTRY, TYPE]],
    undo: [],
    remove: [path, script],
    listed: { path: join(config, 'mimeapps.list'), line: `${TYPE}=${ENTRY}` },
  };
}

/** A word of an Exec line: quoted where it must be, then escaped as every text of an entry is, and without field codes. */
function entryWord(word: string): string {
  const quoted = /^[\w./-]+$/.test(word) ? word : `"${word.replaceAll(/["`$\\]/g, '\\$&')}"`;
  return quoted.replaceAll('\\', '\\\\').replaceAll('%', '%%').replaceAll('\n', '\\n');
}

/** A script that starts the bridge and keeps what its last run said. */
function starter({ command, env }: Starting, log: string): string {
  const settings = Object.entries(env).map(([name, value]) => `export ${name}=${shellWord(value)}\n`);
  return `#!/bin/sh\n${settings.join('')}exec ${command.map(shellWord).join(' ')} >${shellWord(log)} 2>&1\n`;
}

const shellWord = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

function registryKey({ command, env }: Starting): Registration {
  const key = `HKCU\\Software\\Classes\\${START_SCHEME}`;
  const settings = Object.entries(env).map(([name, value]) => `set "${name}=${value}"`);
  // Its window shows that it runs, and closing the window ends it.
  const line = command.map(windowsWord).join(' ');
  const started = settings.length === 0 ? line : `cmd.exe /d /s /c "${[...settings, line].join('&& ')}"`;
  const add = (path: string, ...value: string[]): string[] => ['reg.exe', 'add', path, ...value, '/f'];
  return {
    files: [],
    commands: [
      add(key, '/ve', '/d', 'URL:Pentimento'),
      add(key, '/v', 'URL Protocol', '/d', ''),
      add(`${key}\\shell\\open\\command`, '/ve', '/d', started),
    ],
    undo: [['reg.exe', 'delete', key, '/f']],
    remove: [],
    listed: null,
  };
}

/** Windows paths hold no quotes. */
const windowsWord = (word: string): string => (/^[\w:\\./-]+$/.test(word) ? word : `"${word}"`);

const LSREGISTER =
  '/System/Library/Frameworks/CoreServices.framework/Frameworks/LaunchServices.framework/Support/lsregister';

function smallApp({ command, env }: Starting, { home }: User): Registration {
  const app = join(home, 'Applications', 'Pentimento.app');
  const log = join(home, 'Library', 'Logs', 'Pentimento.log');
  const entries = [
    ['CFBundleIdentifier', 'app.pentimento.bridge'],
    ['CFBundleName', 'Pentimento'],
    ['CFBundlePackageType', 'APPL'],
    ['CFBundleExecutable', 'pentimento'],
    ['CFBundleVersion', '1'],
  ].map(([key, value]) => `  <key>${key}</key>\n  <string>${value}</string>\n`);
  const plist =
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n' +
    `<plist version="1.0">\n<dict>\n${entries.join('')}` +
    // No icon in the Dock.
    '  <key>LSBackgroundOnly</key>\n  <true/>\n' +
    '  <key>CFBundleURLTypes</key>\n  <array>\n    <dict>\n' +
    '      <key>CFBundleURLName</key>\n      <string>app.pentimento.bridge</string>\n' +
    `      <key>CFBundleURLSchemes</key>\n      <array>\n        <string>${START_SCHEME}</string>\n      </array>\n` +
    '    </dict>\n  </array>\n</dict>\n</plist>\n';
  return {
    files: [
      { path: join(app, 'Contents', 'Info.plist'), text: plist, mode: 0o644 },
      { path: join(app, 'Contents', 'MacOS', 'pentimento'), text: starter({ command, env }, log), mode: 0o755 },
    ],
    commands: [[LSREGISTER, '-f', app]],
    undo: [[LSREGISTER, '-u', app]],
    remove: [app],
    listed: null,
  };
}
