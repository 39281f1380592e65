import type { Health } from '../../bridge-server/protocol/http.ts';
import { PROTOCOL_VERSION, SOCKET_PATH } from '../../bridge-server/protocol/wire.ts';
import type { ConnectionProblem } from './problem.ts';

/** Who answers on a port of this machine. */
type Seen =
  | { readonly kind: 'nobody' | 'other' | 'permission' | 'refuses-editor' }
  | { readonly kind: 'wrong-version'; readonly version: string }
  /** `paired` null: only its socket could be reached, which tells nothing before the hello. */
  | { readonly kind: 'bridge'; readonly paired: boolean | null };

const ANSWER_MS = 3000;

/** The port of the bridge that takes our token; else of any bridge, to be paired with; else why there is none. */
export async function findBridge(
  ports: readonly number[],
  token: string | null,
): Promise<{ readonly port: number; readonly paired: boolean } | ConnectionProblem> {
  const seen: { port: number; who: Seen }[] = [];
  for (const port of ports) {
    const who = await lookAt(port, token);
    if (who.kind === 'bridge' && who.paired) return { port, paired: true };
    seen.push({ port, who });
  }
  const bridge = seen.find(({ who }) => who.kind === 'bridge');
  if (bridge?.who.kind === 'bridge') return { port: bridge.port, paired: bridge.who.paired === null && token !== null };
  for (const { who } of seen) {
    if (who.kind === 'wrong-version') return { kind: 'wrong-version', bridge: who.version };
    if (who.kind === 'refuses-editor') return { kind: 'editor-refused' };
    if (who.kind === 'permission') return { kind: 'permission-missing' };
  }
  const taken = seen.filter(({ who }) => who.kind === 'other').map(({ port }) => port);
  return { kind: taken.length === ports.length ? 'ports-taken' : 'not-running', taken };
}

async function lookAt(port: number, token: string | null): Promise<Seen> {
  const stop = new AbortController();
  const late = setTimeout(() => stop.abort(), ANSWER_MS);
  try {
    const response = await fetch(`http://127.0.0.1:${port}/v1/health`, {
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      signal: stop.signal,
    });
    return await whoAnswered(response);
  } catch (error) {
    // The editors' words for an address that the manifest does not allow.
    if (/permission|manifest/i.test(String(error))) return { kind: 'permission' };
    // Some editors let sockets pass where they do not let http.
    return (await socketOpens(port)) ? { kind: 'bridge', paired: null } : { kind: 'nobody' };
  } finally {
    clearTimeout(late);
  }
}

async function whoAnswered(response: Response): Promise<Seen> {
  if (response.status === 401 && /pentimento/.test(response.headers.get('www-authenticate') ?? '')) {
    return { kind: 'bridge', paired: false };
  }
  const body = (await response.json().catch(() => null)) as (Partial<Health> & { code?: string }) | null;
  if (response.status === 403 && (body?.code === 'origin-refused' || body?.code === 'host-refused')) {
    return { kind: 'refuses-editor' };
  }
  if (response.status !== 200 || body?.name !== 'pentimento') return { kind: 'other' };
  return body.protocol === PROTOCOL_VERSION
    ? { kind: 'bridge', paired: true }
    : { kind: 'wrong-version', version: body.version ?? '' };
}

function socketOpens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new WebSocket(socketAddress(port));
    const late = setTimeout(() => settle(false), ANSWER_MS);
    const settle = (opens: boolean): void => {
      clearTimeout(late);
      socket.close();
      resolve(opens);
    };
    socket.onopen = () => settle(true);
    socket.onerror = () => settle(false);
  });
}

export const socketAddress = (port: number): string => `ws://127.0.0.1:${port}${SOCKET_PATH}`;
