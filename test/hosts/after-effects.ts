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
};

export type SimComp = { readonly id: number; readonly rate: number; layers: SimLayer[] };
type State = { items: SimItem[]; comps: SimComp[] };

/** Where `ImportOptions` is: beside the application, within it, or global. */
export type Build = 'beside' | 'within' | 'global';

export class SimAfterEffects {
  state: State = { items: [], comps: [] };
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
    const comp = { id, rate, layers: [] };
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
      ...changes,
    };
    this.state.comps.find(({ id }) => id === comp.id)!.layers.unshift(layer);
    return layer;
  }

  comp(id: number): SimComp {
    return this.state.comps.find((one) => one.id === id)!;
  }

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
      ...{ id, name, width: 1920, height: 1080, frameRate: rate, frameDuration: 1 / rate, duration },
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
      ...{ enabled: find().enabled, hasVideo: find().source !== null, adjustmentLayer: find().adjustment },
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

  #item(kind: SimItem['kind'], name: string, changes: Partial<SimItem>): SimItem {
    const item: SimItem = {
      ...{ id: this.#ids++, kind, name, parent: 1, file: null, missing: false, still: false },
      ...{ rate: 0, conform: 0, duration: 0, comment: '', ...changes },
    };
    this.state.items.push(item);
    return item;
  }
}
