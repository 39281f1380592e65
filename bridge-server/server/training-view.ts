import { join } from 'node:path';
import { nativeArea } from '../diffusion/passes.ts';
import { frameOf } from '../diffusion/picture/planes.ts';
import { Failure } from '../errors.ts';
import { encodeJpeg, readImage } from '../media/image.ts';
import type { TrainingView } from '../protocol/job.ts';
import type { TrainEstimate, TrainFramesAnswer, TrainFramesQuestion, TrainRequest } from '../protocol/train-request.ts';
import { estimateOf } from '../train/estimate.ts';
import { cropped } from '../train/examples.ts';
import { readReport, sampleName } from '../train/report.ts';
import { examplesOf } from '../train/shot.ts';
import { openModel } from '../weights/model.ts';
import { Findings } from './findings.ts';
import { markOf, type OpenClips } from './open-clips.ts';
import type { SideEngine } from './side-engine.ts';
import { Turns } from './turns.ts';

type Chosen = Extract<TrainFramesAnswer, { examples: unknown }>;

/** What is looked at of trainings: before one is begun, while it runs, and when it is done. */
export class TrainingViews {
  readonly #clips: OpenClips;
  readonly #side: SideEngine;
  readonly #chosen = new Findings<Chosen>();
  readonly #turns = new Turns(2);
  readonly #estimates = new Turns(1);

  constructor(clips: OpenClips, side: SideEngine) {
    this.#clips = clips;
    this.#side = side;
  }

  /** Which frames a training would choose by itself. Failures: those of openClip, openModel and examplesOf. */
  async frames({ clips, count, model, area }: TrainFramesQuestion, signal: AbortSignal): Promise<TrainFramesAnswer> {
    const open = await Promise.all(clips.map(({ source }) => this.#clips.get(source)));
    const pixels = area ?? nativeArea(await openModel(model));
    const masks = await Promise.all(
      clips.map(async ({ subject }) =>
        subject.kind === 'mask' && subject.mask.kind === 'images' ? markOf(subject.mask.folder) : '',
      ),
    );
    const subjects = clips.map(({ subject }) => subject);
    const name = JSON.stringify([open.map(({ mark }) => mark), subjects, masks, count, pixels]);
    const total = open.reduce((sum, { clip: { range } }) => sum + range.to - range.from, 0);
    const answer = await this.#chosen.ask(
      name,
      total,
      (tell, stop) =>
        this.#side.use(async ({ engine }) => {
          const asked = { clips, caption: '', trigger: '', examples: { kind: 'auto', count } } as const;
          const footage = open.map(({ clip }) => clip);
          const { examples, size, notes } = await examplesOf(engine, footage, asked, pixels, tell, stop);
          return { examples: examples.map(({ clip, frame, box }) => ({ clip, frame, box })), size, notes: [...notes] };
        }, stop),
      signal,
    );
    return 'looking' in answer ? answer : answer.found;
  }

  /** What one would take; one estimate at a time, since it measures how fast this machine is. Failures: those of estimateOf. */
  estimate(request: TrainRequest, freeBytes: number, signal: AbortSignal): Promise<TrainEstimate> {
    return this.#estimates.take(() => estimateOf(request, freeBytes, signal), signal);
  }

  /** What is known of a training that keeps it in `folder`. */
  report(folder: string): Promise<TrainingView> {
    return readReport(folder);
  }

  /** A picture that it is trained on, as it is trained on. Failures: training-picture, and those of reading the clip. */
  async example(
    { clips }: TrainRequest,
    folder: string,
    number: number,
    width: number,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { examples, size } = await readReport(folder);
    const example = examples[number];
    const source = clips[example?.clip ?? -1]?.source;
    if (!example || !source || !size) throw new Failure('training-picture', { what: `example ${number}` });
    const { window } = await this.#clips.get(source);
    return this.#turns.take(async () => {
      const frame = await window.get(example.frame, signal);
      return encodeJpeg(frameOf(cropped(frame, example.box, size)), { width });
    }, signal);
  }

  /** What the LoRA could do after so many steps. Failure: training-picture. */
  sample(folder: string, step: number, width: number, signal: AbortSignal): Promise<Uint8Array> {
    return this.#turns.take(async () => {
      const { samples } = await readReport(folder);
      const what = `sample after ${step} steps`;
      if (!samples.some((one) => one.step === step)) throw new Failure('training-picture', { what });
      return encodeJpeg(await readImage(join(folder, `${sampleName(step)}.png`)), { width });
    }, signal);
  }

  close(): Promise<void> {
    return this.#chosen.close();
  }
}
