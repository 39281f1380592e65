import type { ControlMap } from '../protocol/control-map.ts';

/** What a ControlNet can be steered by, in our words. The last four need an annotator network. */
export const CONTROL_KINDS = [
  'canny',
  'softedge',
  'lineart',
  'scribble',
  'tile',
  'blur',
  'colour',
  'luminance',
  'depth',
  'normal',
  'pose',
  'segmentation',
] as const;
export type ControlKind = (typeof CONTROL_KINDS)[number];

type Kind = {
  /** Other words for it: those of other tools. */
  readonly alias: RegExp;
  /** What the names of ControlNet files for it contain, as authors publish them. */
  readonly net: RegExp;
  /** The map that is drawn without a network; null: an annotator is needed. */
  readonly builtIn: ControlMap | null;
};

/**
 * canny: nets for Canny edges. softedge: HED, PiDiNet, TEED, soft edge. lineart: line art and its anime twin. scribble:
 * scribble, sketch. tile: tile (also its resample and colour-fix variants). blur: the blur nets for SDXL. colour: shuffle, colour grid.
 * luminance: brightness, illumination, recolour. depth: MiDaS, Zoe, Depth Anything, LeReS. normal: BAE normals. pose: OpenPose, DWPose.
 * segmentation: ADE20K labels.
 */
const KINDS: Readonly<Record<ControlKind, Kind>> = {
  canny: {
    alias: /^canny(_?edges?)?$/,
    net: /canny/,
    builtIn: { kind: 'canny', low: 100, high: 200, gradient: 'l1', steady: true },
  },
  softedge: {
    alias: /^(soft_?edges?|hed|pidinet|pidi|teed)$/,
    net: /soft_?edge|(^|_)hed|pidi|teed/,
    builtIn: { kind: 'softedge', steady: true },
  },
  lineart: {
    alias: /^line_?art(_anime|_realistic)?$/,
    net: /line_?art/,
    builtIn: { kind: 'lineart', steady: true },
  },
  scribble: {
    alias: /^(scribble|sketch)$/,
    net: /scribble|sketch/,
    builtIn: { kind: 'scribble', steady: true },
  },
  tile: { alias: /^tile$/, net: /tile/, builtIn: { kind: 'tile', coarseness: 1 } },
  blur: { alias: /^blur$/, net: /blur/, builtIn: { kind: 'blur', coarseness: 8 } },
  colour: {
    alias: /^(colou?r|shuffle)$/,
    net: /shuffle|(^|_)colou?r(_|$)/,
    builtIn: { kind: 'colour', coarseness: 64 },
  },
  luminance: {
    alias: /^(luminance|luma|brightness|recolou?r|gr[ae]y)$/,
    net: /brightness|luminance|illumination|recolou?r/,
    builtIn: { kind: 'luminance' },
  },
  depth: { alias: /^(depth|midas|zoe)$/, net: /depth|midas|zoe/, builtIn: null },
  normal: { alias: /^(normals?|normal_?bae)$/, net: /normal/, builtIn: null },
  pose: { alias: /^(pose|open_?pose|dw_?pose)$/, net: /pose/, builtIn: null },
  segmentation: { alias: /^(seg|segmentation|segment|ade20k)$/, net: /(^|_)seg/, builtIn: null },
};

/** The kind that a person means by a word, in whatever tool he learned it; null: none. */
export function controlKindOf(word: string): ControlKind | null {
  const plain = plainly(word);
  return CONTROL_KINDS.find((kind) => KINDS[kind].alias.test(plain)) ?? null;
}

/**
 * Whether a ControlNet of that file or folder name is for maps of that kind, going by how authors name them:
 * control_v11p_sd15_softedge, controlnet-depth-sdxl-1.0, sd-controlnet-hed.
 */
export function isNetFor(kind: ControlKind, name: string): boolean {
  return KINDS[kind].net.test(plainly(name));
}

/** The first kind that a ControlNet of that name is for; null: its name does not tell. */
export const kindOfNet = (name: string): ControlKind | null =>
  CONTROL_KINDS.find((kind) => isNetFor(kind, name)) ?? null;

/** The map that is drawn for a kind without a network and with the usual settings; null: an annotator is needed. */
export const builtInMap = (kind: ControlKind): ControlMap | null => KINDS[kind].builtIn;

const plainly = (text: string): string => text.toLowerCase().replaceAll(/[-\s.]/g, '_');
