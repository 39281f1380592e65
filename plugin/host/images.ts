import { HostProblem } from './problem.ts';

const IMAGE = /\.(png|jpe?g|tiff?|webp|exr|dpx|tga|bmp|gif|psd|heic)$/i;
const NUMBERED = /^(.*?)[\\/][^\\/]*?(\d+)\.[^.\\/]+$/;

/**
 * Editors name a sequence of images by its first file: the folder and that file's number. `folder` null for anything else. Throws
 * HostProblem for an image without a number, which no sequence starts with.
 */
export function imageFolder(path: string): { folder: string | null; first: number } {
  if (!IMAGE.test(path)) return { folder: null, first: 0 };
  const [, folder, number] = NUMBERED.exec(path) ?? [];
  if (folder === undefined || number === undefined) throw new HostProblem('still');
  return { folder, first: Number(number) };
}
