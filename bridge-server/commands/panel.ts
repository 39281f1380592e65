import { spawn } from 'node:child_process';
import { pairingSchema } from '../protocol/http.ts';
import { runningBridge } from '../server/running.ts';

/**
 * Shows the panel of the bridge that runs in the user's browser. The address carries a one-time pairing code in its fragment, not
 * the token: other users of a machine can read the arguments of programs.
 */
export async function showPanel(configFolder: string): Promise<void> {
  const bridge = await runningBridge(configFolder);
  if (!bridge) return;
  const { code } = pairingSchema.parse(await bridge.post('/v1/pairing'));
  const address = `http://127.0.0.1:${bridge.port}/#code=${code}`;
  process.stderr.write(`The panel, for the next minutes: ${address}\n`);
  const [command, ...args] = OPENERS[process.platform] ?? ['xdg-open'];
  // Without a browser to start, the address is there to be opened by hand.
  spawn(command!, [...args, address], { stdio: 'ignore', detached: true })
    .on('error', () => undefined)
    .unref();
}

const OPENERS: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};
