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
  readonly name: string;
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
};

export type Layer = {
  readonly id: number;
  readonly index: number;
  name: string;
  readonly enabled: boolean;
  readonly hasVideo: boolean;
  readonly adjustmentLayer: boolean;
  readonly timeRemapEnabled: boolean;
  /** Per cent; negative plays backwards. */
  readonly stretch: number;
  readonly source: Composition | Footage | null;
  startTime: number;
  inPoint: number;
  outPoint: number;
  moveBefore(layer: Layer): void;
};

export const isComposition = (item: Item | null): item is Composition => item !== null && 'selectedLayers' in item;
export const isFootage = (item: Item | null): item is Footage => item !== null && 'mainSource' in item;
export const isFolder = (item: Item | null): item is Folder =>
  item !== null && 'numItems' in item && !('layers' in item);
