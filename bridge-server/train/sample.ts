import { NO_CONSISTENCY } from '../diffusion/consistency/settings.ts';
import { openPainter } from '../diffusion/painter.ts';
import type { Size } from '../diffusion/picture/size.ts';
import type { Runtime } from '../diffusion/runtime/runtime.ts';
import type { Frame } from '../media/frame.ts';
import { openLora } from '../weights/lora.ts';
import type { Model } from '../weights/model.ts';
import { withLoras } from '../weights/with-loras.ts';

const STEPS = 20;
const GUIDANCE = 7.5;

/** A picture of the prompt from noise alone, with a LoRA's file: the same noise every time, so that pictures show what was learnt. */
export async function sampleOf(
  model: Model,
  lora: string,
  { prompt, seed, size }: { prompt: string; seed: number; size: Size },
  runtime: Runtime,
  signal: AbortSignal,
): Promise<Frame> {
  const { model: changed } = withLoras(model, [{ lora: await openLora(lora), scale: 1 }]);
  const { width, height } = size;
  const painter = await openPainter(changed, {
    runtime,
    settings: {
      negative: '',
      steps: STEPS,
      guidance: GUIDANCE,
      strength: 1,
      scheduler: null,
      seed,
      clipSkip: 1,
      area: width * height,
      secondPass: null,
      consistency: NO_CONSISTENCY,
      details: [],
    },
    profile: 'small',
    pictures: 1,
    size: { width, height },
  });
  const job = {
    frame: null,
    prompt,
    fade: null,
    regions: [],
    size: { width, height },
    mask: null,
    maps: [],
    details: [],
    noise: 0,
  };
  const [painted] = await painter.paint({ jobs: [job], earlier: null }, signal);
  return painted!.picture;
}
