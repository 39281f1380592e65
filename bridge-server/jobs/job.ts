import type { ShotStability } from '../measure/agreement.ts';
import type { Frame, FrameRange } from '../media/frame.ts';
import type { Advice } from '../propagate/advice.ts';
import type { RenderRequest } from '../protocol/request.ts';
import type { TrainRequest } from '../protocol/train-request.ts';
import type { FrameScore } from '../shot/analyse.ts';
import type { KeyChoice } from '../shot/keys.ts';
import type { Progress, Stage } from '../progress.ts';

/** What one stage of a job did: wall seconds, and how many of its units (frames or keys) it made or found in the cache. */
export type StageAccount = { readonly seconds: number; readonly computed: number; readonly cached: number };

/** Why a frame is a key; `explanation` is a sentence for the user. */
export type JobKey = Omit<KeyChoice, 'reason'> & { readonly reason: KeyChoice['reason'] | 'given' | 'chosen' };

export type RenderResult = {
  /** The finished movie, or the folder of images. */
  readonly output: string;
  /** The source's frames that were repainted, and how many they are. */
  readonly range: FrameRange;
  readonly frames: number;
  /** Wall time of the run that finished the job. */
  readonly seconds: number;
  readonly stages: Partial<Record<Stage, StageAccount>>;
  /** Highest resident memory of this process so far, its worker threads included, ffmpeg not. */
  readonly peakRssBytes: number;
  readonly keys: readonly JobKey[];
  /** Frames that begin a new shot, and what the analysis says of every frame; empty where nothing depended on it. */
  readonly cuts: readonly number[];
  readonly scores: readonly FrameScore[];
  /** How the keys and the frames of each shot agree; empty unless a model painted the keys. */
  readonly stability: readonly ShotStability[];
  /** Null where nothing lies between keys. */
  readonly advice: Advice | null;
  /** What the user should know about how the source was read or the request understood. */
  readonly notes: readonly string[];
};

export type TrainResult = {
  /** The LoRA's file. */
  readonly output: string;
  /** How many pictures it was trained on, a contact sheet of them, and the curve of the losses: PNGs. */
  readonly examples: number;
  readonly sheet: string;
  readonly curve: string;
  readonly steps: number;
  /** The mean of the last twentieth of the steps. */
  readonly loss: number;
  /** Wall time of the run that finished the job. */
  readonly seconds: number;
  /** What the user should know about the clips and what was chosen of them. */
  readonly notes: readonly string[];
};

/** `loss`: of the last step; null before the first. */
export type TrainProgress = Progress & { readonly loss: number | null };

type State<P, Result> =
  | { readonly state: 'queued' }
  | { readonly state: 'running'; readonly progress: P | null }
  | { readonly state: 'done'; readonly result: Result }
  | {
      readonly state: 'failed';
      readonly error: { readonly code: string; readonly message: string; readonly remedy: string };
    }
  | { readonly state: 'cancelled' }
  /** Stopped by the user, who means to go on. `progress`: how far it was. */
  | { readonly state: 'paused'; readonly progress: P | null }
  /** The process that ran it ended. */
  | { readonly state: 'interrupted' };

type Recorded<Kind, Request, P, Result> = {
  readonly id: string;
  /** The submitter's own name for it, if it gave one: submitting it again is this job. */
  readonly key: string | null;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly kind: Kind;
  /** As submitted; `{version}` in its output's path stands for `v001`, `v002`, … */
  readonly request: Request;
  /** Counts the renders of the same source and output, and the trainings of the same output, from 1. */
  readonly version: number;
  readonly state: State<P, Result>;
  /** Of a queued job: how many of its process run before it; null for all others. */
  readonly place: number | null;
};

export type RenderJob = Recorded<'render', RenderRequest, Progress, RenderResult>;
export type TrainJob = Recorded<'train', TrainRequest, TrainProgress, TrainResult>;
export type JobRecord = RenderJob | TrainJob;
export type JobState = JobRecord['state'];

/** What a job is to do. */
export type Task = Pick<RenderJob, 'kind' | 'request'> | Pick<TrainJob, 'kind' | 'request'>;

/** A job as it is now, whenever it changes. */
export type JobEvent = { readonly job: JobRecord };

/** What a key is becoming while it is painted: small and rough. */
export type PreviewEvent = { readonly job: string; readonly frame: number; readonly picture: Frame };

/** Nobody means to go on with a job in such a state, unless it is resumed. */
export const isSettled = ({ state }: JobState): boolean => !['queued', 'running', 'paused'].includes(state);
