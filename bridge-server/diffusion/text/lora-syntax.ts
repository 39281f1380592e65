import { Failure } from '../../errors.ts';

/** A LoRA that a prompt asks for, by its name in the model store; scales as in AppliedLora. */
export type NamedLora = { readonly name: string; readonly scale: number; readonly textScale: number };

/** An escaped character, or a tag; both are found from left to right, so that an escaped backslash escapes nothing after it. */
const SYNTAX = /\\(.)|<lora:([^<>]*)>/gsu;

/**
 * Takes the LoRAs out of a prompt, in the syntax of the common web interfaces: <lora:name> at scale 1, <lora:name:0.8>, and
 * <lora:name:0.5:0.8> or <lora:name:te=0.5:unet=0.8> with a scale for the text encoders and one for the U-Net. \< is a plain
 * character; other escapes stay as they are for parsePrompt. A name that occurs twice comes back twice: scales add up.
 * Failure: prompt-lora.
 */
export function extractLoras(text: string): { readonly prompt: string; readonly loras: readonly NamedLora[] } {
  const loras: NamedLora[] = [];
  const prompt = text.replace(SYNTAX, (found, escaped: string | undefined, tag: string | undefined) => {
    if (tag === undefined) return escaped === '<' ? '<' : found;
    loras.push(readTag(found, tag));
    return '';
  });
  return { prompt: loras.length === 0 ? prompt : prompt.replaceAll(/ {2,}/g, ' ').trim(), loras };
}

function readTag(found: string, tag: string): NamedLora {
  const [name = '', ...rest] = tag.split(':').map((part) => part.trim());
  const named = (key: string): number[] =>
    rest.filter((part) => part.startsWith(`${key}=`)).map((part) => scaleOf(found, part.slice(key.length + 1)));
  const plain = rest.filter((part) => !/^(te|unet)=/.test(part)).map((part) => scaleOf(found, part));
  if (name === '' || plain.length > 2) throw new Failure('prompt-lora', { tag: found });
  const textScale = named('te')[0] ?? plain[0] ?? 1;
  return { name, scale: named('unet')[0] ?? plain[1] ?? textScale, textScale };
}

function scaleOf(found: string, text: string): number {
  const scale = text === '' ? NaN : Number(text);
  if (!Number.isFinite(scale)) throw new Failure('prompt-lora', { tag: found });
  return scale;
}
