const IMAGE = /\.(png|jpe?g|tiff?|webp|exr|dpx|tga|bmp|gif|psd|heic)$/i;
const NUMBERED = /^(.*?)[\\/][^\\/]*?(\d+)\.[^.\\/]+$/;

export const isImage = (path: string): boolean => IMAGE.test(path);

/** Editors name a sequence of images by its first file: the folder and that file's number. Null for anything else. */
export function numberedImage(path: string): { readonly folder: string; readonly first: number } | null {
  if (!isImage(path)) return null;
  const [, folder, number] = NUMBERED.exec(path) ?? [];
  return folder === undefined || number === undefined ? null : { folder, first: Number(number) };
}
