import { Failure } from '../errors.ts';
import { folders } from '../folders.ts';
import { pairingSchema } from '../protocol/http.ts';
import { runningBridge } from '../server/running.ts';

/** Asks the running bridge for a one-time code and shows it. */
export async function pair({ json }: { json: boolean }): Promise<void> {
  const bridge = await runningBridge(folders().config);
  if (!bridge) throw new Failure('bridge-absent', undefined);
  const pairing = pairingSchema.parse(await bridge.post('/v1/pairing'));
  const minutes = Math.floor((pairing.expiresAt - Date.now()) / 60_000 + 0.5);
  process.stdout.write(
    json
      ? `${JSON.stringify(pairing)}\n`
      : `${pairing.code}\nType this code into the panel within ${minutes} minutes. It works once.\n`,
  );
}
