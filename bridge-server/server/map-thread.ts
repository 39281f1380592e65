import { parentPort } from 'node:worker_threads';
import { asFailure } from '../errors.ts';
import type { MapAnswer, MapAsk } from './control-view.ts';
import { MapDrawer } from './map-drawer.ts';

// A thread of the bridge that draws control maps: edges and lines are found in loops that would keep all others waiting.
const drawer = new MapDrawer();
const stops = new Map<number, AbortController>();
const port = parentPort!;

port.on('message', (ask: MapAsk) => {
  switch (ask.kind) {
    case 'draw':
      return void draw(ask);
    case 'stop':
      return stops.get(ask.id)?.abort();
    case 'close':
      stops.forEach((stop) => stop.abort());
      return void drawer.close().finally(() => port.close());
  }
});

async function draw({ id, asked }: Extract<MapAsk, { kind: 'draw' }>): Promise<void> {
  const stop = new AbortController();
  stops.set(id, stop);
  try {
    answer({ id, jpeg: await drawer.draw(asked, stop.signal) });
  } catch (error) {
    const { code, facts } = asFailure(error);
    answer({ id, failure: { code, facts } });
  } finally {
    stops.delete(id);
  }
}

const answer = (message: MapAnswer): void => port.postMessage(message);
