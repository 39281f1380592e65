import { openOptions } from './ffmpeg.ts';
import type { AudioStream } from './probe.ts';

/** The sound of a source between two times on the file's own clock, in seconds. */
export type AudioCut = {
  readonly path: string;
  readonly format: string;
  readonly streams: readonly AudioStream[];
  readonly start: number;
  readonly end: number;
};

/** What each container takes as it is. */
const CARRIES: Record<'mov' | 'mp4', RegExp> = {
  mov: /^(aac|mp3|mp2|ac3|eac3|alac|pcm_(s16|s24|s32|f32|f64)(le|be)|pcm_(u8|s8|alaw|mulaw)|adpcm_ima_qt|amr_nb|amr_wb)$/,
  mp4: /^(aac|mp3|mp2|ac3|eac3|alac|dts|vorbis)$/,
};

/** The options that bring the sound along untouched; what the container cannot hold goes in without loss instead, and a note says so. */
export function audioOptions({ format, streams, start, end }: AudioCut, container: 'mov' | 'mp4') {
  const notes: string[] = [];
  const output: string[] = [];
  for (const [n, { index, codec, bits }] of streams.entries()) {
    output.push('-map', `1:${index}`);
    if (CARRIES[container].test(codec)) {
      output.push(`-c:a:${n}`, 'copy');
      continue;
    }
    const lossless = container === 'mp4' ? 'alac' : bits > 16 || bits === 0 ? 'pcm_s24le' : 'pcm_s16le';
    output.push(`-c:a:${n}`, lossless);
    notes.push(
      `${container.toUpperCase()} cannot hold ${codec} sound: it was stored as ${lossless === 'alac' ? 'Apple Lossless' : 'PCM'}, which loses nothing.`,
    );
  }
  const duration = end - start;
  return {
    notes,
    input: [...openOptions(format), '-seek_timestamp', '1', '-ss', start.toFixed(6), '-t', duration.toFixed(6)],
    output,
  };
}
