import { writeSync } from 'node:fs';
import { globals } from 'webgpu';
import { Bulk } from '../../bulk.ts';
import type { Answer } from '../../side-process.ts';
import { pack } from '../../zstd.ts';
import { GraphicsCard } from './card.ts';
import type { Ask } from './messages.ts';

/**
 * The process that the graphics card's driver lives in: whatever goes wrong there ends this process, with the reason on stderr, and
 * nothing else. It ends with its parent.
 */
Object.assign(globalThis, globals);
const bulk = Bulk.toParent();
let card: GraphicsCard | null = null;
let queue = Promise.resolve();

process.on('message', (ask: Ask) => {
  queue = queue.then(() => obey(ask)).catch((error: unknown) => end(String(error)));
});
process.on('disconnect', () => process.exit());

function end(reason: string): never {
  writeSync(2, `${reason.split('\n')[0]}\n`);
  process.exit(1);
}

async function obey(ask: Ask): Promise<void> {
  switch (ask.act) {
    case 'open':
      try {
        card = await GraphicsCard.open(ask.software, end);
        answer({ id: ask.id, ok: true, value: card.card });
      } catch (error) {
        answer({ id: ask.id, ok: false, reason: error instanceof Error ? error.message : String(error) });
      }
      return;
    case 'grow':
      return card!.grow(ask.bytes);
    case 'run':
      return card!.run(ask.kernel, ask.args);
    case 'write':
      return card!.write(ask.pointer, await bulk.take(ask.bytes));
    case 'read':
      // Not waited for: what is asked next is handed to the card meanwhile, and what takes no packing overtakes what does.
      card!
        .read(ask.pointer, ask.bytes, async (there) => {
          const data = ask.packed ? await pack(there) : there;
          answer({ id: ask.id, ok: true, value: data.length });
          await bulk.send(data);
        })
        .catch((error: unknown) => end(String(error)));
  }
}

function answer(reply: Answer): void {
  process.send?.(reply);
}
