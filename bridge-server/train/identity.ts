import { createHash } from 'node:crypto';
import { identityOfModel } from '../jobs/weights-identity.ts';
import type { Clip } from '../media/clip.ts';
import { contentHash } from '../media/content-hash.ts';
import { numberedImages } from '../media/image.ts';
import type { TrainRequest } from '../protocol/train-request.ts';
import type { Model } from '../weights/model.ts';

/** Raise it when the same request gives other weights. */
const CODE = 2;

/** A hash of what decides the weights: the request, and for the paths in it what is there. */
export async function identityOf(request: TrainRequest, shown: readonly Clip[], model: Model): Promise<string> {
  const clips = request.clips.map(({ source: { from, to }, subject }) => ({ from, to, subject }));
  const decisive = { ...request, clips, prior: request.prior?.caption, model: null, samples: null, output: null };
  const images = await Promise.all(imageFolders(request).map(sortedImages));
  const contents = [await contentHash(images.flat()), await identityOfModel(model)];
  return createHash('sha256')
    .update(JSON.stringify([CODE, decisive, shown.map(({ identity }) => identity), contents]))
    .digest('hex');
}

/** Of images of the class, and of masks of the subject. */
const imageFolders = (request: TrainRequest): string[] => [
  ...(request.prior ? [request.prior.folder] : []),
  ...maskFolders(request),
];

/** Of masks of the subject, clip by clip. */
export const maskFolders = ({ clips }: Pick<TrainRequest, 'clips'>): string[] =>
  clips.flatMap(({ subject }) =>
    subject.kind === 'mask' && subject.mask.kind === 'images' ? [subject.mask.folder] : [],
  );

/** The images in a folder in the order of their numbers. */
export const sortedImages = async (folder: string): Promise<string[]> =>
  [...(await numberedImages(folder))].sort(([a], [b]) => a - b).map(([, path]) => path);
