import type {
  Action,
  ClipProjectItem,
  CompoundAction,
  FolderItem,
  FootageInterpretation,
  Guid,
  Keyframe,
  Marker,
  premierepro,
  Project,
  ProjectItem,
  Properties,
  Sequence,
  SequenceEditor,
  TickTime,
  TrackItemSelection,
  VideoClipTrackItem,
  VideoTrack,
} from '@adobe/premierepro';

/**
 * A Premiere Pro that behaves as badly as the real one is known to: factories that work only inside the lock and capture what is
 * there when they are called, arguments checked like native code does, casts that must not be passed on, booleans that lie,
 * imports that come late, tracks that cannot be made, sound that comes along, hooks that never fire. Everything is typed with
 * Adobe's own interfaces. State is plain data, so that undo is a copy.
 */

/** Without the call and construct signatures that Adobe's types carry and no object has. */
type Plain<T> = { [K in keyof T]: T[K] };

export const TPS = 254016000000n;

export type MediaFacts = {
  readonly frames: number;
  readonly rate: { readonly num: number; readonly den: number };
  readonly sound: boolean;
  readonly pixelAspect?: number;
};

export type SimMarker = { readonly at: bigint; readonly name: string };

/** Position, scale, rotation. */
export type SimMotion = [{ readonly x: number; readonly y: number }, number, number];
const STILL: SimMotion = [{ x: 0.5, y: 0.5 }, 100, 0];

export type SimItem = {
  readonly id: string;
  name: string;
  readonly kind: 'media' | 'sequence' | 'multicam' | 'generated' | 'adjustment' | 'bin';
  parent: string | null;
  path: string;
  proxy: string | null;
  offline: boolean;
  media: MediaFacts | null;
  inOut: { in: bigint; out: bigint } | null;
  /** What the user, or a plug-in, says instead of the file. */
  interpretation: { rate: number | null; pixelAspect: number | null };
  markers: SimMarker[];
  properties: Record<string, string>;
};

export type SimClip = {
  readonly id: string;
  item: string;
  name: string;
  start: bigint;
  end: bigint;
  in: bigint;
  out: bigint;
  speed: number;
  reversed: boolean;
  disabled: boolean;
  effects: string[];
  motion: SimMotion;
  animated: boolean;
};

export type SimTrack = { locked: boolean; muted: boolean; clips: SimClip[] };
export type SimSequence = {
  readonly guid: string;
  name: string;
  readonly ticksPerFrame: bigint;
  readonly width: number;
  readonly height: number;
  /** Of its item in the project. */
  readonly item: string;
  pixelAspect: string;
  playhead: bigint;
  inOut: { in: bigint; out: bigint } | null;
  markers: SimMarker[];
  video: SimTrack[];
  audio: SimTrack[];
};

/** What one frame of an exported movie shows, from the bottom up. */
export type ExportedFrame = readonly { readonly item: string; readonly time: bigint; readonly disabled: boolean }[];

export type SimState = { items: SimItem[]; sequences: SimSequence[] };

export type Mischief = {
  /** How many pauses an import takes to show up. */
  readonly importDelay: number;
  /** How many imports say true and do nothing. */
  readonly importsLost: number;
  /** How many transactions say true and do nothing. */
  readonly transactionsLost: number;
  /** Whether transactions say false although they did it. */
  readonly denies: boolean;
  /** Whether clips in the project keep properties; the types say that they do not. */
  readonly keepsProperties: boolean;
  /** How many pauses a copy of a sequence takes to show up. */
  readonly copyDelay: number;
  /** How many pauses an export takes. */
  readonly exportDelay: number;
  /** What becomes of exports: nobody tells of those that write nothing, or stop in the middle. */
  readonly exports: 'finish' | 'write nothing' | 'stop';
  /** When an export is answered, and how; the answer tells nothing. */
  readonly exportAnswer: { readonly when: 'at once' | 'when done' | 'never'; readonly what: boolean | 'throw' };
  /** Whether an out point is exported too. */
  readonly outInclusive: boolean;
  /** Whether a copy of a sequence is opened. */
  readonly opensCopies: boolean;
};

const GOOD: Mischief = {
  ...{ importDelay: 0, importsLost: 0, transactionsLost: 0, denies: false, keepsProperties: true },
  ...{ copyDelay: 0, exportDelay: 3, exports: 'finish', exportAnswer: { when: 'when done', what: true } },
  ...{ outInclusive: false, opensCopies: false },
};

type SimAction = Action & { readonly epoch: number; readonly apply: (state: SimState) => void };

export class SimPremiere {
  state: SimState = { items: [], sequences: [] };
  /** Names of what the user could undo, oldest first. */
  readonly undoSteps: { label: string; before: SimState }[] = [];
  readonly disk = new Map<string, MediaFacts>();
  readonly selected = new Set<string>();
  readonly guid = 'c0ffee00-0000-4000-8000-000000000001';
  /** What was exported, frame by frame, and what of it is written so far. */
  readonly exported = new Map<string, { readonly frames: readonly ExportedFrame[]; written: number }>();
  /** What `getExportFileExtension` tells of a preset. */
  readonly presets = new Map<string, string>();
  path = '/projects/Film.prproj';
  open = true;
  active: string | null = null;
  /** Puts a movie on the real disk, where a test has one. */
  onWrite: (path: string, frames: readonly ExportedFrame[]) => Promise<void> = () => Promise.resolve();
  /** What the user does while the panel waits. */
  onPause: () => void = () => undefined;
  /** What the user does just before the panel locks the project. */
  onLock: () => void = () => undefined;
  #mischief: Mischief;
  #late: { pauses: number; run: () => void }[] = [];
  #lock = 0;
  #epoch = 0;
  #transacting = false;
  #ids = 0;
  #panel = 0;
  #answersLeft = Infinity;
  #onClosed = (): void => undefined;

  constructor(mischief: Partial<Mischief> = {}) {
    this.#mischief = { ...GOOD, ...mischief };
    this.state.items.push(this.#item('root', 'bin', null));
  }

  // What a test sets up and looks at.

  addMedia(path: string, media: MediaFacts, changes: Partial<SimItem> = {}): SimItem {
    this.disk.set(path, media);
    const item = { ...this.#item(path.replace(/.*[\\/]/, ''), 'media', 'root'), path, media, ...changes };
    this.state.items.push(item);
    return item;
  }

  addItem(name: string, kind: SimItem['kind']): SimItem {
    const item = this.#item(name, kind, 'root');
    this.state.items.push(item);
    return item;
  }

  addSequence(name: string, ticksPerFrame: bigint, tracks = 1): SimSequence {
    const lane = (): SimTrack => ({ locked: false, muted: false, clips: [] });
    const sequence: SimSequence = {
      ...{ guid: this.#id(), name, ticksPerFrame, width: 1920, height: 1080, item: this.addItem(name, 'sequence').id },
      ...{ pixelAspect: '1.0', playhead: 0n, inOut: null, markers: [] },
      ...{ video: Array.from({ length: tracks }, lane), audio: [lane()] },
    };
    this.state.sequences.push(sequence);
    this.active = sequence.guid;
    return sequence;
  }

  /** Lays `frames` of the sequence at `at`, showing the item from the time `from` on; with its sound when it has any. */
  addClip(
    sequence: SimSequence,
    item: SimItem,
    where: { track?: number; at: number; frames: number; from?: bigint } & Partial<SimClip>,
  ): SimClip {
    const { track = 0, at, frames, from = 0n, ...changes } = where;
    const length = BigInt(frames) * sequence.ticksPerFrame;
    const start = BigInt(at) * sequence.ticksPerFrame;
    const clip: SimClip = {
      ...{ id: this.#id(), item: item.id, name: item.name, start, end: start + length, in: from, out: from + length },
      ...{ speed: 1, reversed: false, disabled: false, effects: [], motion: [...STILL], animated: false, ...changes },
    };
    this.sequence(sequence.guid).video[track]!.clips.push(clip);
    if (item.media?.sound) this.sequence(sequence.guid).audio[0]!.clips.push({ ...clip, id: `${clip.id}-sound` });
    return clip;
  }

  select(...clips: SimClip[]): void {
    this.selected.clear();
    for (const { id } of clips) this.selected.add(id).add(`${id}-sound`);
  }

  sequence(guid: string): SimSequence {
    return this.state.sequences.find((one) => one.guid === guid)!;
  }

  undo(): void {
    this.state = this.undoSteps.pop()!.before;
  }

  /** Hands the clock on: what was late comes, and the user does something. */
  readonly pause = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, 0));
    for (const one of this.#late) one.pauses -= 1;
    const due = this.#late.filter(({ pauses }) => pauses <= 0);
    this.#late = this.#late.filter(({ pauses }) => pauses > 0);
    for (const { run } of due) run();
    this.onPause();
  };

  /** What the bridge sees of a movie. */
  readonly look = async (path: string, frame: number): Promise<{ bytes: number; readable: boolean } | null> => {
    await Promise.resolve();
    const movie = this.exported.get(path);
    if (!movie || movie.written === 0) return null;
    // A movie can be read when it is finished.
    return { bytes: movie.written, readable: movie.written >= movie.frames.length && frame < movie.frames.length };
  };

  /** What `require('premierepro')` gives. */
  readonly api = this.#api();

  /**
   * Closes the panel after so many answers: what it waits for never comes, and the panel that is opened next knows nothing of it.
   * Resolves when it is closed.
   */
  closePanelAfter(answers: number): Promise<'closed'> {
    this.#answersLeft = answers;
    return new Promise((resolve) => (this.#onClosed = () => resolve('closed')));
  }

  /** The panel that was to be closed is left alone. */
  keepPanel(): void {
    this.#answersLeft = Infinity;
  }

  /** Answers come later, never at once; to a panel that was closed, never. */
  async #soon<T>(value: T): Promise<T> {
    const panel = this.#panel;
    await Promise.resolve();
    await Promise.resolve();
    this.#answersLeft -= 1;
    if (this.#answersLeft < 0 && panel === this.#panel) {
      this.keepPanel();
      this.#panel += 1;
      this.#onClosed();
    }
    return panel === this.#panel ? value : await new Promise<T>(() => undefined);
  }

  #api(): premierepro {
    const api: SimApi = {
      Project: {
        getActiveProject: native(0, 0, () => this.#soon(this.open ? this.#project() : (null as unknown as Project))),
        getProject: native(1, 1, (guid: Guid) =>
          this.open && String(guid) === this.guid ? this.#project() : (null as unknown as Project),
        ),
      },
      ProjectItem: {
        TYPE_CLIP: 1,
        TYPE_BIN: 2,
        TYPE_ROOT: 3,
        TYPE_FILE: 4,
        cast: (item) => item as unknown as ProjectItem,
      },
      ClipProjectItem: { cast: native(1, 1, (item) => this.#castClip(inside(item))!) },
      FolderItem: { cast: native(1, 1, (item) => this.#castFolder(inside(item))!) },
      Guid: { fromString: native(1, 1, (text: string) => ({ toString: () => text }) as Guid) },
      TickTime: { createWithTicks: native(1, 1, (ticks: string) => tick(BigInt(ticks))) },
      SequenceEditor: { getEditor: native(1, 1, (sequence) => this.#editor(inside(sequence).simId)) },
      Properties: {
        getProperties: native(1, 1, (owner) => this.#properties(inside(owner).simId)),
      },
      Markers: { getMarkers: native(1, 1, (owner) => this.#markers(inside(owner).simId)) },
      EncoderManager: {
        getManager: native(0, 0, () => this.#encoder()),
        getExportFileExtension: native(2, 2, (_sequence, preset: string) => {
          const ending = this.presets.get(preset);
          return ending === undefined ? Promise.reject(new Error('Invalid preset')) : this.#soon(ending);
        }),
      },
      // Hooks that never fire.
      EventManager: { addGlobalEventListener: () => undefined, removeGlobalEventListener: () => undefined },
      // Not the numbers that the types pretend.
      Constants: {
        TrackItemType: { EMPTY: 10, CLIP: 11, TRANSITION: 12 },
        MediaType: { ANY: 'any', VIDEO: 'video', AUDIO: 'audio' },
        PropertyType: { PERSISTENT: 'persistent', NON_PERSISTENT: 'volatile' },
        ExportType: { IMMEDIATELY: 'export.immediately', QUEUE_TO_AME: 'export.queue.ame' },
        SequenceEvent: { ACTIVATED: 'sequence.activated', SELECTION_CHANGED: 'sequence.selection' },
        ProjectEvent: { ACTIVATED: 'project.activated' },
      },
    };
    return api as unknown as premierepro;
  }

  #project(): Project {
    const project: Pick<
      Plain<Project>,
      | 'guid'
      | 'name'
      | 'getActiveSequence'
      | 'getSequence'
      | 'getRootItem'
      | 'lockedAccess'
      | 'executeTransaction'
      | 'importFiles'
      | 'path'
      | 'getSequences'
      | 'deleteSequence'
      | 'setActiveSequence'
    > = {
      path: this.path,
      getSequences: () => this.#soon(this.state.sequences.map(({ guid }) => this.#sequence(guid))),
      deleteSequence: native(1, 1, async (sequence: Sequence) => {
        const { simId } = inside(sequence);
        await this.#soon(null);
        // It cannot be undone, and takes its item with it; what nested it shows nothing.
        const { item } = this.sequence(simId);
        this.state.sequences = this.state.sequences.filter(({ guid }) => guid !== simId);
        this.state.items = this.state.items.filter(({ id }) => id !== item);
        if (this.active === simId) this.active = null;
        return false;
      }),
      setActiveSequence: native(1, 1, (sequence: Sequence) => {
        this.active = inside(sequence).simId;
        return this.#soon(false);
      }),
      guid: { toString: () => this.guid } as Project['guid'],
      name: 'Simulated',
      getActiveSequence: () =>
        this.#soon(this.active === null ? (null as unknown as Sequence) : this.#sequence(this.active)),
      getSequence: (guid) => {
        const there = this.state.sequences.some((one) => one.guid === String(guid));
        return there ? this.#sequence(String(guid)) : (null as unknown as Sequence);
      },
      getRootItem: () => this.#soon(this.#castFolder(this.#projectItem('root'))!),
      lockedAccess: native(1, 1, (callback: () => unknown) => {
        this.onLock();
        this.#lock += 1;
        this.#epoch += 1;
        try {
          refusePromise(callback());
        } finally {
          this.#lock -= 1;
        }
      }),
      executeTransaction: native(1, 2, (callback: (compound: CompoundAction) => unknown, label?: string) =>
        this.#transact(callback, label ?? 'Untitled'),
      ),
      importFiles: native(1, 4, (paths: string[], _quiet?: boolean, bin?: ProjectItem) =>
        this.#import(paths, bin as unknown as Tagged | undefined),
      ),
    };
    return project as Project;
  }

  #transact(callback: (compound: CompoundAction) => unknown, label: string): boolean {
    if (this.#lock === 0) throw new Error('executeTransaction outside lockedAccess');
    const actions: SimAction[] = [];
    this.#transacting = true;
    const compound = {
      addAction: (action: Action) => {
        if (!this.#transacting) throw new Error('addAction outside its transaction');
        if ((action as SimAction).epoch !== this.#epoch) throw new Error('Action has escaped its lock');
        actions.push(action as SimAction);
        return true;
      },
      empty: true,
    };
    try {
      refusePromise(callback(compound));
    } finally {
      this.#transacting = false;
    }
    if (actions.length === 0) return false;
    if (this.#mischief.transactionsLost > 0) {
      this.#mischief = { ...this.#mischief, transactionsLost: this.#mischief.transactionsLost - 1 };
      return true;
    }
    this.undoSteps.push({ label, before: structuredClone(this.state) });
    // The order within a transaction is nobody's to rely on.
    for (const action of actions.reverse()) action.apply(this.state);
    return !this.#mischief.denies;
  }

  /** A factory: works inside the lock only. What `make` reads, it reads now. */
  #action(make: () => (state: SimState) => void): Action {
    if (this.#lock === 0) throw new Error('Actions are created inside lockedAccess');
    return { epoch: this.#epoch, apply: make() };
  }

  async #import(paths: string[], bin: Tagged | undefined): Promise<boolean> {
    await this.#soon(null);
    if (!Array.isArray(paths) || paths.some((path) => typeof path !== 'string')) throw new Error('Invalid parameter.');
    const target = bin === undefined ? 'root' : rawItem(bin).simId;
    if (this.#mischief.importsLost > 0) {
      this.#mischief = { ...this.#mischief, importsLost: this.#mischief.importsLost - 1 };
      return true;
    }
    const run = (): void => {
      for (const path of paths) {
        const media = this.disk.get(path);
        if (!media) continue;
        const item = { ...this.#item(path.replace(/.*[\\/]/, ''), 'media', target), path, media };
        this.state.items.push(item);
        // Nothing that was imported can be undone, so no earlier state may lack it.
        for (const step of this.undoSteps) step.before.items.push(structuredClone(item));
      }
    };
    if (this.#mischief.importDelay === 0) run();
    else this.#late.push({ pauses: this.#mischief.importDelay, run });
    return true;
  }

  #find(id: string): SimItem {
    const item = this.state.items.find((one) => one.id === id);
    if (!item) throw new Error('Invalid object');
    return item;
  }

  #projectItem(id: string): Tagged {
    const item: Pick<Plain<ProjectItem>, 'type' | 'name' | 'getId' | 'createSetNameAction'> = {
      createSetNameAction: native(1, 1, (name: string) =>
        this.#action(() => (state) => {
          find(state, id).name = name;
          const sequence = state.sequences.find((one) => one.item === id);
          if (sequence) sequence.name = name;
        }),
      ),
      type: this.#find(id).kind === 'bin' ? (id === 'root' ? 3 : 2) : 1,
      name: this.#find(id).name,
      getId: () => id,
    };
    return { ...item, simId: id, raw: true };
  }

  #castClip(tagged: Tagged): ClipProjectItem | null {
    const id = tagged.simId;
    if (this.#find(id).kind === 'bin') return null;
    const media = (): MediaFacts | null => this.#find(id).media;
    const clip: Pick<
      Plain<ClipProjectItem>,
      | 'name'
      | 'type'
      | 'isSequence'
      | 'isMulticamClip'
      | 'isMergedClip'
      | 'isOffline'
      | 'getMediaFilePath'
      | 'hasProxy'
      | 'getProxyPath'
      | 'getFootageInterpretation'
      | 'findItemsMatchingMediaPath'
      | 'createSetInOutPointsAction'
      | 'createClearInOutPointsAction'
      | 'getInPoint'
      | 'getOutPoint'
      | 'createSetFootageInterpretationAction'
    > = {
      name: this.#find(id).name,
      type: 1,
      isSequence: () => this.#soon(['sequence', 'multicam'].includes(this.#find(id).kind)),
      isMulticamClip: () => this.#soon(this.#find(id).kind === 'multicam'),
      isMergedClip: () => this.#soon(false),
      isOffline: () => this.#soon(this.#find(id).offline),
      getMediaFilePath: () => this.#soon(this.#find(id).path),
      hasProxy: () => this.#soon(this.#find(id).proxy !== null),
      getProxyPath: () => this.#soon(this.#find(id).proxy ?? ''),
      getFootageInterpretation: () => {
        const rate = media()?.rate;
        const { interpretation } = this.#find(id);
        const told = {
          rate: interpretation.rate ?? Math.round((rate ? rate.num / rate.den : 0) * 1000) / 1000,
          pixelAspect: interpretation.pixelAspect ?? media()?.pixelAspect ?? 1,
        };
        const answer: Pick<
          FootageInterpretation,
          'getFrameRate' | 'setFrameRate' | 'getPixelAspectRatio' | 'setPixelAspectRatio'
        > = {
          getFrameRate: () => told.rate,
          setFrameRate: (value) => Boolean((told.rate = value)),
          getPixelAspectRatio: () => told.pixelAspect,
          setPixelAspectRatio: (value) => Boolean((told.pixelAspect = value)),
        };
        return this.#soon(answer as FootageInterpretation);
      },
      // Nothing of an interpretation counts before this.
      createSetFootageInterpretationAction: native(1, 1, (told: FootageInterpretation) =>
        this.#action(() => {
          const set = { rate: told.getFrameRate(), pixelAspect: told.getPixelAspectRatio() };
          return (state) => void (find(state, id).interpretation = set);
        }),
      ),
      getInPoint: native(1, 1, (type: unknown) => this.#soon(tick(partOf(this.#find(id), type).in))),
      getOutPoint: native(1, 1, (type: unknown) => this.#soon(tick(partOf(this.#find(id), type).out))),
      // Finds nothing, ever.
      findItemsMatchingMediaPath: () => this.#soon([]),
      createSetInOutPointsAction: native(2, 2, (from: TickTime, to: TickTime) =>
        this.#action(() => (state) => {
          find(state, id).inOut = { in: BigInt(from.ticks), out: BigInt(to.ticks) };
        }),
      ),
      createClearInOutPointsAction: native(0, 0, () =>
        this.#action(() => (state) => {
          find(state, id).inOut = null;
        }),
      ),
    };
    return { ...clip, simId: id, raw: false } as unknown as ClipProjectItem;
  }

  #castFolder(tagged: Tagged): FolderItem | null {
    const id = tagged.simId;
    if (this.#find(id).kind !== 'bin') return null;
    const folder: Pick<Plain<FolderItem>, 'name' | 'type' | 'getItems' | 'createBinAction'> = {
      name: this.#find(id).name,
      type: 2,
      getItems: () =>
        this.#soon(
          this.state.items
            .filter(({ parent }) => parent === id)
            .map((item) => this.#projectItem(item.id) as unknown as ProjectItem),
        ),
      createBinAction: native(2, 2, (name: string) =>
        this.#action(() => (state) => void state.items.push(this.#item(name, 'bin', id))),
      ),
    };
    return { ...folder, simId: id, raw: false } as unknown as FolderItem;
  }

  #sequence(guid: string): Sequence {
    const now = (): SimSequence => this.sequence(guid);
    const sequence: Pick<
      Plain<Sequence>,
      | 'guid'
      | 'name'
      | 'getTimebase'
      | 'getFrameSize'
      | 'getSettings'
      | 'getSelection'
      | 'getVideoTrackCount'
      | 'getVideoTrack'
      | 'getPlayerPosition'
      | 'getProjectItem'
      | 'getInPoint'
      | 'getOutPoint'
      | 'createSetInPointAction'
      | 'createSetOutPointAction'
      | 'createCloneAction'
    > = {
      getSettings: () =>
        this.#soon({ getVideoPixelAspectRatio: () => this.#soon(now().pixelAspect) } as Awaited<
          ReturnType<Sequence['getSettings']>
        >),
      getPlayerPosition: () => this.#soon(tick(now().playhead)),
      getProjectItem: () => this.#soon(this.#projectItem(now().item) as unknown as ProjectItem),
      getInPoint: () => this.#soon(tick(now().inOut?.in ?? 0n)),
      getOutPoint: () => this.#soon(tick(now().inOut?.out ?? endOf(now()))),
      createSetInPointAction: native(1, 1, (time: TickTime) =>
        this.#action(() => (state) => {
          const sequence = inState(state, guid);
          sequence.inOut = { in: BigInt(time.ticks), out: sequence.inOut?.out ?? endOf(sequence) };
        }),
      ),
      createSetOutPointAction: native(1, 1, (time: TickTime) =>
        this.#action(() => (state) => {
          const sequence = inState(state, guid);
          sequence.inOut = { in: sequence.inOut?.in ?? 0n, out: BigInt(time.ticks) };
        }),
      ),
      createCloneAction: native(0, 0, () => this.#action(() => this.#cloning(guid))),
      guid: { toString: () => guid } as Sequence['guid'],
      name: now().name,
      getTimebase: () => this.#soon(String(now().ticksPerFrame)),
      getFrameSize: () =>
        this.#soon({ width: now().width, height: now().height } as Awaited<ReturnType<Sequence['getFrameSize']>>),
      getSelection: () =>
        this.#soon({
          getTrackItems: () =>
            this.#soon([
              ...now().video.flatMap((track, index) =>
                track.clips
                  .filter(({ id }) => this.selected.has(id))
                  .map((clip) => this.#trackItem(guid, index, clip.id)),
              ),
              ...now().audio.flatMap((track) =>
                track.clips.filter(({ id }) => this.selected.has(id)).map(() => ({}) as VideoClipTrackItem),
              ),
            ]),
        } as TrackItemSelection),
      getVideoTrackCount: () => this.#soon(now().video.length),
      getVideoTrack: (index) => this.#soon(this.#track(guid, index)),
    };
    return { ...sequence, simId: guid, raw: true } as unknown as Sequence;
  }

  #track(guid: string, index: number): VideoTrack {
    const track: Pick<Plain<VideoTrack>, 'name' | 'getTrackItems' | 'isMuted' | 'setMute'> = {
      name: `Video ${index + 1}`,
      isMuted: () => this.#soon(this.sequence(guid).video[index]!.muted),
      // No action, and nothing to undo.
      setMute: native(1, 1, (muted: boolean) => {
        this.sequence(guid).video[index]!.muted = muted;
        return this.#soon(false);
      }),
      getTrackItems: native(2, 2, (type: unknown) => {
        if (type !== 11) throw new Error('Invalid parameter.');
        const clips = this.sequence(guid).video[index]?.clips ?? [];
        return clips.map(({ id }) => this.#trackItem(guid, index, id));
      }),
    };
    return track as VideoTrack;
  }

  #trackItem(guid: string, index: number, id: string): VideoClipTrackItem {
    const now = (): SimClip => clipIn(this.sequence(guid), id);
    const kind = (): SimItem['kind'] => this.#find(now().item).kind;
    const components = (): string[] => ['AE.ADBE Opacity', 'AE.ADBE Motion', ...now().effects];
    const item: Pick<
      Plain<VideoClipTrackItem>,
      | 'createAddVideoTransitionAction'
      | 'getName'
      | 'getSpeed'
      | 'isSpeedReversed'
      | 'isAdjustmentLayer'
      | 'isDisabled'
      | 'getStartTime'
      | 'getEndTime'
      | 'getInPoint'
      | 'getOutPoint'
      | 'getTrackIndex'
      | 'getProjectItem'
      | 'getComponentChain'
      | 'createSetDisabledAction'
    > = {
      createSetDisabledAction: native(1, 1, (disabled: boolean) =>
        this.#action(() => (state) => {
          clipIn(inState(state, guid), id).disabled = disabled;
        }),
      ),
      createAddVideoTransitionAction: () => this.#action(() => () => undefined),
      getName: () => this.#soon(now().name),
      getSpeed: () => this.#soon(now().speed),
      isSpeedReversed: () => this.#soon(now().reversed ? 1 : 0),
      isAdjustmentLayer: () => this.#soon(kind() === 'adjustment'),
      isDisabled: () => this.#soon(now().disabled),
      getStartTime: () => this.#soon(tick(now().start)),
      getEndTime: () => this.#soon(tick(now().end)),
      getInPoint: () => this.#soon(tick(now().in)),
      getOutPoint: () => this.#soon(tick(now().out)),
      getTrackIndex: () => this.#soon(index),
      getProjectItem: () => this.#soon(this.#projectItem(now().item) as unknown as ProjectItem),
      getComponentChain: () =>
        this.#soon({
          getComponentCount: () => components().length,
          getComponentAtIndex: (n: number) => ({
            ...(components()[n] === 'AE.ADBE Motion' ? this.#motion(guid, id) : { getParamCount: () => 0 }),
            getMatchName: () => this.#soon(components()[n]!),
            getDisplayName: () => this.#soon(components()[n]!.replace('AE.ADBE ', '')),
          }),
        } as unknown as Awaited<ReturnType<VideoClipTrackItem['getComponentChain']>>),
    };
    return item as VideoClipTrackItem;
  }

  #motion(guid: string, id: string) {
    const now = (): SimClip => clipIn(this.sequence(guid), id);
    return {
      getParamCount: () => STILL.length,
      getParam: (n: number) => ({
        isTimeVarying: () => now().animated,
        getStartValue: () => this.#soon({ value: { value: now().motion[n] } } as Keyframe),
        createKeyframe: (value: unknown) => {
          if (typeof value !== typeof STILL[n]) throw new Error('Invalid parameter.');
          return { value: { value } } as Keyframe;
        },
        createSetValueAction: native(1, 2, (keyframe: Keyframe) =>
          this.#action(() => (state) => {
            const { motion } = clipIn(inState(state, guid), id);
            (motion as unknown[])[n] = keyframe.value.value;
          }),
        ),
      }),
    };
  }

  /** A copy of a sequence: all that is in it anew, beside its item. When it shows up is another matter. */
  #cloning(guid: string): (state: SimState) => void {
    const original = structuredClone(this.sequence(guid));
    return () => {
      const run = (): void => {
        const item = this.addItem(`${original.name} Copy`, 'sequence').id;
        const lanes = (tracks: SimTrack[]): SimTrack[] =>
          tracks.map((track) => ({ ...track, clips: track.clips.map((clip) => ({ ...clip, id: this.#id() })) }));
        const copy: SimSequence = {
          ...{ ...original, guid: this.#id(), name: `${original.name} Copy`, item, inOut: null },
          ...{ video: lanes(original.video), audio: lanes(original.audio) },
        };
        this.state.sequences.push(copy);
        if (this.#mischief.opensCopies) this.active = copy.guid;
      };
      if (this.#mischief.copyDelay === 0) run();
      else this.#late.push({ pauses: this.#mischief.copyDelay, run });
    };
  }

  #markers(owner: string) {
    const markers = (
      this.state.sequences.find(({ guid }) => guid === owner) ?? this.state.items.find(({ id }) => id === owner)
    )?.markers;
    if (!markers) throw new Error('Invalid parameter.');
    return this.#soon({
      // Given a filter, it throws.
      getMarkers: native(0, 0, () =>
        markers.map(({ at, name }) => ({ getStart: () => tick(at), getName: () => name }) as Marker),
      ),
    } as unknown as Awaited<ReturnType<premierepro['Markers']['getMarkers']>>);
  }

  #encoder() {
    type Encoder = ReturnType<premierepro['EncoderManager']['getManager']>;
    const encoder: Pick<Encoder, 'exportSequence'> = {
      exportSequence: native(5, 5, async (sequence: Sequence, type: unknown, path, preset, full) => {
        if (type !== 'export.immediately' || !path || !preset || full !== false) throw new Error('Invalid parameter.');
        const { exports, exportDelay, exportAnswer } = this.#mischief;
        const movie = { frames: this.#rendered(inside(sequence).simId), written: 0 };
        this.exported.set(path, movie);
        let left = exportDelay;
        const done = new Promise<void>((resolve) => {
          const step = (): void => {
            left -= 1;
            const share = Math.min(1, 1 - left / exportDelay);
            if (exports !== 'write nothing') movie.written = Math.floor(movie.frames.length * share);
            if (exports === 'stop') movie.written = Math.min(movie.written, movie.frames.length - 1);
            if (left > 0) this.#late.push({ pauses: 1, run: step });
            else resolve(this.onWrite(path, movie.frames));
          };
          this.#late.push({ pauses: 1, run: step });
        });
        if (exportAnswer.when === 'never') return await new Promise(() => undefined);
        if (exportAnswer.when === 'when done') await done;
        else await this.#soon(null);
        if (exportAnswer.what === 'throw') throw new Error('Unknown error');
        return exportAnswer.what;
      }),
    };
    return encoder as Encoder;
  }

  /** What is seen between the in and out points of a sequence. */
  #rendered(guid: string): ExportedFrame[] {
    const sequence = this.sequence(guid);
    const { in: from, out } = sequence.inOut ?? { in: 0n, out: endOf(sequence) };
    const to = out + (this.#mischief.outInclusive ? sequence.ticksPerFrame : 0n);
    const frames: ExportedFrame[] = [];
    for (let time = from; time < to; time += sequence.ticksPerFrame) {
      const seen = sequence.video
        .filter(({ muted }) => !muted)
        .flatMap(({ clips }) => clips.filter(({ start, end }) => start <= time && time < end));
      frames.push(seen.map(({ item, disabled, ...clip }) => ({ item, disabled, time: clip.in + (time - clip.start) })));
    }
    return frames;
  }

  #editor(guid: string): SequenceEditor {
    /** The length and part of an item are what they are when the factory is called. */
    const laid = (tagged: Tagged, time: TickTime): Omit<SimClip, 'id'> => {
      const item = this.#find(rawItem(tagged).simId);
      const { in: from, out: to } = partOf(item, 'video');
      const { ticksPerFrame } = this.sequence(guid);
      const length = ((to - from + ticksPerFrame / 2n) / ticksPerFrame) * ticksPerFrame;
      const start = (BigInt(time.ticks) / ticksPerFrame) * ticksPerFrame;
      return {
        ...{ item: item.id, name: item.name, start, end: start + length, in: from, out: from + length },
        ...{ speed: 1, reversed: false, disabled: false, effects: [], motion: [...STILL], animated: false },
      };
    };
    const put = (tracks: SimTrack[], index: number, clip: SimClip): void => {
      const track = tracks[index];
      // Says nothing, does nothing.
      if (!track || track.locked) return;
      track.clips = [...track.clips.flatMap((one) => without(one, clip.start, clip.end)), clip];
    };
    const editor: Pick<Plain<SequenceEditor>, 'createOverwriteItemAction' | 'createInsertProjectItemAction'> = {
      createOverwriteItemAction: native(4, 4, (item: ProjectItem, time: TickTime, video: number, audio: number) =>
        this.#action(() => {
          checkPlace(time, video, audio);
          const clip = { ...laid(item as unknown as Tagged, time), id: this.#id() };
          const sound = this.#find(clip.item).media!.sound;
          return (state) => {
            const sequence = state.sequences.find((one) => one.guid === guid)!;
            put(sequence.video, video, clip);
            if (sound) put(sequence.audio, Math.max(0, audio), { ...clip, id: `${clip.id}-sound` });
          };
        }),
      ),
      createInsertProjectItemAction: native(
        5,
        5,
        (item: ProjectItem, time: TickTime, video: number, audio: number, limit: boolean) =>
          this.#action(() => {
            checkPlace(time, video, audio);
            const clip = { ...laid(item as unknown as Tagged, time), id: this.#id() };
            const sound = this.#find(clip.item).media!.sound;
            return (state) => {
              const sequence = state.sequences.find((one) => one.guid === guid)!;
              while (sequence.video.length <= video) sequence.video.push({ locked: false, muted: false, clips: [] });
              const length = clip.end - clip.start;
              for (const [index, track] of sequence.video.entries()) {
                if (limit && index !== video) continue;
                for (const one of track.clips) {
                  if (one.start >= clip.start) [one.start, one.end] = [one.start + length, one.end + length];
                }
              }
              put(sequence.video, video, clip);
              if (sound) put(sequence.audio, Math.max(0, audio), { ...clip, id: `${clip.id}-sound` });
            };
          }),
      ),
    };
    return editor as SequenceEditor;
  }

  #properties(id: string): Promise<Properties> {
    if (!this.#mischief.keepsProperties) return Promise.reject(new Error('Invalid parameter.'));
    const now = (): Record<string, string> => this.#find(id).properties;
    const properties: Pick<Plain<Properties>, 'hasValue' | 'getValue' | 'createSetValueAction'> = {
      hasValue: (name) => now()[name] !== undefined,
      getValue: (name) => now()[name] ?? '',
      createSetValueAction: native(3, 3, (name: string, value: unknown, persistence: unknown) =>
        this.#action(() => {
          if (persistence !== 'persistent' || typeof value !== 'string') throw new Error('Invalid parameter.');
          return (state) => void (find(state, id).properties[name] = value);
        }),
      ),
    };
    return this.#soon(properties as Properties);
  }

  #id(): string {
    this.#ids += 1;
    return `sim-${this.#ids}`;
  }

  #item(name: string, kind: SimItem['kind'], parent: string | null): SimItem {
    const id = parent === null ? 'root' : this.#id();
    const nothing = { path: '', proxy: null, offline: false, media: null, inOut: null };
    const interpretation = { rate: null, pixelAspect: null };
    return { id, name, kind, parent, ...nothing, interpretation, markers: [], properties: {} };
  }
}

/** What every object of the host carries inside. `raw` is false for what came out of a cast. */
type Tagged = { readonly simId: string; readonly raw: boolean };
const inside = (object: object): Tagged => object as Tagged;

/** Everything of the module that is simulated is what Adobe's types say of it; what is in `Constants` is not, on purpose. */
type SimApi = {
  [K in Exclude<keyof premierepro, 'Constants'>]?: Partial<Plain<premierepro[K]>>;
} & { readonly Constants: Partial<Record<keyof premierepro['Constants'], Readonly<Record<string, unknown>>>> };

const inState = (state: SimState, guid: string): SimSequence => state.sequences.find((one) => one.guid === guid)!;

const endOf = ({ video }: SimSequence): bigint =>
  video.flatMap(({ clips }) => clips).reduce((last, { end }) => (end > last ? end : last), 0n);

function clipIn(sequence: SimSequence, id: string): SimClip {
  const clip = sequence.video.flatMap(({ clips }) => clips).find((one) => one.id === id);
  if (!clip) throw new Error('Invalid object');
  return clip;
}

/** What of an item is placed: between its in and out points, which are its ends when nobody sets them. */
function partOf({ inOut, media, interpretation }: SimItem, type: unknown): { in: bigint; out: bigint } {
  if (type !== 'video' || !media) throw new Error('Invalid parameter.');
  const { frames, rate } = media;
  const told = interpretation.rate ?? rate.num / rate.den;
  // Floating-point rates stand for those that exist.
  const ntsc = Math.abs(told * 1.001 - Math.round(told * 1.001)) < 1e-4;
  const whole = ntsc
    ? (BigInt(frames) * TPS * 1001n) / (BigInt(Math.round(told * 1.001)) * 1000n)
    : (BigInt(frames) * TPS * 1000n) / BigInt(Math.round(told * 1000));
  return inOut ?? { in: 0n, out: whole };
}

const find = (state: SimState, id: string): SimItem => state.items.find((one) => one.id === id)!;

function rawItem(tagged: Tagged): Tagged {
  if (!tagged?.raw) throw new Error('Invalid parameter.');
  return tagged;
}

function checkPlace(time: TickTime, video: number, audio: number): void {
  const fine = typeof time?.ticks === 'string' && Number.isInteger(video) && video >= 0 && Number.isInteger(audio);
  if (!fine) throw new Error('Invalid parameter.');
}

/** What is left of a clip when a stretch of its track is overwritten. */
function without(clip: SimClip, start: bigint, end: bigint): SimClip[] {
  if (clip.end <= start || clip.start >= end) return [clip];
  const before = { ...clip, end: start, out: clip.in + (start - clip.start) };
  const after = { ...clip, id: `${clip.id}+`, start: end, in: clip.in + (end - clip.start) };
  return [...(clip.start < start ? [before] : []), ...(clip.end > end ? [after] : [])];
}

const tick = (ticks: bigint): TickTime =>
  ({
    ticks: String(ticks),
    // Both lose digits, as in the real one.
    ticksNumber: Number(ticks),
    seconds: Number(ticks) / Number(TPS),
  }) as TickTime;

/** Native functions count their arguments, and have no length of their own. */
function native<A extends unknown[], R>(least: number, most: number, body: (...args: A) => R): (...args: A) => R {
  return (...args: A) => {
    if (args.length < least || args.length > most) throw new Error('Not Enough Parameters');
    return body(...args);
  };
}

function refusePromise(value: unknown): void {
  if (value instanceof Promise) throw new Error('Async callback in a synchronous scope');
}
