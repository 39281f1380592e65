import type { JobView } from '../../bridge-server/protocol/job.ts';
import type { RenderRequest } from '../../bridge-server/protocol/request.ts';
import type { Rational } from '../host/time.ts';
import { words } from '../words.ts';

/** 24000/1001 as editors write it: 23.976. */
export const rateText = ({ num, den }: Rational): string => String(Math.round((num / den) * 1000) / 1000);

/** How long so many frames are, as editors read it: minutes, seconds and frames (non-drop); hours where there are any. */
export function timecodeText(frames: number, { num, den }: Rational): string {
  const base = Math.round(num / den);
  const seconds = Math.floor(frames / base);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60, frames % base];
  return (parts[0] === 0 ? parts.slice(1) : parts).map((part) => String(part).padStart(2, '0')).join(':');
}

export function durationText(seconds: number): string {
  if (seconds < 90) return words.duration.seconds(Math.max(1, Math.round(seconds)));
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return words.duration.minutes(minutes);
  return words.duration.hours(Math.floor(minutes / 60), minutes % 60);
}

/** The last name of a path, of either kind of system. */
export const nameOf = (path: string): string => /([^\\/]+)[\\/]*$/.exec(path)?.[1] ?? path;

/** Two digits that count: 0.42, 4.2, 42. */
const roughly = (value: number): string => (value >= 10 ? String(Math.round(value)) : value.toPrecision(2));

type Progress = Pick<
  NonNullable<Extract<JobView['state'], { state: 'running' }>['progress']>,
  'done' | 'total' | 'unit' | 'etaSeconds'
>;

/** How fast a step goes, as far as its time left tells; nothing while it does not. */
export function rateOf({ done, total, unit, etaSeconds }: Progress): readonly string[] {
  if (etaSeconds === null || etaSeconds === 0 || unit === 'bytes') return [];
  const perSecond = (total - done) / etaSeconds;
  const { many, few } = words.queue.rate[unit];
  return [perSecond >= 1 ? many(roughly(perSecond)) : few(roughly(1 / perSecond))];
}

export function sizeText(bytes: number): string {
  const { gigabytes, megabytes } = words.models.size;
  return bytes >= 1e9 ? gigabytes((bytes / 1e9).toFixed(1)) : megabytes(roughly(bytes / 1e6));
}

/** Losses lie far below 1: three digits that count. */
export const lossText = (loss: number): string => loss.toPrecision(3);

export const levelsText = (levels: number): string => levels.toFixed(1);

/** v001, as the files are called. */
export const versionText = (version: number): string => `v${String(version).padStart(3, '0')}`;

export function styleText({ look, keys }: RenderRequest): string {
  if (look.kind === 'diffusion') return look.prompt === '' ? words.style.names.prompt : look.prompt;
  if (look.kind === 'none' || keys.kind === 'images') return words.style.names.own;
  return words.style.names[look.kind];
}

/** How a job is called: by what it is painted from, or by the word that it teaches. */
export const nameOfJob = (job: JobView): string =>
  job.kind === 'render' ? nameOf(job.request.source.path) : words.trained.title(job.request.trigger);

/** What becomes of it, in a line. */
export const aboutText = (job: JobView): string =>
  [
    job.kind === 'render' ? styleText(job.request) : words.trained.about(nameOf(job.request.model)),
    versionText(job.version),
  ].join('  ·  ');
