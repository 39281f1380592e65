/**
 * Files that people take for .safetensors, told by how they begin (never by their name). A pickle can run code when it is
 * read: it is never read here, whatever it is called.
 */
const FORMATS: readonly { readonly format: string; readonly begins: readonly (string | readonly number[])[] }[] = [
  // PyTorch has written zip archives since 1.6, before that bare pickles of protocol 2; others write up to protocol 5.
  { format: 'pickle', begins: ['PK\x03\x04', [0x80, 2], [0x80, 3], [0x80, 4], [0x80, 5]] },
  { format: 'GGUF (quantised weights for llama.cpp and its relatives)', begins: ['GGUF', 'GGML', 'ggjt', 'lmgg'] },
  { format: 'a web page', begins: ['<!DOCTYPE', '<!doctype', '<html', '<HTML', '<?xml', '<head', '<Error'] },
  { format: 'a Git LFS pointer instead of the file itself', begins: ['version https://git-lfs'] },
  { format: 'an HDF5 file', begins: [[0x89, 0x48, 0x44, 0x46]] },
  { format: 'an image', begins: [[0x89, 0x50, 0x4e, 0x47], [0xff, 0xd8, 0xff], 'RIFF', 'GIF8'] },
  { format: 'a gzip archive', begins: [[0x1f, 0x8b]] },
  { format: 'JSON text', begins: ['{"', '{\n', '{\r', '{ ', '[{'] },
];

/** What a file is when it is not .safetensors: 'pickle', or words for a message; null when nothing speaks against it. */
export function foreignFormat(start: Uint8Array): string | null {
  const matches = (magic: string | readonly number[]): boolean => {
    const bytes = typeof magic === 'string' ? Buffer.from(magic, 'latin1') : magic;
    return bytes.length <= start.length && bytes.every((byte, i) => start[i] === byte);
  };
  return FORMATS.find(({ begins }) => begins.some(matches))?.format ?? null;
}
