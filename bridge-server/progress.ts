/** The stages of a job of either kind, in the order in which they run. */
export const STAGES = [
  'probe',
  'track',
  'analyse',
  'advise',
  'keys',
  'look',
  'preview',
  'match',
  'propagate',
  'measure',
  'deliver',
  // Those of a training.
  'survey',
  'encode',
  'train',
] as const;
export type Stage = (typeof STAGES)[number];

/** What everything long reports. `etaSeconds` is the time left in this stage, null until there is a rate to tell it from. */
export type Progress = {
  readonly stage: Stage;
  readonly done: number;
  readonly total: number;
  /** A key takes minutes where a network paints it: there the steps of its sampling are counted. */
  readonly unit: 'frames' | 'keys' | 'steps' | 'bytes';
  readonly etaSeconds: number | null;
};

/** Called often; must be cheap. The receiver decides how often to show it. `etaSeconds` is filled in by the job runner. */
export type Report = (done: number, total: number) => void;
