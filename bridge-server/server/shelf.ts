import { EventEmitter } from 'node:events';
import { randomUUID } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { kindOfNet } from '../control/kinds.ts';
import { usualSampling } from '../diffusion/usual-sampling.ts';
import { Failure } from '../errors.ts';
import { refuseNeeded } from '../jobs/needed-models.ts';
import type { Jobs } from '../jobs/queue.ts';
import { CATALOGUE } from '../models/catalogue.ts';
import { HUB } from '../models/hub.ts';
import { internet } from '../models/request.ts';
import { findModels } from '../models/scan.ts';
import type { Adding, ModelStore, StoredModel } from '../models/store.ts';
import type { ModelsView } from '../protocol/http.ts';
import type { AddingView } from '../protocol/messages.ts';
import { FAMILY_NAMES } from '../weights/family.ts';
import { type Bounds, confineInput, within } from './confine.ts';
import { inWords } from './in-words.ts';
import { Turns } from './turns.ts';

/** Models that may wait to be added; more than anybody asks for. */
const MOST = 16;

/** The models that the user keeps, as clients see them and add to them. One is fetched at a time. */
export class Shelf {
  readonly events = new EventEmitter<{ adding: [AddingView] }>();
  readonly #models: ModelStore;
  readonly #jobs: Pick<Jobs, 'isOffline' | 'pending'>;
  readonly #turns = new Turns(1);
  /** What is not finished, by its id. */
  readonly #adding = new Map<string, AddingView>();
  readonly #ending = new AbortController();

  constructor(models: ModelStore, jobs: Pick<Jobs, 'isOffline' | 'pending'>) {
    this.#models = models;
    this.#jobs = jobs;
    this.events.setMaxListeners(0);
  }

  /** What can be used, and what can be fetched. */
  async list(): Promise<ModelsView> {
    return { models: (await this.#models.list()).flatMap(view), offered: OFFERED };
  }

  /** What is being added now. */
  adding(): AddingView[] {
    return [...this.#adding.values()];
  }

  /**
   * Begins to add what `models add` takes: a path, which must lie within the bounds with all that it leads to, an address, a repository or
   * a name of the catalogue. Asked twice it is one. Failures: those of confineInput, too-many-messages.
   */
  async add(from: string, bounds: Bounds): Promise<string> {
    const known = this.adding().find((one) => one.from === from);
    if (known) return known.id;
    // Anything else is never looked for on this machine.
    const path = isAbsolute(from) ? await confineModels(from, bounds) : null;
    if (this.#adding.size >= MOST) throw new Failure('too-many-messages', undefined);
    const id = randomUUID();
    this.#tell({ id, from, done: 0, total: null, state: 'running', error: null });
    void this.#turns
      .take(
        () =>
          path === null ? this.#models.fetch(from, this.#means(id)) : this.#models.register(path, this.#means(id)),
        this.#ending.signal,
      )
      .then(
        () => this.#end(id, { state: 'done', error: null }),
        (error: unknown) => this.#end(id, { state: 'failed', error: inWords(error) }),
      );
    return id;
  }

  /**
   * Deletes a model that the install downloaded or trained, forgets one that the user keeps elsewhere. Only one of the list, by its
   * path: a name would mean another model once more of them are there. Failures: model-unknown, model-not-ours, model-needed.
   */
  async remove(path: string): Promise<{ path: string; deleted: boolean }> {
    const model = (await this.#models.list()).find((one) => one.path === path);
    if (!model) throw new Failure('model-unknown', { name: path });
    return await this.#models.remove(model.path, (real) => refuseNeeded(real, this.#jobs.pending()));
  }

  /** What is not complete goes on when it is asked for again. */
  close(): void {
    this.#ending.abort();
  }

  #means(id: string): Adding {
    return {
      network: internet,
      hub: HUB,
      offline: this.#jobs.isOffline(),
      sha256: null,
      signal: this.#ending.signal,
      report: ({ doneBytes, totalBytes }) => {
        const now = this.#adding.get(id);
        if (now) this.#tell({ ...now, done: doneBytes, total: totalBytes });
      },
    };
  }

  #tell(news: AddingView): void {
    this.#adding.set(news.id, news);
    this.events.emit('adding', news);
  }

  #end(id: string, outcome: Pick<AddingView, 'state' | 'error'>): void {
    const last = this.#adding.get(id)!;
    this.#adding.delete(id);
    this.events.emit('adding', { ...last, ...outcome });
  }
}

/** Links in the folders of a registered folder are followed when it is searched: what they lead to must be allowed too. */
async function confineModels(path: string, bounds: Bounds): Promise<string> {
  const real = await confineInput(path, bounds);
  for (const model of await findModels(real)) {
    if (!within(bounds, await realpath(model))) throw new Failure('path-outside-roots', { path: model });
  }
  return real;
}

/** What cannot be used is left out. */
function view({ path, name, bytes, identity, trigger }: StoredModel): ModelsView['models'] {
  if (!identity) return [];
  const { kind, variant } = identity;
  return [
    {
      ...{ path, name, kind, bytes, trigger },
      family: identity.family && FAMILY_NAMES[identity.family],
      ...(kind === 'checkpoint' ? usualSampling(variant) : { steps: null, guidance: null }),
      control: kind === 'controlnet' ? kindOfNet(name) : null,
    },
  ];
}

const OFFERED: ModelsView['offered'] = CATALOGUE.map(({ name, what, kind, family, bytes, repository }) => ({
  ...{ name, what, kind, bytes },
  family: FAMILY_NAMES[family],
  source: `${HUB}/${repository}`,
}));
