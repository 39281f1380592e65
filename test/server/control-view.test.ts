import { join } from 'node:path';
import sharp from 'sharp';
import { expect, onTestFinished, test } from 'vitest';
import { ControlView } from '../../bridge-server/server/control-view.ts';
import { sceneFolder } from '../cli/footage.ts';
import { newFolder } from '../jobs/folder.ts';
import { someClip } from '../jobs/train-request.ts';

test('who asks while the thread before is still closing is answered by the next one', async () => {
  const shot = join(await newFolder(), 'shot');
  await sceneFolder(shot, 2);
  const view = new ControlView();
  onTestFinished(() => view.close());
  const ask = (frame: number): Promise<Uint8Array> => {
    const map = { kind: 'luminance' } as const;
    const asked = { source: someClip(shot), frame, map, area: 64 * 64, width: 64 };
    return view.ofFrame(asked, new AbortController().signal);
  };
  await ask(0);
  const closing = view.close();
  const next = ask(1);
  await closing;
  expect((await sharp(await next).metadata()).format).toBe('jpeg');
});
