import { openSession, type Session } from '../../onnx/session.ts';
import type { Answer } from '../../side-process.ts';
import type { Ask, Placement } from './messages.ts';

/**
 * The process that the inference runtime lives in: it loads and runs what it is told, one thing after the other, and ends with its
 * parent. While it computes it hears nothing; who cannot wait kills it.
 */
const sessions = new Map<number, Session>();
let queue = Promise.resolve();

process.on('message', (ask: Ask) => {
  queue = queue.then(() => answer(ask));
});
process.on('disconnect', () => process.exit());

async function answer(ask: Ask): Promise<void> {
  let reply: Answer;
  try {
    reply = { id: ask.id, ok: true, value: await obey(ask) };
  } catch (error) {
    reply = { id: ask.id, ok: false, reason: reasonOf(error) };
  }
  process.send?.(reply);
}

async function obey(ask: Ask) {
  switch (ask.act) {
    case 'open':
      return open(ask);
    case 'run':
      return sessions.get(ask.network)!.run(ask.feeds);
    case 'release':
      await release(ask.network);
      return null;
  }
}

async function release(network: number): Promise<void> {
  await sessions.get(network)?.release();
  sessions.delete(network);
}

/** Loads with the first provider that takes the network. */
async function open({ network, recording, providers, threads }: Ask & { act: 'open' }): Promise<Placement> {
  // A call that was cancelled while it loaded may have left one.
  await release(network);
  const passedOver: { provider: Placement['provider']; reason: string }[] = [];
  for (const provider of providers) {
    try {
      sessions.set(network, await openSession(recording, { providers: [provider], threads }));
      return { provider, passedOver };
    } catch (error) {
      passedOver.push({ provider, reason: reasonOf(error) });
    }
  }
  throw new Error(passedOver.at(-1)?.reason ?? 'no provider was given');
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return (cause instanceof Error ? cause.message : String(cause)).split('\n')[0]!;
}
