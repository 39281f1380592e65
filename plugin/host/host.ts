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
  /** What to paint instead of what a timeline would have selected: a movie, or a folder of numbered images. */
  open(path: string | null): void;
};

type HostActions = {
  /** What the user has selected, read anew: editors announce changes late or never. */
  selection(): Promise<Selection>;
  /**
   * Imports a finished movie and lays it on the timeline above the clip that `spot` tells of, where that clip is now; the clip
   * itself, its neighbours and all sound stay as they are. Again for the same `result.job`: finds what the first call did, and
   * does only what is missing. Throws HostProblem; what was imported then stays in the bin.
   */
  place(result: Result, spot: Spot): Promise<Placed>;
  /** Calls back when the selection may have changed; returns how to stop that. Never to be relied on. */
  watch(listener: () => void): () => void;
  /** Asks the user for a file or folder; null when they change their mind. Null where the platform has no such dialog. */
  readonly choose: { folder(): Promise<string | null> } | null;
};

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
};

export type SelectedClip =
  | { readonly usable: true; readonly name: string; readonly shot: Shot }
  /** Cannot be repainted as it is; `reason` is worded with what to do instead. */
  | { readonly usable: false; readonly name: string; readonly reason: HostProblem };

export type Shot = {
  /** Half-open, in the source's own frames. A folder of images counts as its names do. */
  readonly source: { readonly path: string; readonly from: number; readonly to: number | null };
  /** Null where only the bridge can tell. */
  readonly rate: Rational | null;
  readonly notices: readonly Notice[];
  readonly spot: Spot | null;
  /** When the clip is one of our results: what made it. */
  readonly made: Made | null;
};

/** What is kept on a result inside the project, so that a version can be made again or differently later. */
export type Made = { readonly job: string; readonly request: RenderRequest; readonly spot: Spot };

/** What the user should know before painting; worded in words.ts. */
export type Notice =
  | { readonly code: 'effects'; readonly names: readonly string[] }
  | { readonly code: 'proxy' }
  | { readonly code: 'rate-differs'; readonly rate: Rational }
  | { readonly code: 'disabled' };

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
  /** The range of the source that the result shows, in the source's time. */
  readonly paintedFrom: string;
  readonly paintedTo: string;
};

export type AfterEffectsSpot = {
  readonly host: 'after-effects';
  readonly comp: number;
  readonly layer: number;
  /** Id of the footage, which tells an open project from another one that uses the same numbers. */
  readonly footage: number;
  /** The range of the footage that the result shows, in frames counted from its first, and their rate. */
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

export type Placed = {
  /** As the user finds it: V2, or the layer's name. */
  readonly where: string;
  /** True when an earlier call had already placed it. */
  readonly already: boolean;
};
