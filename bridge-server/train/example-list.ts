import { readFile } from 'node:fs/promises';
import { Failure } from '../errors.ts';
import type { TrainRequest } from '../protocol/train-request.ts';
import type { ChosenExample } from './shot.ts';

type Chosen = Extract<TrainRequest['examples'], { kind: 'chosen' }>;

const HEADING = `# What a LoRA is trained on: clip (counted from 1), frame, caption.
# Change captions, take lines out or put others in, and give this file back as --examples.
`;

/** Examples as lines of text that a person can edit. */
export const exampleList = (examples: readonly Omit<ChosenExample, 'box'>[]): string =>
  HEADING +
  examples.map(({ clip, frame, caption }) => `${clip + 1} ${frame} ${caption.replaceAll(/\s+/g, ' ')}\n`).join('');

const LINE = /^(\d{1,9})\s+(\d{1,9})(?:\s+(.*))?$/;

/** Reads such lines in any order; one without a caption has the template's. Failures: examples-unreadable, path-gone. */
export async function readExampleList(path: string): Promise<Chosen> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new Failure('path-gone', { path }, error);
  });
  const frames = new Map<string, Chosen['frames'][number]>();
  for (const [i, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const said = line.trim();
    if (said === '' || said.startsWith('#')) continue;
    const [, clip, frame, caption] = LINE.exec(said) ?? [];
    const key = `${Number(clip)} ${Number(frame)}`;
    if (!clip || !frame || clip === '0' || frames.has(key))
      throw new Failure('examples-unreadable', { path, line: i + 1 });
    frames.set(key, { clip: Number(clip) - 1, frame: Number(frame), caption: caption ?? null });
  }
  if (frames.size === 0) throw new Failure('examples-unreadable', { path, line: null });
  return { kind: 'chosen', frames: [...frames.values()].sort((a, b) => a.clip - b.clip || a.frame - b.frame) };
}
