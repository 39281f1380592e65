import { z } from 'zod';

/** Where diffusers since 0.34 keeps PEFT's configuration: JSON in the metadata, keys of each network behind its prefix. */
const KEY = 'lora_adapter_metadata';

const configSchema = z.record(z.string(), z.unknown());
const alphas = z.record(z.string(), z.number());

const PREFIXES = ['unet.', 'text_encoder.', 'text_encoder_2.'];

/**
 * The alpha of a module in a file of PEFT's that keeps it among the metadata; null when it says none. `module` as the file calls
 * it. A rank-stabilised adapter (https://arxiv.org/abs/2312.03732) divides by the root of the rank: here that is in the alpha.
 */
export function peftAlpha(metadata: Readonly<Record<string, string>>, module: string, rank: number): number | null {
  const config = readConfig(metadata[KEY]);
  if (!config) return null;
  const prefix = PREFIXES.find((text) => module.startsWith(text)) ?? '';
  const get = (key: string): unknown => config[prefix + key] ?? config[key];
  const patterns = alphas.safeParse(get('alpha_pattern')).data ?? {};
  const own = Object.keys(patterns).find((pattern) => module === prefix + pattern || module.endsWith(`.${pattern}`));
  const alpha = own === undefined ? z.number().safeParse(get('lora_alpha')).data : patterns[own];
  if (alpha === undefined) return null;
  return get('use_rslora') === true ? alpha * Math.sqrt(rank) : alpha;
}

function readConfig(text: string | undefined): Readonly<Record<string, unknown>> | null {
  if (text === undefined) return null;
  try {
    return configSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
