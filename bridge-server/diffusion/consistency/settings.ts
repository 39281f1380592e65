/** What keeps the keys of a shot alike. What is 0, false or 'own' plays no part and costs nothing. */
export type Consistency = {
  /**
   * What the self-attention of a key reads: itself alone ('own'), itself with the shot's first key and the key before
   * ('anchored', https://arxiv.org/abs/2303.13439), or all keys of its window and those two ('joint').
   */
  readonly attention: 'own' | 'anchored' | 'joint';
  /** How many keys are sampled together when they see others. Their memory and time grow with it; the first key is always alone. */
  readonly window: number;
  /** How much of what a key starts from is the result of the key before, brought into its place, 0 to 1. */
  readonly start: number;
  /** In how much of the steps, from the first, the shapes are those of the key before, where it is seen, 0 to 1. */
  readonly shape: number;
  /** In how much of the steps, up to the last, the latent's statistics are brought into line with the first key's, 0 to 1. */
  readonly tone: number;
  /** Whether the colours of the finished key are brought into line with the first key's. */
  readonly colour: boolean;
};

/** Every key for itself. */
export const NO_CONSISTENCY: Consistency = { attention: 'own', window: 1, start: 0, shape: 0, tone: 0, colour: false };

/** When nobody said. */
export const USUAL_CONSISTENCY: Consistency = NO_CONSISTENCY;

/** Whether a key depends on what an earlier one became. */
export const linksKeys = ({ attention, start, shape, tone, colour }: Consistency): boolean =>
  attention !== 'own' || followsPrevious({ start, shape }) || tone > 0 || colour;

/** Whether the result of the key before is brought into place. */
export const followsPrevious = ({ start, shape }: Pick<Consistency, 'start' | 'shape'>): boolean =>
  start > 0 || shape > 0;

/** Whether later keys are led by the course of this one's sampling, not only by its picture. */
export const leadsByCourse = (consistency: Consistency): boolean =>
  consistency.tone > 0 || followsPrevious(consistency);
