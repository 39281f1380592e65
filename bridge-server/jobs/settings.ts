import { Failure } from '../errors.ts';

type Setting = {
  /** From what the user typed to what is stored. Throws Failure 'arguments-unusable'. */
  readonly read: (text: string) => string;
  readonly show: (stored: string) => string;
  /** What holds when nothing is stored, in words. */
  readonly usual: string;
};

const UNITS: Record<string, number> = { '': 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 };

/** What a user may set for a whole install. */
export const SETTINGS = {
  /** Bytes that what jobs keep for later may take. */
  'cache-budget': {
    read: (text) => {
      const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?b|)$/i.exec(text.trim());
      if (!match) throw new Failure('arguments-unusable', { reason: `${text} is not a size such as 50GB.` });
      return String(Math.round(Number(match[1]) * UNITS[match[2]!.toLowerCase()]!));
    },
    show: (stored) => `${Number(stored) / 1e9} GB`,
    usual: '20 GB, or half of what the disk has left if that is less',
  },
  /** 'on': nothing is ever downloaded. */
  offline: {
    read: (text) => {
      if (text !== 'on' && text !== 'off') {
        throw new Failure('arguments-unusable', { reason: 'The setting offline is either on or off.' });
      }
      return text;
    },
    show: (stored) => stored,
    usual: 'off',
  },
} satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;

export const isSetting = (name: string): name is SettingName => Object.hasOwn(SETTINGS, name);
