import { basename } from 'node:path';
import { type LearnedVectors, openLearnedWord } from '../diffusion/networks/learned-words.ts';
import { openTokenizer } from '../diffusion/networks/text.ts';
import { refuseUnfit } from '../diffusion/networks/controlnet.ts';
import { refuseUnfitMotion } from '../diffusion/networks/contexts.ts';
import type { PaintControl, PaintSettings } from '../diffusion/painter.ts';
import { LATENT_CHANNELS } from '../diffusion/pass.ts';
import { Failure, type FileRole } from '../errors.ts';
import { scalingFactor } from '../networks/vae.ts';
import type { DiffusionLook } from '../protocol/request.ts';
import { FAMILY_NAMES } from '../weights/family.ts';
import { type AppliedLora, type LoraMatch, withLoras } from '../weights/with-loras.ts';
import { openLora } from '../weights/lora.ts';
import { KIND_NAMES, type Kind } from '../weights/kind-names.ts';
import { type Model, openModel, type Part, requirePart } from '../weights/model.ts';
import { identityOfFile, identityOfModel, identityOfPart } from './weights-identity.ts';

/** The files of a look, opened and found to go together. Only headers have been read. */
export type OpenedLook = {
  /** With its LoRAs. */
  readonly model: Model;
  /** Instead of the model's own. */
  readonly vae: Part | null;
  readonly learned: readonly LearnedVectors[];
  readonly controls: readonly PaintControl[];
  readonly motion: Part | null;
  /** What of the LoRAs found no place in the model. */
  readonly notes: readonly string[];
};

/** Failures: those of openModel, openLora, withLoras and refuseUnfit; model-kind, motion-attention, model-family, weights-part, vocabulary-unfit, vae-latents. */
export async function openLook(look: DiffusionLook): Promise<OpenedLook> {
  const plain = await openOfKind(look.model, ['checkpoint', 'unet'], 'model');
  const unet = requirePart(plain, 'unet');
  await openTokenizer(plain);
  const vae = look.vae === null ? null : await openVae(look.vae, plain);
  if (vae === null) requirePart(plain, 'vae');
  const learned: LearnedVectors[] = [];
  for (const path of look.embeddings) {
    refuseOtherFamily(await openOfKind(path, ['textual-inversion'], 'embedding'), plain);
    learned.push(await openLearnedWord(path));
  }
  const loras: AppliedLora[] = [];
  for (const { file, scale, textScale } of look.loras) loras.push({ lora: await openLora(file), scale, textScale });
  const { model, matches } = withLoras(plain, loras);
  const controls: PaintControl[] = [];
  for (const { file, weight, start, end, guess } of look.controls) {
    const opened = await openOfKind(file, ['controlnet'], 'control');
    refuseOtherFamily(opened, plain);
    const net = requirePart(opened, 'controlnet');
    refuseUnfit(net, unet);
    controls.push({ net, weight, start, end, guess });
  }
  const motion = look.motion === null ? null : await openMotion(look, plain);
  return { model, vae, learned, controls, motion, notes: matches.flatMap(noteOn) };
}

/** All files that weights of a look are read from. */
export function filesOf({ loras }: DiffusionLook, { model, vae, controls, motion }: OpenedLook): string[] {
  const parts = [...Object.values(model.parts), vae, motion, ...controls.map(({ net }) => net)];
  const paths = parts.flatMap((part) => [...(part?.weights.values() ?? [])].map(({ path }) => path));
  return [...new Set([...paths, ...loras.map(({ file }) => file)])];
}

/** What the files of a look are by content: for cache keys. */
export async function identityOfLook(
  look: DiffusionLook,
  { model, vae, controls, motion }: OpenedLook,
): Promise<string> {
  const words = await Promise.all(look.embeddings.map(identityOfFile));
  const loras = await Promise.all(look.loras.map(({ file }) => identityOfFile(file)));
  const nets = await Promise.all(controls.map(({ net }) => identityOfPart(net)));
  return JSON.stringify([
    await identityOfModel(model),
    vae && (await identityOfPart(vae)),
    words,
    loras,
    nets,
    motion && (await identityOfPart(motion)),
  ]);
}

/** Names of modules that are told of one LoRA. */
const NAMED = 3;

function noteOn({ path, matched, unmatched }: LoraMatch): string[] {
  if (unmatched.length === 0) return [];
  const named = unmatched.slice(0, NAMED).join(', ') + (unmatched.length > NAMED ? ', …' : '');
  const all = matched + unmatched.length;
  return [`${unmatched.length} of ${all} modules of the LoRA ${basename(path)} have no place in the model: ${named}.`];
}

/** What decides all pictures of a look alike. */
export const settingsOf = ({
  negative,
  steps,
  guidance,
  strength,
  scheduler,
  seed,
  clipSkip,
  area,
  secondPass,
  consistency,
  details,
}: DiffusionLook): PaintSettings => ({
  negative,
  steps,
  guidance,
  strength,
  scheduler,
  seed,
  clipSkip,
  area,
  secondPass,
  consistency,
  details: details.map(({ prompt, strength: own, feather }) => ({ prompt, strength: own, feather })),
});

/** Opens a model file that is asked for as one of some kinds. Failures: those of openModel, model-kind. */
async function openOfKind(path: string, kinds: readonly Kind[], role: FileRole): Promise<Model> {
  const model = await openModel(path);
  const { kind } = model.identity;
  if (!kinds.includes(kind)) throw new Failure('model-kind', { path, kind: KIND_NAMES[kind], role });
  return model;
}

/** A VAE alone, or that of another checkpoint. Shapes do not tell SDXL's from the others', but what stands beside it may. */
async function openVae(path: string, model: Model): Promise<Part> {
  const opened = await openOfKind(path, ['vae', 'checkpoint'], 'vae');
  const { family } = model.identity;
  // What says nothing of itself is taken to fit.
  const part = { ...requirePart(opened, 'vae'), family: opened.identity.family ?? family };
  const channels = part.weights.get('decoder.conv_in.weight')?.shape[1];
  const fits = scalingFactor(part) === scalingFactor(model.parts.vae ?? { ...part, family, config: null });
  if (channels !== LATENT_CHANNELS || !fits) throw new Failure('vae-latents', { path, model: model.path });
  return part;
}

/** Motion modules, fit to move the model's U-Net. */
async function openMotion({ motion: path, consistency }: DiffusionLook, model: Model): Promise<Part> {
  const opened = await openOfKind(path!, ['motion-module'], 'motion');
  refuseOtherFamily(opened, model);
  if (consistency.attention !== 'own') throw new Failure('motion-attention', { attention: consistency.attention });
  const part = requirePart(opened, 'motion');
  refuseUnfitMotion(part, requirePart(model, 'unet'));
  return part;
}

function refuseOtherFamily({ path, identity: { family } }: Model, model: Model): void {
  const wanted = model.identity.family;
  if (family === null || wanted === null || family === wanted) return;
  const facts = { path, family: FAMILY_NAMES[family], model: model.path, modelFamily: FAMILY_NAMES[wanted] };
  throw new Failure('model-family', facts);
}
