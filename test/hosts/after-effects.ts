/* eslint-disable @typescript-eslint/no-this-alias -- the getters of an object have a `this` of their own */
import type {
  AfterEffectsModule,
  Application,
  Composition,
  Folder,
  Footage,
  ImportOptions,
  Item,
  Layer,
  Project,
  Property,
  RenderQueueItem,
} from '../../plugin/host/after-effects-api.ts';

/**
 * An After Effects as its reference and its users describe it: times in floating point that are never quite whole frames, new
 * layers that begin wherever a preference says, objects that are new at every call, collections that count from 1, classes
 * that are in one build here and in another there, imports that throw. State is plain data, so that undo is a copy.
 */
export type FootageFacts = { readonly rate: number; readonly duration: number };

export type SimItem = {
  readonly id: number;
  readonly kind: 'folder' | 'footage' | 'solid' | 'comp';
  name: string;
  parent: number;
  file: string | null;
  missing: boolean;
  still: boolean;
  rate: number;
  conform: number;
  duration: number;
  comment: string;
};

export type SimLayer = {
  readonly id: number;
  name: string;
  source: number | null;
  enabled: boolean;
  adjustment: boolean;
  remapped: boolean;
  stretch: number;
  startTime: number;
  inPoint: number;
  outPoint: number;
  locked: boolean;
  solo: boolean;
  isNull: boolean;
  threeD: boolean;
  parent: number | null;
  effects: string[];
  /** Anchor, position, scale, rotation. */
  transform: Record<string, unknown>;
  animated: boolean;
  markers: SimMarker[];
};

/** In seconds of the composition. */
export type SimMarker = { readonly at: number; readonly comment: string };

export type SimComp = {
  readonly id: number;
  readonly rate: number;
  time: number;
  markers: SimMarker[];
  layers: SimLayer[];
};

/** What one frame of a rendered movie shows: sources (or names) of layers, and the time of each within its layer. */
export type RenderedFrame = readonly { readonly shows: number | string; readonly at: number }[];

export type RenderMischief = {
  /** How many pauses a render takes. */
  readonly pauses: number;
  readonly ends: 'finished' | 'written nothing' | 'stopped';
  /** What an output module makes of the ending of its file. */
  readonly ending: string;
};
type State = { items: SimItem[]; comps: SimComp[] };

type SimQueued = {
  readonly comp: number;
  render: boolean;
  start: number;
  duration: number;
  file: string;
  template: string;
};

type SimRun = {
  pauses: number;
  readonly movies: readonly {
    readonly item: SimQueued;
    readonly movie: { readonly frames: readonly RenderedFrame[]; written: number };
  }[];
};

const AT_REST = {
  'ADBE Anchor Point': [960, 540, 0],
  'ADBE Position': [960, 540, 0],
  'ADBE Scale': [100, 100, 100],
  'ADBE Rotate Z': 0,
} as const;

const markerProperty = (markers: readonly SimMarker[]): Property => ({
  name: 'Marke',
  numKeys: markers.length,
  keyTime: (index) => markers[index - 1]!.at,
  keyValue: (index) => ({ comment: markers[index - 1]!.comment }),
});

/** Where `ImportOptions` is: beside the application, within it, or global. */
export type Build = 'beside' | 'within' | 'global';

export class SimAfterEffects {
  state: State = { items: [], comps: [] };
  /** Nothing of it can be undone. */
  readonly queue: SimQueued[] = [];
  readonly rendered = new Map<string, { readonly frames: readonly RenderedFrame[]; written: number }>();
  rendering: SimRun | null = null;
  templates: string[] = ['Verlustfrei', 'High Quality with Alpha'];
  render: RenderMischief = { pauses: 3, ends: 'finished', ending: 'mov' };
  file = '/projects/Film.aep';
  readonly undoSteps: { label: string; before: State }[] = [];
  readonly disk = new Map<string, FootageFacts>();
  readonly selected = new Set<number>();
  readonly build: Build;
  active: number | null = null;
  open = true;
  /** Where "create layers at composition start time" puts a new layer when it is off. */
  playhead = 1.2345;
  #group: { label: string; before: State; depth: number } | null = null;
  #ids = 1;

  constructor(build: Build = 'beside') {
    this.build = build;
    this.#item('folder', 'Root', {});
  }

  addFootage(file: string, facts: FootageFacts, changes: Partial<SimItem> = {}): SimItem {
    this.disk.set(file, facts);
    return this.#item('footage', file.replace(/.*\//, ''), { file, ...facts, ...changes });
  }

  addSolid(): SimItem {
    return this.#item('solid', 'Weisse Farbfläche 1', {});
  }

  addComp(name: string, rate: number): SimComp {
    const { id } = this.#item('comp', name, { rate, duration: 20 });
    const comp: SimComp = { id, rate, time: 0, markers: [], layers: [] };
    this.state.comps.push(comp);
    this.active ??= id;
    return comp;
  }

  /** On top, as new layers are. */
  addLayer(comp: SimComp, source: number | null, changes: Partial<SimLayer> = {}): SimLayer {
    const item = this.state.items.find(({ id }) => id === source);
    const startTime = changes.startTime ?? 0;
    const layer: SimLayer = {
      ...{ id: this.#ids++, name: item?.name ?? 'Nichts', source, enabled: true, adjustment: false, remapped: false },
      ...{ stretch: 100, startTime, inPoint: startTime, outPoint: startTime + (item?.duration ?? 5) },
      ...{ locked: false, solo: false, isNull: false, threeD: false, parent: null, effects: [], animated: false },
      ...{ transform: structuredClone(AT_REST), markers: [] },
      ...changes,
    };
    this.state.comps.find(({ id }) => id === comp.id)!.layers.unshift(layer);
    return layer;
  }

  comp(id: number): SimComp {
    return this.state.comps.find((one) => one.id === id)!;
  }

  /** Time goes on: what renders comes further. */
  readonly pause = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, 0));
    const run = this.rendering;
    if (!run) return;
    run.pauses += 1;
    const { pauses, ends } = this.render;
    const share = Math.min(1, run.pauses / pauses);
    for (const { movie } of run.movies) {
      if (ends !== 'written nothing') movie.written = Math.floor(movie.frames.length * share);
      if (ends === 'stopped') movie.written = Math.min(movie.written, movie.frames.length - 1);
    }
    if (share < 1) return;
    for (const { item } of run.movies) item.render = false;
    this.rendering = null;
  };

  /** What the bridge sees of a movie. */
  readonly look = async (path: string, frame: number): Promise<{ bytes: number; readable: boolean } | null> => {
    await Promise.resolve();
    const movie = this.rendered.get(path);
    if (!movie || movie.written === 0) return null;
    return { bytes: movie.written, readable: movie.written >= movie.frames.length && frame < movie.frames.length };
  };

  undo(): void {
    this.state = this.undoSteps.pop()!.before;
  }

  /** What `require('aftereffects')` gives. */
  module(): AfterEffectsModule {
    const sim = this;
    const app: Application = {
      get project() {
        return sim.open ? sim.#project() : null;
      },
      beginUndoGroup: (label) => {
        if (this.#group) this.#group.depth += 1;
        else this.#group = { label, before: structuredClone(this.state), depth: 1 };
      },
      endUndoGroup: () => {
        if (!this.#group) throw new Error('After Effects: Undo group mismatch');
        this.#group.depth -= 1;
        if (this.#group.depth > 0) return;
        this.undoSteps.push(this.#group);
        this.#group = null;
      },
    };
    const Options = class implements ImportOptions {
      file: string;
      sequence = false;
      constructor(path: string) {
        this.file = path;
      }
    };
    if (this.build === 'beside') return { app, ImportOptions: Options };
    if (this.build === 'global') Object.assign(globalThis, { ImportOptions: Options });
    // The module is the application itself.
    return (this.build === 'within' ? Object.assign(app, { ImportOptions: Options }) : app) as AfterEffectsModule;
  }

  #change(label: string): void {
    if (!this.#group) this.undoSteps.push({ label, before: structuredClone(this.state) });
  }

  #project(): Project {
    const sim = this;
    return {
      file: this.file,
      renderQueue: this.#renderQueue(),
      get activeItem() {
        return sim.active === null ? null : sim.#itemObject(sim.active);
      },
      get rootFolder() {
        return sim.#itemObject(1) as Folder;
      },
      get numItems() {
        return sim.state.items.length - 1;
      },
      item: (index) => {
        // The root folder is not among them.
        const item = sim.state.items[index];
        if (index < 1 || !item) throw new Error(`After Effects: index ${index} out of range`);
        return sim.#itemObject(item.id)!;
      },
      itemByID: (id) => sim.#itemObject(id),
      layerByID: (id) => {
        const comp = sim.state.comps.find(({ layers }) => layers.some((layer) => layer.id === id));
        return comp ? sim.#layerObject(comp.id, id) : null;
      },
      items: {
        addFolder: (name) => {
          this.#change('New Folder');
          return sim.#itemObject(sim.#item('folder', name, {}).id) as Folder;
        },
      },
      importFile: ({ file, sequence }) => {
        const facts = sim.disk.get(file);
        if (!facts || sequence) throw new Error('After Effects: Unable to import');
        this.#change('Import');
        return sim.#itemObject(sim.addFootage(file, facts).id) as Footage;
      },
    };
  }

  #itemObject(id: number): Item | null {
    const find = (): SimItem => {
      const item = this.state.items.find((one) => one.id === id);
      if (!item) throw new Error('After Effects: Object is invalid');
      return item;
    };
    const item = this.state.items.find((one) => one.id === id);
    switch (item?.kind) {
      case undefined:
        return null;
      case 'folder':
        return { id, name: item.name, numItems: this.state.items.filter(({ parent }) => parent === id).length };
      case 'comp':
        return this.#compObject(item);
      case 'footage':
      case 'solid':
        return this.#footageObject(find);
    }
  }

  #footageObject(find: () => SimItem): Footage {
    const sim = this;
    const { id, kind } = find();
    return {
      ...{ id, name: find().name, file: find().file, footageMissing: find().missing, hasVideo: true },
      duration: find().duration,
      mainSource: {
        isStill: kind === 'solid' || find().still,
        nativeFrameRate: find().rate,
        displayFrameRate: find().conform || find().rate,
        get conformFrameRate() {
          return find().conform;
        },
        set conformFrameRate(value) {
          if (find().still) throw new Error('After Effects: cannot conform a still');
          sim.#change('Interpret');
          find().conform = value;
        },
      },
      get comment() {
        return find().comment;
      },
      set comment(value) {
        sim.#change('Comment');
        find().comment = value;
      },
      get parentFolder() {
        return sim.#itemObject(find().parent) as Folder;
      },
      set parentFolder(folder) {
        find().parent = folder.id;
      },
    };
  }

  #compObject({ id, name, rate, duration }: SimItem): Composition {
    const sim = this;
    return {
      ...{ id, width: 1920, height: 1080, pixelAspect: 1, frameRate: rate, frameDuration: 1 / rate, duration },
      get name() {
        return name;
      },
      set name(text) {
        sim.#change('Rename');
        sim.state.items.find((one) => one.id === id)!.name = text;
      },
      get time() {
        return sim.comp(id).time;
      },
      get markerProperty() {
        return markerProperty(sim.comp(id).markers);
      },
      duplicate: () => {
        this.#change('Duplicate');
        const copy = { ...this.#item('comp', `${name} 2`, { rate, duration }) };
        const layers = this.comp(id).layers.map((layer) => ({ ...structuredClone(layer), id: this.#ids++ }));
        this.state.comps.push({ ...structuredClone(this.comp(id)), id: copy.id, layers });
        return this.#itemObject(copy.id) as Composition;
      },
      remove: () => {
        this.#change('Remove');
        if (this.queue.some((one) => one.comp === id && this.rendering)) throw new Error('After Effects: rendering');
        this.state.items = this.state.items.filter((one) => one.id !== id);
        this.state.comps = this.state.comps.filter((one) => one.id !== id);
      },
      get selectedLayers() {
        return sim
          .comp(id)
          .layers.filter((layer) => sim.selected.has(layer.id))
          .map((layer) => sim.#layerObject(id, layer.id));
      },
      get numLayers() {
        return sim.comp(id).layers.length;
      },
      layer: (index) => {
        const layer = sim.comp(id).layers[index - 1];
        if (!layer) throw new Error(`After Effects: no layer ${index}`);
        return sim.#layerObject(id, layer.id);
      },
      layers: {
        add: (item) => {
          this.#change('Add Layer');
          const layer = sim.addLayer(sim.comp(id), item.id, { startTime: sim.playhead });
          return sim.#layerObject(id, layer.id);
        },
      },
    };
  }

  #layerObject(comp: number, id: number): Layer {
    const sim = this;
    const find = (): SimLayer => {
      const layer = this.comp(comp).layers.find((one) => one.id === id);
      if (!layer) throw new Error('After Effects: Object is invalid');
      return layer;
    };
    const unlocked = (): SimLayer => {
      if (find().locked) throw new Error('After Effects: the layer is locked');
      this.#change('Switch');
      return find();
    };
    // Stored in units of its own, as floating-point users see.
    const stored = (seconds: number): number => Math.round(seconds * 0x10000) / 0x10000;
    return {
      id,
      get index() {
        return sim.comp(comp).layers.findIndex((one) => one.id === id) + 1;
      },
      get name() {
        return find().name;
      },
      ...{ hasVideo: true, nullLayer: find().isNull, threeDLayer: find().threeD, adjustmentLayer: find().adjustment },
      get enabled() {
        return find().enabled;
      },
      set enabled(value) {
        unlocked().enabled = value;
      },
      get solo() {
        return find().solo;
      },
      set solo(value) {
        unlocked().solo = value;
      },
      get locked() {
        return find().locked;
      },
      set locked(value) {
        sim.#change('Lock');
        find().locked = value;
      },
      get parent() {
        const { parent } = find();
        return parent === null ? null : sim.#layerObject(comp, parent);
      },
      property: (matchName) => this.#property(find, matchName),
      replaceSource: (item) => {
        this.#change('Replace');
        unlocked().source = item.id;
      },
      ...{ timeRemapEnabled: find().remapped, stretch: find().stretch },
      get source() {
        const { source } = find();
        return source === null ? null : (sim.#itemObject(source) as Footage | Composition);
      },
      get startTime() {
        return find().startTime;
      },
      set startTime(seconds) {
        sim.#change('Start');
        const layer = find();
        const shift = stored(seconds) - layer.startTime;
        layer.startTime += shift;
        layer.inPoint += shift;
        layer.outPoint += shift;
      },
      get inPoint() {
        return find().inPoint;
      },
      set inPoint(seconds) {
        sim.#change('In');
        find().inPoint = stored(seconds);
      },
      get outPoint() {
        return find().outPoint;
      },
      set outPoint(seconds) {
        sim.#change('Out');
        find().outPoint = stored(seconds);
      },
      moveBefore: (other) => {
        sim.#change('Move');
        const { layers } = sim.comp(comp);
        const [layer] = layers.splice(
          layers.findIndex((one) => one.id === id),
          1,
        );
        layers.splice(
          layers.findIndex((one) => one.id === other.id),
          0,
          layer!,
        );
      },
    };
  }

  #property(find: () => SimLayer, matchName: string): Property | null {
    switch (matchName) {
      case 'ADBE Marker':
        return markerProperty(find().markers);
      case 'ADBE Effect Parade':
        return {
          name: 'Effekte',
          numProperties: find().effects.length,
          property: (which) => ({ name: find().effects[Number(which) - 1]! }),
        };
      case 'ADBE Transform Group':
        return {
          name: 'Transformieren',
          property: (name) => ({
            name: String(name),
            isTimeVarying: find().animated,
            dimensionsSeparated: false,
            value: find().transform[name],
            setValue: (value) => {
              this.#change('Transform');
              find().transform[name] = value;
            },
          }),
        };
      default:
        return null;
    }
  }

  #renderQueue(): Project['renderQueue'] {
    const sim = this;
    return {
      get numItems() {
        return sim.queue.length;
      },
      get rendering() {
        return sim.rendering !== null;
      },
      items: {
        add: ({ id }) => {
          const item: SimQueued = { comp: id, render: true, start: 0, duration: 0, file: '', template: 'Verlustfrei' };
          this.queue.push(item);
          return this.#queued(item);
        },
      },
      item: (index) => {
        const item = this.queue[index - 1];
        if (!item) throw new Error(`After Effects: index ${index} out of range`);
        return this.#queued(item);
      },
      // Whatever is queued, whoever queued it.
      renderAsync: () => {
        const movies = this.queue
          .filter(({ render }) => render)
          .map((item) => {
            const movie = { frames: this.#frames(item), written: 0 };
            this.rendered.set(item.file, movie);
            return { item, movie };
          });
        this.rendering = { pauses: 0, movies };
        return false;
      },
      stopRendering: () => {
        this.rendering = null;
        return false;
      },
    };
  }

  #queued(item: SimQueued): RenderQueueItem {
    const sim = this;
    const still = (): SimQueued => {
      if (this.rendering) throw new Error('After Effects: rendering');
      if (!this.queue.includes(item)) throw new Error('After Effects: Object is invalid');
      return item;
    };
    return {
      get render() {
        return item.render;
      },
      set render(value) {
        still().render = value;
      },
      get timeSpanStart() {
        return item.start;
      },
      set timeSpanStart(value) {
        still().start = value;
      },
      get timeSpanDuration() {
        return item.duration;
      },
      set timeSpanDuration(value) {
        still().duration = value;
      },
      outputModule: () => ({
        get file() {
          return item.file;
        },
        set file(path) {
          still().file = path.replace(/[^.]*$/, sim.render.ending);
        },
        templates: this.templates,
        applyTemplate: (name) => {
          if (!this.templates.includes(name)) throw new Error('After Effects: no such template');
          still().template = name;
          return true;
        },
      }),
      remove: () => {
        this.queue.splice(this.queue.indexOf(still()), 1);
        return true;
      },
    };
  }

  /** What is seen of a composition in the time span of an item. */
  #frames({ comp: id, start, duration }: SimQueued): RenderedFrame[] {
    const { layers, rate } = this.comp(id);
    const alone = layers.some(({ solo }) => solo);
    return Array.from({ length: Math.round(duration * rate) }, (_, n) => {
      const time = start + n / rate;
      return layers
        .filter(({ enabled, solo }) => enabled && (solo || !alone))
        .filter(({ inPoint, outPoint }) => inPoint < time + 0.1 / rate && time + 0.1 / rate < outPoint)
        .map((layer) => ({ shows: layer.source ?? layer.name, at: ((time - layer.startTime) * 100) / layer.stretch }));
    });
  }

  #item(kind: SimItem['kind'], name: string, changes: Partial<SimItem>): SimItem {
    const item: SimItem = {
      ...{ id: this.#ids++, kind, name, parent: 1, file: null, missing: false, still: false },
      ...{ rate: 0, conform: 0, duration: 0, comment: '', ...changes },
    };
    this.state.items.push(item);
    return item;
  }
}
