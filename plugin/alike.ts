import { NO_CONSISTENCY } from '../bridge-server/diffusion/consistency/settings.ts';
import type { Manner } from './request.ts';

/** What in the request keeps the keys of a shot alike. */
type Ties = Pick<Manner, 'noise' | 'consistency'>;

export const ALIKE = ['free', 'usual', 'alike', 'locked'] as const;
/** The same as one plain choice. */
export type Alike = (typeof ALIKE)[number];

/**
 * 'free': each key by itself. 'usual': from the same noise, and nothing else, so that no key depends on another. 'alike': in the
 * tones and colours of the first key too. 'locked': noise and shapes are carried from key to key, and a change of one repaints
 * those after it.
 */
const TIES: Readonly<Record<Alike, Ties>> = {
  free: { noise: 'own', consistency: NO_CONSISTENCY },
  usual: { noise: 'still', consistency: NO_CONSISTENCY },
  alike: { noise: 'still', consistency: { ...NO_CONSISTENCY, tone: 0.2, colour: true } },
  locked: {
    noise: 'carried',
    consistency: { attention: 'anchored', window: 1, start: 0, shape: 0.3, tone: 0.2, colour: true },
  },
};

export const tiesOf = (alike: Alike): Ties => TIES[alike];

/** Null: a combination that only the command line can say. */
export const alikeOf = ({ noise, consistency }: Ties): Alike | null =>
  ALIKE.find((alike) => {
    const ties = TIES[alike];
    const ways = Object.keys(NO_CONSISTENCY) as (keyof Ties['consistency'])[];
    return ties.noise === noise && ways.every((way) => ties.consistency[way] === consistency[way]);
  }) ?? null;
