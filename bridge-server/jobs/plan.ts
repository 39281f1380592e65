import type { FrameRange } from '../media/frame.ts';
import type { Plan } from '../diffusion/profile.ts';
import type { BuiltInLook, DiffusionLook } from '../protocol/request.ts';
import type { Span } from '../propagate/spans.ts';
import type { Box } from '../shot/track.ts';
import { basename } from 'node:path';
import { codeVersion } from './code-version.ts';

/**
 * What each stage's output depends on, and nothing else: the keys of the cache. Whatever is not named here, such as the output's
 * codec or another key's picture, can change without anything being made again.
 */
export type Code = {
  /** Hashes of the sources, and of the compiled kernels. */
  readonly kernels: string;
  readonly media: string;
  readonly shot: string;
  readonly propagate: string;
  readonly looks: string;
  /** Everything between a model's file and a painted picture. */
  readonly diffusion: string;
  readonly measure: string;
};

export async function codeOf(kernels: string): Promise<Code> {
  const [media, shot, propagate, looks, measure] = await Promise.all(
    ['media', 'shot', 'propagate', 'looks', 'measure'].map((folder) => codeVersion(folder)),
  );
  const diffusion = await codeVersion('control', 'diffusion', 'masks', 'networks', 'onnx', 'weights');
  return { kernels, media: media!, shot: shot!, propagate: propagate!, looks: looks!, diffusion, measure: measure! };
}

export type Key = readonly string[];

/** `identity`: the clip's, for its content and how it is decoded. */
export const sourceKey = (identity: string, code: Code): Key => [identity, code.media];

export const analysisKey = (source: Key, { from, to }: FrameRange, code: Code): Key => [
  ...source,
  code.kernels,
  code.shot,
  `${from}-${to}`,
];

/** Of the steps of a box that is followed from a frame; entries are named by frame. */
export const trackKey = (source: Key, start: { readonly frame: number; readonly box: Box }, code: Code): Key => [
  ...source,
  code.kernels,
  code.shot,
  JSON.stringify(start),
];

/** Entries are named by frame: a key chosen again is the same picture. */
export const lookKey = (source: Key, look: BuiltInLook, code: Code): Key => [
  ...source,
  code.kernels,
  code.looks,
  JSON.stringify({ kind: look }),
];

/**
 * The same for pictures that a model paints. `files` says by content what the paths of the look lead to. The plan stands for the
 * profile and for how many keys there are: it alone decides how the networks round.
 */
export function diffusionKey(source: Key, look: DiffusionLook, files: string, plan: Plan, code: Code): Key {
  const settings = {
    ...look,
    ...{ model: null, vae: null, motion: look.motion !== null },
    // A learned word is called like its file.
    embeddings: look.embeddings.map((path) => basename(path)),
    loras: look.loras.map(({ scale, textScale }) => [scale, textScale]),
    controls: look.controls.map(({ weight, start, end, guess }) => [weight, start, end, guess]),
    // Not the same for every key: they are in the names of its entries.
    ...{ prompt: null, prompts: null, regions: null, details: null },
  };
  const decisive = JSON.stringify([settings, plan]);
  return [...source, code.kernels, code.shot, code.diffusion, files, decisive];
}

/** Of a span's correspondences: they come from the source alone, whatever its keys will look like. */
export const matchKey = (source: Key, { before, after, from, to }: Span, code: Code): Key => [
  ...source,
  code.kernels,
  code.shot,
  code.propagate,
  `${before ?? ''}<${from}-${to}>${after ?? ''}`,
];

/** Of a span's frames: its correspondences and the pictures at its ends decide them. */
export const resultKey = (match: Key, pictures: readonly string[]): Key => [...match, ...pictures];

/** Of how the shots of a result hold together: `decisive` says what its keys and the frames between them depend on. */
export const stabilityKey = (source: Key, { from, to }: FrameRange, decisive: readonly string[], code: Code): Key => [
  ...source,
  code.kernels,
  code.shot,
  code.propagate,
  code.measure,
  `${from}-${to}`,
  ...decisive,
];
