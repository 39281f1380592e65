import { extractLoras, type NamedLora } from '../diffusion/text/lora-syntax.ts';
import type { DiffusionLook } from '../protocol/request.ts';

/**
 * The look with the LoRAs that its prompts name, <lora:name:0.8>, among its files, and the prompts without them: a LoRA is part of
 * the model, so it acts on the whole shot wherever it is named. `find` gives the path
 * of a model by its name. Failures: prompt-lora, and those of `find`.
 */
export async function withNamedLoras(
  look: DiffusionLook,
  find: (name: string) => Promise<string>,
): Promise<DiffusionLook> {
  const named: NamedLora[] = [];
  const without = (text: string): string => {
    const { prompt, loras } = extractLoras(text);
    named.push(...loras);
    return prompt;
  };
  const plain: DiffusionLook = {
    ...look,
    prompt: without(look.prompt),
    prompts: look.prompts.map((mark) => ({ ...mark, prompt: without(mark.prompt) })),
    regions: look.regions.map((region) => ({ ...region, prompt: without(region.prompt) })),
    details: look.details.map((detail) => ({ ...detail, prompt: detail.prompt && without(detail.prompt) })),
  };
  const loras = [...look.loras];
  for (const { name, scale, textScale } of named) loras.push({ file: await find(name), scale, textScale });
  return { ...plain, loras };
}
