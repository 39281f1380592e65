import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../../bridge-server/kernels/engine.ts';
import type { Frame } from '../../../bridge-server/media/frame.ts';
import { CardLost, Gpu } from '../../../bridge-server/propagate/gpu/gpu.ts';
import type { Span } from '../../../bridge-server/propagate/spans.ts';
import { texture } from '../../shot/texture.ts';
import { between, folders, never, propagate, psnr, type Folders, type Shot } from '../run.ts';
import { openSoftware, reason } from './card.ts';

// Software runs what a graphics card is for: few pixels, few frames.
const WIDTH = 105;
const HEIGHT = 70;
const LAST = 3;

/** A texture that moves, and before it a disc that no key shows: patches are searched, too. */
function frame(n: number, colour: (level: number, c: number) => number, channels: 3 | 4 = 3): Frame {
  const fields = [texture(1), texture(2), texture(3)];
  const data = new Uint16Array(WIDTH * HEIGHT * channels);
  for (let p = 0; p < WIDTH * HEIGHT; p++) {
    const [x, y] = [p % WIDTH, Math.floor(p / WIDTH)];
    const disc = n > 0 && n < LAST && Math.hypot(x - 25 * n - 15, y - 35) < 12;
    for (let c = 0; c < 3; c++) {
      const level = disc ? 255 * Number(c === n % 3) : fields[c]!(x + 1.3 * n, y - 0.6 * n);
      data[p * channels + c] = Math.round(257 * colour(level, c));
    }
    if (channels === 4) data[p * channels + 3] = 65535 - 200 * x;
  }
  return { width: WIDTH, height: HEIGHT, channels, data };
}

const shot = (channels: 3 | 4): Shot => ({
  width: WIDTH,
  height: HEIGHT,
  frame: (n) => frame(n, (level) => level),
  key: (n) => frame(n, (level, c) => 255 * (level / 255) ** (1 + c / 2), channels),
});

describe.skipIf(reason !== null)(`propagation on the graphics card${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let engine: Engine;
  let gpu: Gpu;
  /** The frames that the card made, without interruption. */
  let made: Map<number, Frame>;
  beforeAll(async () => {
    engine = await Engine.start(2);
    gpu = await openSoftware();
    made = await onCard(shot(3), between(LAST));
  });
  afterAll(async () => {
    gpu.close();
    await engine.close();
  });

  async function onCard(footage: Shot, span: Span, into?: Folders): Promise<Map<number, Frame>> {
    const device = gpu.under(never);
    const frames = await propagate(device, footage, span, into);
    device.shelf.clear();
    expect(gpu.bytesInUse).toBe(0);
    return frames;
  }

  async function expectAlike(span: Span, channels: 3 | 4, theirs: Map<number, Frame>): Promise<void> {
    const mine = await propagate(engine, shot(channels), span);
    expect([...theirs.keys()]).toEqual([...mine.keys()]);
    for (const [n, one] of mine) {
      const other = theirs.get(n)!;
      expect(other.channels).toBe(channels);
      // Last bits of the flow move maps by a 64th of a pixel here and there, and decide close calls between patches. 85 dB and more
      // were seen, and half a level.
      expect(psnr(one, other)).toBeGreaterThan(65);
      const off = one.data.reduce((sum, value, i) => sum + Number(Math.abs(value - other.data[i]!) > 257), 0);
      expect(off / one.data.length).toBeLessThan(0.001);
    }
  }

  test('looks like the processor’s', () => expectAlike(between(LAST), 3, made));

  test('looks like the processor’s with alpha, and one key', async () => {
    const span = { before: 0, after: null, from: 1, to: LAST };
    await expectAlike(span, 4, await onCard(shot(4), span));
  });

  test('is the same bit for bit when it was stopped in the middle', async () => {
    const into = await folders();
    const stop = new AbortController();
    const stopping = {
      ...shot(3),
      key: (n: number) => {
        stop.abort(new Error('stopped'));
        return shot(3).key(n);
      },
    };
    const device = gpu.under(stop.signal);
    const stopped = propagate(device, stopping, between(LAST), into, stop.signal);
    await expect(stopped).rejects.toThrow('stopped');
    device.shelf.clear();
    expect((await into.matches.names()).length).toBeGreaterThan(0);
    const again = await onCard(shot(3), between(LAST), into);
    for (const [n, { data }] of made) expect(again.get(n)!.data).toEqual(data);
  });

  test('a process that dies ends what is asked of it, and nothing else', async () => {
    const mortal = await openSoftware();
    const dying = {
      ...shot(3),
      frame: (n: number) => {
        if (n === 1) process.kill(mortal.pid!, 'SIGKILL');
        return shot(3).frame(n);
      },
    };
    await expect(propagate(mortal.under(never), dying, between(LAST))).rejects.toThrow(CardLost);
    expect(mortal.ended).toBe(true);
    await expect(mortal.under(never).run('luma', 0, 0, 0, 3, 0)).rejects.toThrow(/SIGKILL/);
  });

  test.each(['read', 'write'] as const)(
    'a card that hangs in a %s is let go of when the job is stopped',
    async (what) => {
      const hanging = await openSoftware();
      const stop = new AbortController();
      const device = hanging.under(stop.signal);
      const block = device.alloc(2 ** 24);
      await device.read(block, 64);
      process.kill(hanging.pid!, 'SIGSTOP');
      const waiting = what === 'read' ? device.read(block, 64) : device.write(block, new Uint8Array(2 ** 24));
      stop.abort(new Error('stopped'));
      await expect(waiting).rejects.toThrow('stopped');
      expect(hanging.ended).toBe(true);
    },
  );

  test('a kernel that there is not, or memory that there is not, ends it with the reason', async () => {
    const mistaken = await openSoftware();
    const device = mistaken.under(never);
    expect(() => device.alloc(2 ** 33)).toThrow(/bytes in one piece/);
    await device.run('nothing');
    await expect(device.read(device.alloc(64), 64)).rejects.toThrow(/nothing: there is no such kernel/);
  });

  test('where software only pretends to be a graphics card, there is none', async () => {
    await expect(Gpu.open({ software: false }, never)).rejects.toThrow(/only pretends/);
  });
});
