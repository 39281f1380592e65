import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** The panel for a browser, as `npm run build` made it: no secret, so these two files are the only answers without the token. */
const FILES: Readonly<Record<string, { readonly file: string; readonly type: string }>> = {
  '/': { file: 'index.html', type: 'text/html; charset=utf-8' },
  '/panel.js': { file: 'panel.js', type: 'text/javascript; charset=utf-8' },
};

const FOLDER = fileURLToPath(new URL('../../dist/browser/', import.meta.url));

/** Loads nothing from anywhere but the bridge, talks to nobody else, and stands in no other page. */
const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** One of the panel's files; null for everything else, and while there is no panel built. */
export async function pageFile(request: IncomingMessage): Promise<{ type: string; bytes: Buffer } | null> {
  const page = request.method === 'GET' ? FILES[request.url ?? ''] : undefined;
  if (!page) return null;
  const bytes = await readFile(FOLDER + page.file).catch(() => null);
  return bytes && { type: page.type, bytes };
}

export function sendPage(response: ServerResponse, { type, bytes }: { type: string; bytes: Buffer }): void {
  response.writeHead(200, { ...HEADERS, 'content-type': type, 'content-length': bytes.length });
  response.end(bytes);
}

/** Whether there is a panel to show. */
export const panelBuilt = (): Promise<boolean> =>
  readFile(FOLDER + 'index.html').then(
    () => true,
    () => false,
  );
