import type { RenderRequest } from '../../bridge-server/protocol/request.ts';
import type { HostProblem } from './problem.ts';
import type { Rational } from './time.ts';

/**
 * What the panel needs of whatever it runs in. Premiere Pro and After Effects have a timeline; a browser (files.ts) has none, and
 * the simulated editors of the tests are hostile versions of the first two. Nothing outside this folder knows an editor's API.
 */
export type Host = EditorHost | FilesHost;

export type EditorHost = HostActions & { readonly kind: 'premiere' | 'after-effects' };

/** No editor: the panel in a browser, on files that lie where the bridge may read. */
export type FilesHost = HostActions & {
  readonly kind: 'files';
  /** What to paint instead of what a timeline would have selected: movies, and folders of numbered images. */
  open(paths: readonly string[]): void;
};

type HostActions = {
  /**
   * What the user has selected, read anew: editors announce changes late or never. `withEffects`: a clip with effects is a shot
   * that the editor exports with them, instead of one that is painted from its file without them.
   */
  selection(how?: { readonly withEffects: boolean }): Promise<Selection>;
  /** The frame of the shot's source that its timeline shows now; null when the playhead is not on the clip, or there is none. */
  playhead(shot: Shot): Promise<number | null>;
  /**
   * Has the editor write what the clip shows as a movie, which then is the source. For shots with `export`, right before
   * painting; all others come back as they are. May ask the user for a file (the export preset, once). Throws HostProblem, and
   * what `signal` was aborted with.
   */
  prepare(shot: Shot, preparing: Preparing): Promise<Shot>;
  /**
   * Imports a finished movie and lays it on the timeline above the clip that `spot` tells of, where that clip is now; the clip
   * itself, its neighbours and all sound stay as they are. Again for the same `result.job`: finds what the first call did, and
   * does only what is missing. Throws HostProblem; what was imported then stays in the bin.
   */
  place(result: Result, spot: Spot): Promise<Placed>;
  /** The results for a clip that the project holds, as it lists them; `where` null for those that lie in the bin alone. */
  versions(spot: Spot): Promise<readonly (Version & { readonly where: string | null })[]>;
  /**
   * Puts another version in the place of one that lies on the timeline: same track, same range, same frames of the source, one
   * undo step where the editor allows. Throws HostProblem; but for 'placed-wrongly' the timeline then is as it was.
   */
  swap(there: Version, by: Version): Promise<Placed>;
  /** Calls back when the selection may have changed; returns how to stop that. Never to be relied on. */
  watch(listener: () => void): () => void;
  /** Null where the platform has no such dialogs. */
  readonly choose: Choose | null;
  /** With which preset clips are exported; null where the editor needs none. */
  readonly preset: Preset | null;
};

/** Ask the user; null when they change their mind. */
export type Choose = {
  folder(): Promise<string | null>;
  /** `types`: endings without the dot. */
  file(types: readonly string[]): Promise<string | null>;
};

export type Preset = {
  /** Path of the preset file; null: not chosen yet. */
  current(): string | null;
  /** Asks for another one. */
  choose(): Promise<string | null>;
};

export type Preparing = {
  readonly signal: AbortSignal;
  /** Bytes written so far: editors do not tell how many there will be. */
  readonly onProgress: (bytes: number) => void;
};

/** What the panel lends to an editor's host. */
export type Lent = {
  readonly choose: Choose;
  readonly memory: Memory;
  readonly pause: (milliseconds: number) => Promise<void>;
  /** What the bridge sees of a movie; null: no such file. `readable`: whether that frame of it is. Throws where it may not look. */
  readonly look: (
    path: string,
    frame: number,
  ) => Promise<{ readonly bytes: number; readonly readable: boolean } | null>;
};

/** Where a panel keeps things between sessions: what `localStorage` is. */
export type Memory = { getItem(name: string): string | null; setItem(name: string, value: string): void };

export type Selection = {
  /** The sequence or composition; null in a browser. */
  readonly timeline: Timeline | null;
  readonly clips: readonly SelectedClip[];
};

export type Timeline = {
  readonly name: string;
  readonly rate: Rational;
  readonly width: number;
  readonly height: number;
  /** Width of a pixel by its height; null where the editor does not tell. */
  readonly pixelAspect: number | null;
};

export type SelectedClip =
  | { readonly usable: true; readonly name: string; readonly shot: Shot }
  /** Cannot be repainted as it is; `reason` is worded with what to do instead. */
  | { readonly usable: false; readonly name: string; readonly reason: HostProblem };

export type Shot = {
  /** Half-open, in the source's own frames. A folder of images counts as its names do. Before an export, `path` is empty. */
  readonly source: { readonly path: string; readonly from: number; readonly to: number | null };
  /** Null where only the bridge can tell. */
  readonly rate: Rational | null;
  readonly notices: readonly Notice[];
  /** What the user marked on the clip and above it, as frames of the source, ascending. */
  readonly markers: readonly ShotMarker[];
  /** Why `prepare` comes before painting; null when it need not. Its frames count from 0, at the timeline's rate. */
  readonly export: ExportReason | null;
  readonly spot: Spot | null;
  /** When the clip is one of our results: what made it. */
  readonly made: Made | null;
};

export type ShotMarker = { readonly frame: number; readonly name: string };

/** A sequence or composition within, several cameras, another speed, no file of its own, a single image; or effects on it. */
export type ExportReason = 'nested' | 'multicam' | 'retimed' | 'generated' | 'still' | 'effects';

/** What is kept on a result inside the project, so that a version can be made again or differently later. */
export type Made = { readonly job: string; readonly request: RenderRequest; readonly spot: Spot };

/** What the user should know before painting; worded in words.ts. */
export type Notice =
  | { readonly code: 'effects'; readonly names: readonly string[] }
  | { readonly code: 'proxy' }
  | { readonly code: 'rate-differs'; readonly rate: Rational }
  | { readonly code: 'disabled' }
  /** The result cannot be given the clip's Motion: it is animated, or the editor does not tell it. */
  | { readonly code: 'motion' };

/**
 * A clip on a timeline, as a plain value that outlives the panel. All times are exact: ticks (254016000000 a second) as decimal
 * text in Premiere, whole frames of the footage in After Effects.
 */
export type Spot = PremiereSpot | AfterEffectsSpot;

export type PremiereSpot = {
  readonly host: 'premiere';
  readonly project: string;
  readonly sequence: string;
  /** Id of the clip's item in the project. */
  readonly item: string;
  readonly track: number;
  /** Where the clip was on the sequence, and in its source, when it was selected. */
  readonly start: string;
  readonly end: string;
  readonly sourceIn: string;
  /**
   * The range of the source that the result shows, in the source's time. Of a clip that plays it at another speed: in the
   * clip's own time on the sequence, from 0 to its length.
   */
  readonly paintedFrom: string;
  readonly paintedTo: string;
  readonly retimed: boolean;
  /** Painted as the sequence shows it, with its Motion and its effects; else from its file. */
  readonly exported: boolean;
  /** Of the frames that were painted, and the width of their pixels by the height; null: not known. */
  readonly rate: Rational;
  readonly pixelAspect: number | null;
};

export type AfterEffectsSpot = {
  readonly host: 'after-effects';
  readonly comp: number;
  readonly layer: number;
  /** Id of what the layer shows, which tells an open project from another one that uses the same numbers; null: text, shapes. */
  readonly source: number | null;
  /** Painted as the composition shows it, with its transform and its effects; else from its file. */
  readonly exported: boolean;
  /** Per cent; and whether its time is remapped. */
  readonly stretch: number;
  readonly remapped: boolean;
  /** The range that the result shows, in frames counted from the layer's start time, and their rate. */
  readonly paintedFrom: number;
  readonly paintedTo: number;
  readonly rate: Rational;
};

export type Result = {
  readonly job: string;
  /** Of the movie; it has no sound. */
  readonly path: string;
  readonly request: RenderRequest;
};

/** A finished result, and the clip that it was painted for. */
export type Version = Result & { readonly spot: Spot };

export type Placed = {
  /** As the user finds it: V2, or the layer's name. */
  readonly where: string;
  /** True when an earlier call had already placed it. */
  readonly already: boolean;
};
