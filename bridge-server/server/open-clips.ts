import { stat } from 'node:fs/promises';
import { type Clip, FrameWindow, openClip } from '../media/clip.ts';
import type { RenderRequest } from '../protocol/request.ts';
import { Turns } from './turns.ts';

/** Clips that are open at once: a source and two versions of its result are compared. */
const CLIPS = 3;
/** What the decoded frames of one may take. */
const WINDOW_BYTES = 128 * 2 ** 20;
/** How long a clip stays open that nobody asks for; its decoder waits meanwhile. */
const IDLE_MS = 20_000;

/** Clips that are being opened at once. */
const AT_ONCE = 2;

const never = new AbortController().signal;

export type OpenClip = {
  readonly clip: Clip;
  readonly window: FrameWindow;
  /** The same for the same source, as long as its file or folder is not written anew. */
  readonly mark: string;
};

type Kept = { readonly mark: string; readonly opened: Promise<OpenClip> };

/** The clips that were looked into last stay open, so that the next frame of one costs no more than its decoding. */
export class OpenClips {
  /** Least recently used first. */
  readonly #kept = new Map<string, Kept>();
  readonly #opening = new Turns(AT_ONCE);
  #idle: NodeJS.Timeout | null = null;

  /** Failures: those of openClip. Who asks first and leaves does not take the clip from the others: opening it is soon done. */
  async get(source: RenderRequest['source']): Promise<OpenClip> {
    const key = JSON.stringify(source);
    const mark = `${key} ${await markOf(source.path)}`;
    this.#idle?.refresh();
    this.#idle ??= setTimeout(() => void this.close(), IDLE_MS).unref();
    let kept = this.#kept.get(key);
    if (kept?.mark !== mark) {
      if (kept) void this.#drop(key);
      kept = { mark, opened: this.#opening.take(() => open(source, mark), never) };
      kept.opened.catch(() => this.#kept.get(key) === kept && this.#kept.delete(key));
    }
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    if (this.#kept.size > CLIPS) void this.#drop(this.#kept.keys().next().value!);
    return await kept.opened;
  }

  /** What is open now; others may be opened after it. */
  async close(): Promise<void> {
    if (this.#idle) clearTimeout(this.#idle);
    this.#idle = null;
    await Promise.all([...this.#kept.keys()].map((key) => this.#drop(key)));
  }

  async #drop(key: string): Promise<void> {
    const kept = this.#kept.get(key);
    this.#kept.delete(key);
    await kept?.opened.then(
      ({ window }) => window.close(),
      () => undefined,
    );
  }
}

async function open(source: RenderRequest['source'], mark: string): Promise<OpenClip> {
  const clip = await openClip(source, never);
  return { clip, window: new FrameWindow(clip, WINDOW_BYTES), mark };
}

/** Another as soon as the file or folder is written anew. */
export async function markOf(path: string): Promise<string> {
  const status = await stat(path, { bigint: true }).catch(() => null);
  return status ? `${status.ino} ${status.size} ${status.mtimeNs}` : '';
}
