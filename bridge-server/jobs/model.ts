import { type LearnedVectors, openLearnedWord } from '../diffusion/networks/learned-words.ts';
import type { PaintSettings } from '../diffusion/painter.ts';
import { LATENT_CHANNELS } from '../diffusion/pass.ts';
import { Failure } from '../errors.ts';
import { scalingFactor } from '../networks/vae.ts';
import type { DiffusionLook } from '../protocol/request.ts';
import { type Family, FAMILY_NAMES } from '../weights/family.ts';
import type { Kind } from '../weights/identify.ts';
import { KIND_NAMES } from '../weights/kind-names.ts';
import { type Model, openModel, type Part, requirePart } from '../weights/model.ts';
import type { PartKind } from '../weights/parts.ts';
import { identityOfFile, identityOfModel, identityOfPart } from './weights-identity.ts';

/** The files of a look, opened and found to go together. Only headers have been read. */
export type OpenedLook = {
  readonly model: Model;
  /** Instead of the model's own. */
  readonly vae: Part | null;
  readonly learned: readonly LearnedVectors[];
};

/** Failures: those of openModel; model-kind, model-family, weights-part, vae-latents. */
export async function openLook(look: DiffusionLook): Promise<OpenedLook> {
  const model = await openOfKind(look.model, ['checkpoint', 'unet'], 'model');
  const family = model.identity.family ?? 'sd15';
  requirePart(model, 'unet');
  for (const kind of TEXT_ENCODERS[family]) requirePart(model, kind);
  const vae = look.vae === null ? null : await openVae(look.vae, model);
  if (vae === null) requirePart(model, 'vae');
  const learned: LearnedVectors[] = [];
  for (const path of look.embeddings) {
    refuseOtherFamily(await openOfKind(path, ['textual-inversion'], 'embedding'), model);
    learned.push(await openLearnedWord(path));
  }
  return { model, vae, learned };
}

/** What the files of a look are by content: for cache keys. */
export async function identityOfLook({ embeddings }: DiffusionLook, { model, vae }: OpenedLook): Promise<string> {
  const words = await Promise.all(embeddings.map(identityOfFile));
  return JSON.stringify([await identityOfModel(model), vae && (await identityOfPart(vae)), words]);
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
  consistency: { attention: 'own', window: 1, start: 0, shape: 0, tone: 0, colour: false },
});

const TEXT_ENCODERS: Readonly<Record<Family, readonly PartKind[]>> = {
  sd15: ['textEncoder'],
  sd21: ['textEncoder'],
  sdxl: ['textEncoder', 'textEncoder2'],
  'sdxl-refiner': ['textEncoder2'],
};

/** Opens a model file that is asked for as one of some kinds. Failures: those of openModel, model-kind. */
async function openOfKind(path: string, kinds: readonly Kind[], role: 'model' | 'vae' | 'embedding'): Promise<Model> {
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

function refuseOtherFamily({ path, identity: { family } }: Model, model: Model): void {
  const wanted = model.identity.family;
  if (family === null || wanted === null || family === wanted) return;
  const facts = { path, family: FAMILY_NAMES[family], model: model.path, modelFamily: FAMILY_NAMES[wanted] };
  throw new Failure('model-family', facts);
}
