import { fit } from '../masks/fit.ts';
import { coverOf, type DetailSettings, pasted, type Placement } from './detail.ts';
import { touched } from './inpainting.ts';
import { type Autoencoder, CELL } from './networks/autoencoder.ts';
import type { Guidance } from './networks/batch.ts';
import type { UNet } from './networks/unet.ts';
import type { PaintJob } from './painter.ts';
import { LATENT_CHANNELS, type PassMember, type PassNoise, runPass } from './pass.ts';
import { crop, type Planes, withData } from './picture/planes.ts';
import { resample } from './picture/resample.ts';
import { type Size, workingSize } from './picture/size.ts';
import type { Scheduler } from './schedulers/scheduler.ts';

/** How one detail of a picture is painted. */
type DetailPass = {
  readonly detail: DetailSettings;
  readonly placement: Placement;
  readonly scheduler: Scheduler;
  /** Pixels to work at. */
  readonly area: number;
  /** `cells`: the latent's size. */
  readonly guidanceOf: (job: PaintJob, cells: Size, signal: AbortSignal) => Promise<Guidance>;
  /** For a latent of that length. */
  readonly noiseOf: (length: number) => PassNoise;
  readonly onStep: () => void;
};

/** A finished picture of a job with one of its details painted over, larger. */
export async function withDetail(
  networks: { readonly unet: UNet; readonly autoencoder: Autoencoder },
  picture: Planes,
  job: PaintJob,
  { detail: { prompt, feather }, placement, scheduler, area, guidanceOf, noiseOf, onStep }: DetailPass,
  signal: AbortSignal,
): Promise<Planes> {
  const { x, y, width, height } = placement.crop;
  const cut = (planes: Planes): Planes => crop(planes, x, y, width, height);
  const size = workingSize(placement.crop, area);
  const cells = { width: size.width / CELL, height: size.height / CELL };
  const cover = coverOf(placement, feather);
  const own =
    prompt === null
      ? { ...job, regions: job.regions.map((region) => ({ ...region, mask: cut(region.mask) })) }
      : { ...job, prompt, fade: null, regions: [] };
  const maps: Planes[] = [];
  for (const draw of job.maps) maps.push(resample(cut(await draw(job.size, signal)), size.width, size.height));
  const member: PassMember = {
    picture: resample(cut(picture), size.width, size.height),
    mask: fit(withData(cover, touched(cover.data)), size, 'most'),
    guidance: await guidanceOf(own, cells, signal),
    maps,
    noise: noiseOf(LATENT_CHANNELS * cells.width * cells.height),
    lent: null,
  };
  const keeping = { level: 'next', cell: 'most' } as const;
  const [painted] = await runPass(
    networks,
    { size, members: [member], sees: null, guests: 0, scheduler, keeping, onStep },
    signal,
  );
  return pasted(picture, resample(painted!.picture!, width, height), placement, cover);
}
