/**
 * The part of After Effects' panel API (27.0) that the panel uses, after Adobe's reference, which has no types. Everything is
 * synchronous; times are seconds in floating point; ids last as long as the project; collections count from 1 where not said.
 */
export type AfterEffectsModule = {
  /** The documentation's examples use the module as the application; builds have it beside their classes. */
  readonly app?: Application;
  readonly ImportOptions?: new (path: string) => ImportOptions;
};

export type ImportOptions = { file: string; sequence: boolean };

export type Application = {
  readonly project: Project | null;
  beginUndoGroup(name: string): void;
  endUndoGroup(): void;
};

export type Project = {
  /** Path; empty before it is saved. */
  readonly file: string;
  readonly renderQueue: RenderQueue;
  /** Null when several are selected. */
  readonly activeItem: Item | null;
  readonly rootFolder: Folder;
  readonly numItems: number;
  /** From 1. */
  item(index: number): Item;
  itemByID(id: number): Item | null;
  layerByID(id: number): Layer | null;
  readonly items: { addFolder(name: string): Folder };
  importFile(options: ImportOptions): Footage;
};

/** What kind an item is tells its shape: its type's name is in the user's language. */
export type Item = Composition | Footage | Folder;

export type Folder = { readonly id: number; readonly name: string; readonly numItems: number };

export type Footage = {
  readonly id: number;
  readonly name: string;
  /** Null for solids and other generated footage. */
  readonly file: string | null;
  readonly footageMissing: boolean;
  readonly hasVideo: boolean;
  readonly duration: number;
  readonly mainSource: {
    readonly isStill: boolean;
    readonly nativeFrameRate: number;
    readonly displayFrameRate: number;
    /** 0: the native one. Throws for a still. */
    conformFrameRate: number;
  };
  comment: string;
  parentFolder: Folder;
};

export type Composition = {
  readonly id: number;
  name: string;
  readonly width: number;
  readonly height: number;
  readonly pixelAspect: number;
  readonly frameRate: number;
  readonly frameDuration: number;
  readonly duration: number;
  /** From 0. */
  readonly selectedLayers: readonly Layer[];
  readonly numLayers: number;
  /** From 1. */
  layer(index: number): Layer;
  readonly layers: { add(item: Footage): Layer };
  /** Of the playhead. */
  readonly time: number;
  readonly markerProperty: Property;
  duplicate(): Composition;
  remove(): void;
};

export type Layer = {
  readonly id: number;
  readonly index: number;
  name: string;
  enabled: boolean;
  /** What is locked throws when it is changed. */
  locked: boolean;
  /** When any layer of a composition is, only those are seen. */
  solo: boolean;
  readonly hasVideo: boolean;
  readonly nullLayer: boolean;
  readonly adjustmentLayer: boolean;
  readonly threeDLayer: boolean;
  readonly parent: Layer | null;
  readonly timeRemapEnabled: boolean;
  /** Per cent; negative plays backwards. */
  readonly stretch: number;
  readonly source: Composition | Footage | null;
  startTime: number;
  inPoint: number;
  outPoint: number;
  moveBefore(layer: Layer): void;
  replaceSource(item: Footage, fixExpressions: boolean): void;
  /** By match name, which no language changes; null when there is none. */
  property(matchName: string): Property | null;
};

/** A property, or a group of them. */
export type Property = {
  readonly name: string;
  readonly numProperties?: number;
  /** From 1, or by match name. */
  property?(which: number | string): Property | null;
  readonly isTimeVarying?: boolean;
  readonly dimensionsSeparated?: boolean;
  readonly value?: unknown;
  setValue?(value: unknown): void;
  /** Of markers: their times in the composition, from 1. */
  readonly numKeys?: number;
  keyTime?(index: number): number;
  keyValue?(index: number): { readonly comment: string };
};

export type RenderQueue = {
  readonly numItems: number;
  readonly rendering: boolean;
  readonly items: { add(comp: Composition): RenderQueueItem };
  /** From 1. */
  item(index: number): RenderQueueItem;
  /** Begins to render whatever is queued. */
  renderAsync(): boolean;
  stopRendering(): boolean;
};

export type RenderQueueItem = {
  /** Whether it is queued. */
  render: boolean;
  timeSpanStart: number;
  timeSpanDuration: number;
  /** From 1. */
  outputModule(index: number): OutputModule;
  remove(): boolean;
};

export type OutputModule = {
  /** The editor replaces an ending that does not fit the format. */
  file: string;
  /** Their names, in the user's language. */
  readonly templates: readonly string[];
  applyTemplate(name: string): boolean;
};

export const isComposition = (item: Item | null): item is Composition => item !== null && 'selectedLayers' in item;
export const isFootage = (item: Item | null): item is Footage => item !== null && 'mainSource' in item;
export const isFolder = (item: Item | null): item is Folder =>
  item !== null && 'numItems' in item && !('layers' in item);
