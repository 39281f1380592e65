/**
 * A process that reads or writes as many frames as it is told and prints the most memory that it ever held, in bytes.
 * Arguments: "read", path, frames; or "write", path, frames.
 */
import { setImmediate } from 'node:timers/promises';
import { openClip } from '../../bridge-server/media/clip.ts';
import { openMovie } from '../../bridge-server/media/encode.ts';
import { numberedFrame } from './clips.ts';

const [task, path, count] = process.argv.slice(2) as [string, string, string];
const frames = Number(count);
const signal = new AbortController().signal;

if (task === 'read') {
  const clip = await openClip({ path, from: 0, to: frames, rate: null, alpha: 'straight' }, signal);
  let seen = 0;
  for await (const frame of clip.read(clip.range, signal)) {
    // Slower than the decoder, which must wait.
    await setImmediate();
    seen += frame.data.length > 0 ? 1 : 0;
  }
  if (seen !== frames) throw new Error(`${seen} frames of ${frames}`);
} else {
  const sink = await openMovie(
    path,
    {
      ...{ codec: 'h264', width: 640, height: 360, channels: 3, rate: { num: 25, den: 1 } },
      ...{ pixelAspect: { num: 1, den: 1 }, alpha: 'straight', audio: null },
      colour: { matrix: 'bt709', range: 'limited', primaries: 'bt709', transfer: 'bt709' },
    },
    signal,
  );
  // Faster than the encoder: a few pictures in turn.
  const pictures = Array.from({ length: 4 }, (_, n) => numberedFrame(n, 640, 360));
  for (let n = 0; n < frames; n++) await sink.write(n, pictures[n % 4]!);
  await sink.finish();
}
process.stdout.write(String(process.resourceUsage().maxRSS * 1024));
