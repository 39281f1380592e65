import { randomInt } from 'node:crypto';
import type { Limits } from './limits.ts';
import { sameSecret } from './secret.ts';

/** Crockford's base 32: no letter that can be read as another (https://www.crockford.com/base32.html). */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const LENGTH = 8;

/**
 * The one-time code by which a panel gets the token: 40 random bits, asked for by the user, good once, for minutes, and for a few
 * guesses; guessed wrongly as often it is gone, and only the user can ask for another.
 */
export class Pairing {
  readonly #limits: Pick<Limits, 'pairingMs' | 'pairingTries'>;
  readonly #now: () => number;
  #offer: { readonly code: string; readonly until: number; tries: number } | null = null;

  constructor(limits: Pick<Limits, 'pairingMs' | 'pairingTries'>, now: () => number = Date.now) {
    this.#limits = limits;
    this.#now = now;
  }

  /** A new code, which replaces the one before. `expiresAt` in milliseconds since 1970. */
  offer(): { code: string; expiresAt: number } {
    const code = Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
    const until = this.#now() + this.#limits.pairingMs;
    this.#offer = { code, until, tries: this.#limits.pairingTries };
    return { code: `${code.slice(0, 4)}-${code.slice(4)}`, expiresAt: until };
  }

  /** Whether this is the code; true at most once for each. */
  accept(given: string): boolean {
    const offer = this.#offer;
    if (!offer) return false;
    if (this.#now() >= offer.until) {
      this.#offer = null;
      return false;
    }
    offer.tries -= 1;
    const right = sameSecret(asTyped(given), offer.code);
    if (right || offer.tries === 0) this.#offer = null;
    return right;
  }
}

/** What people type for a code: any case, with or without the hyphen, O for 0, I and L for 1. */
function asTyped(text: string): string {
  return text.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
}
