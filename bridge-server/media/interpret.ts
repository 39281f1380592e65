import type { ChromaSiting, Colour, Matrix } from './colour.ts';
import type { Orientation } from './orientation.ts';
import { UPRIGHT } from './orientation.ts';
import type { AudioStream } from './probe.ts';
import type { PixelFormat } from './pixel-format.ts';
import type { Rational } from './rational.ts';
import { parseRational, rational } from './rational.ts';
import type { ProbedStream } from './streams.ts';
import { primariesNamed, transferNamed } from './tags.ts';

/** Which frames are woven of two fields, and which field comes first where the frames themselves do not say. */
export type Interlacing = 'none' | 'marked-frames' | 'top-first' | 'bottom-first';

/** `marked`: pictures say themselves that they are interlaced. */
export function interlacingOf({ field_order: order, codec_name: codec }: ProbedStream, marked: boolean): Interlacing {
  if (marked || (/^(h264|hevc|mpeg2video|vc1|dvvideo)$/.test(codec ?? '') && /^[tb]/.test(order ?? '')))
    return 'marked-frames';
  switch (order) {
    case 'tt':
    case 'bt':
      return 'top-first';
    case 'bb':
    case 'tb':
      return 'bottom-first';
    case undefined:
    default:
      return 'none';
  }
}

const MATRICES: Record<string, Matrix> = {
  bt709: 'bt709',
  smpte170m: 'bt601',
  bt470bg: 'bt601',
  bt2020nc: 'bt2020',
  bt2020c: 'bt2020',
  smpte240m: 'smpte240m',
  fcc: 'fcc',
  ycgco: 'ycgco',
  gbr: 'rgb',
};

/** What is not said is what is usual: BT.601 for standard definition and BT.709 above it, limited range for YUV, full for the rest. */
export function colourOf(video: ProbedStream, layout: PixelFormat, width: number, height: number): Colour {
  const usual: Matrix = width >= 1280 || height > 576 ? 'bt709' : 'bt601';
  const matrix = layout.model === 'rgb' ? 'rgb' : (MATRICES[video.color_space ?? ''] ?? usual);
  const said = video.color_range;
  const full = layout.fullRange || (said === 'tv' || said === 'pc' ? said === 'pc' : layout.model !== 'yuv');
  return {
    matrix,
    range: full ? 'full' : 'limited',
    primaries: primariesNamed(video.color_primaries),
    transfer: transferNamed(video.color_transfer),
  };
}

export const isEncrypted = ({ codec_tag_string: tag }: ProbedStream): boolean => /^(encv|drmi)$/.test(tag ?? '');

/** The container's own claims, the likelier first. */
export const claimedRates = ({ r_frame_rate: base, avg_frame_rate: average }: ProbedStream): Rational[] =>
  [base, average]
    .map((text) => parseRational(text ?? ''))
    .filter((rate) => rate !== null && rate.num > 0) as Rational[];

export function pixelAspectOf({ sample_aspect_ratio: text }: ProbedStream): Rational {
  const aspect = parseRational(text ?? '');
  return aspect && aspect.num > 0 ? aspect : rational(1);
}

export function sitingOf({ chroma_location: place, codec_name: codec }: ProbedStream): ChromaSiting {
  const centred = place === 'center' || (!place && /^(mjpeg|mpeg1video)$/.test(codec ?? ''));
  return {
    horizontal: centred || place === 'top' || place === 'bottom' ? 'centre' : 'left',
    vertical: place?.startsWith('top') ? 'top' : place?.startsWith('bottom') ? 'bottom' : 'centre',
  };
}

export function orientationOf({ side_data_list: sides, tags }: ProbedStream): Orientation {
  const text = sides?.find((side) => side.displaymatrix)?.displaymatrix;
  if (text) {
    // Three rows of "offset: numbers"; 16.16 fixed point.
    const rows = text
      .trim()
      .split('\n')
      .map((row) => row.replace(/^.*:/, '').trim().split(/\s+/).map(Number));
    const turn = [rows[0]?.[0], rows[0]?.[1], rows[1]?.[0], rows[1]?.[1]].map((entry) =>
      Math.round((entry ?? 0) / 65536),
    );
    const [a, b, c, d] = turn as [number, number, number, number];
    const square = Math.abs(a * d - b * c) === 1 && [a, b, c, d].filter((entry) => entry === 0).length === 2;
    if (square && !(a === 1 && d === 1)) return { a, b, c, d };
    return UPRIGHT;
  }
  switch (tags?.['rotate']) {
    case '90':
      return { a: 0, b: 1, c: -1, d: 0 };
    case '180':
      return { a: -1, b: 0, c: 0, d: -1 };
    case '270':
      return { a: 0, b: -1, c: 1, d: 0 };
    case undefined:
    default:
      return UPRIGHT;
  }
}

export const audioStream = (stream: ProbedStream): AudioStream => ({
  index: stream.index,
  codec: stream.codec_name ?? 'unknown',
  sampleRate: Number(stream.sample_rate ?? 0),
  channels: stream.channels ?? 0,
  bits: Number(stream.bits_per_raw_sample ?? 0) || (stream.bits_per_sample ?? 0),
});
