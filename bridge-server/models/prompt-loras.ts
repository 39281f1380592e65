import { extractLoras } from '../diffusion/text/lora-syntax.ts';
import type { DiffusionLook } from '../protocol/request.ts';

/**
 * The look with the LoRAs that its prompt names, <lora:name:0.8>, among its files, and the prompt without them. `find` gives the path
 * of a model by its name. Failures: prompt-lora, and those of `find`.
 */
export async function withNamedLoras(
  look: DiffusionLook,
  find: (name: string) => Promise<string>,
): Promise<DiffusionLook> {
  const { prompt, loras } = extractLoras(look.prompt);
  const named = [];
  for (const { name, scale, textScale } of loras) named.push({ file: await find(name), scale, textScale });
  return { ...look, prompt, loras: [...look.loras, ...named] };
}
