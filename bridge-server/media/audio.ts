import { openOptions } from './ffmpeg.ts';
import type { AudioStream } from './probe.ts';

/** The sound of a source: from `start` on the file's own clock, for so many `seconds`. */
export type AudioCut = {
  readonly path: string;
  readonly format: string;
  readonly streams: readonly AudioStream[];
  readonly start: number;
  readonly seconds: number;
};

type Container = 'mov' | 'mp4';

/** What each container takes as it is, in every ffmpeg that we use. */
const CARRIES: Record<Container, RegExp> = {
  mov: /^(aac|mp3|ac3|alac|pcm_(s16|s24|s32|f32|f64)(le|be)|pcm_(u8|s8|alaw|mulaw))$/,
  mp4: /^(aac|mp3|ac3)$/,
};

/**
 * The options that bring the sound along untouched: packets are copied, and an edit list says where in the first one to begin. What
 * the container cannot hold becomes PCM in MOV and AAC in MP4, and a note says so.
 */
export function audioOptions({ format, streams, start, seconds }: AudioCut, container: Container) {
  const notes: string[] = [];
  const output = streams.flatMap(({ index, codec, bits }, n) => {
    const map = ['-map', `1:${index}`, `-c:a:${n}`];
    if (CARRIES[container].test(codec)) return [...map, 'copy'];
    const name = codec.replace(/_.*/, '').toUpperCase();
    if (container === 'mp4') {
      notes.push(`MP4 cannot hold ${name} sound: it became AAC at 320 kbit/s. A MOV would keep it.`);
      return [...map, 'aac', `-b:a:${n}`, '320k', `-flags:a:${n}`, '+bitexact'];
    }
    notes.push(`MOV cannot hold ${name} sound: it became PCM.`);
    return [...map, bits > 0 && bits <= 16 ? 'pcm_s16le' : 'pcm_s24le'];
  });
  return {
    notes,
    input: [...openOptions(format), '-seek_timestamp', '1', '-ss', start.toFixed(6)],
    // Bounds the whole output: the picture ends by itself before that.
    output: [...output, '-t', seconds.toFixed(6)],
  };
}
