import type { JobView, RenderJobView, ReportView } from '../bridge-server/protocol/job.ts';
import type { RenderRequest } from '../bridge-server/protocol/request.ts';

/** What Compare knows of a shot's versions, and how the next one follows from what is wrong with this one. */
export type DoneJob = RenderJobView & { readonly state: Extract<RenderJobView['state'], { state: 'done' }> };

export const isRender = (job: JobView): job is RenderJobView => job.kind === 'render';

export const isDone = (job: RenderJobView): job is DoneJob => job.state.state === 'done';

/** The finished jobs that painted the same frames of the same source, oldest first. `jobs` newest first. */
export function versionsOf({ request: { source } }: RenderJobView, jobs: readonly RenderJobView[]): readonly DoneJob[] {
  const same = ({ request }: RenderJobView): boolean =>
    request.source.path === source.path && request.source.from === source.from && request.source.to === source.to;
  return jobs.filter(isDone).filter(same).reverse();
}

/** Of consecutive frames [from, to) the highest value. */
export type Column = { readonly from: number; readonly to: number; readonly value: number };

/** `values`, one a frame from `first` on, drawn in at most `count` columns. */
export function columnsOf(values: readonly number[], first: number, count: number): readonly Column[] {
  const columns = Math.min(count, values.length);
  return Array.from({ length: columns }, (_, n) => {
    const from = Math.floor((n * values.length) / columns);
    const to = Math.floor(((n + 1) * values.length) / columns);
    return { from: first + from, to: first + to, value: Math.max(...values.slice(from, to)) };
  });
}

/**
 * How much each frame differs from the one before it along the motion, of result and source in levels of 255, one a frame of the whole
 * range: 0 where nothing comes before it. Empty where nothing was measured.
 */
export function flickerOf({ from, to, stability }: Pick<ReportView, 'from' | 'to' | 'stability'>): readonly Beside[] {
  const series = stability.flatMap(({ frames }) => frames.series);
  if (series.length === 0) return [];
  const known = new Map(series.map((one) => [one.frame, one]));
  return Array.from({ length: to - from }, (_, n) => known.get(from + n) ?? { result: 0, source: 0 });
}

type Beside = { readonly result: number; readonly source: number };

type Span = ReportView['worst'][number];

export const spanAt = (worst: readonly Span[], frame: number): Span | null =>
  worst.find(({ from, to }) => frame >= from && frame < to) ?? null;

/** The frames of `stops` (ascending) around `frame`: null at either end. */
export function around(stops: readonly number[], frame: number): { before: number | null; after: number | null } {
  return {
    before: stops.filter((stop) => stop < frame).at(-1) ?? null,
    after: stops.find((stop) => stop > frame) ?? null,
  };
}

/** Where a key helps most when the user points at `frame`: in a weak span what is proposed there, else its worst frame; else here. */
export function keyToAdd({ worst, proposals }: Pick<ReportView, 'worst' | 'proposals'>, frame: number): number {
  const span = spanAt(worst, frame);
  if (!span) return frame;
  const inside = proposals.filter((proposal) => spanAt([span], proposal.frame));
  return inside.sort((a, b) => b.error - a.error)[0]?.frame ?? span.peak;
}

/**
 * The request of a finished job with one more painted key; the others stay as they are, so that they need not be painted again. Null
 * where the keys are a folder of the artist's own images, or that frame is a key already.
 */
export function withKey({ request, state }: DoneJob, frame: number): RenderRequest | null {
  const { keys } = request;
  if (keys.kind === 'images' || state.result.keys.some((key) => key.frame === frame)) return null;
  const painted = { kind: 'painted' } as const;
  const there =
    keys.kind === 'chosen' ? keys.keys : state.result.keys.map((key) => ({ frame: key.frame, picture: painted }));
  const all = [...there, { frame, picture: painted }].sort((a, b) => a.frame - b.frame);
  return { ...request, keys: { kind: 'chosen', keys: all }, output: numbered(request.output) };
}

/** Beside the version that there is, never in its place. */
function numbered(output: RenderRequest['output']): RenderRequest['output'] {
  const name = output.kind === 'movie' ? output.path : output.folder;
  if (name.includes('{version}')) return output;
  return output.kind === 'movie'
    ? { ...output, path: name.replace(/(\.\w+)$/, '_{version}$1') }
    : { ...output, folder: `${name.replace(/[\\/]+$/, '')}_{version}` };
}
