import { InvalidArgumentError } from 'commander';
import { CONTROL_KINDS, type ControlKind, controlKindOf } from '../control/kinds.ts';
import { type Consistency, NO_CONSISTENCY } from '../diffusion/consistency/settings.ts';
import { parseRational, type Rational } from '../media/rational.ts';
import type { ControlOption, DetailOption, LoraOption, PromptOption, RegionOption } from './look.ts';
import type { KeyOption, SeedOption } from './render.ts';
import type { SubjectMaskOption, SubjectOption } from './train.ts';

// How the words of the command line are read. Each throws InvalidArgumentError with a sentence that says how to write it.

export function count(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return Number(text);
}

export function frame(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a frame number, counted from 0.');
  return Number(text);
}

export function seed(text: string): number {
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw new InvalidArgumentError('It must be a whole number from 0 on.');
  }
  return Number(text);
}

export function loras(text: string, before: readonly LoraOption[]): readonly LoraOption[] {
  const [, name = '', first = '1', second = first] = /^(.+?)(?::(-?\d*\.?\d+))?(?::(-?\d*\.?\d+))?$/.exec(text) ?? [];
  if (name === '')
    throw new InvalidArgumentError('Write it as FILE, or FILE:0.8, or FILE:0.8:0.5 (U-Net, text encoders).');
  return [...before, { name, scale: Number(first), textScale: Number(second) }];
}

const CONTROL =
  /^([\w-]+)(?:=((?:[a-z]:[\\/])?[^:]+))?(?::(\d*\.?\d+)(?:@(\d*\.?\d+)-(\d*\.?\d+))?)?(?::((?:[a-z]:[\\/])?[^:]+))?$/i;

export function controls(text: string, before: readonly ControlOption[]): readonly ControlOption[] {
  const [, word = '', folder = null, weight = '1', start = '0', end = '1', net = null] = CONTROL.exec(text) ?? [];
  const kind = controlKindOf(word);
  if (!kind) throw new InvalidArgumentError(`It begins with a kind of map: ${CONTROL_KINDS.join(', ')}.`);
  const control = { kind, folder, net, weight: Number(weight), start: Number(start), end: Number(end) };
  if (control.weight > 10) throw new InvalidArgumentError('The weight is a number from 0 to 10.');
  if (control.start >= control.end || control.end > 1) {
    throw new InvalidArgumentError(
      'The part of the sampling is written like 0-0.6: from 0 to 1, its start before its end.',
    );
  }
  return [...before, control];
}

export function promptsAt(text: string, before: readonly PromptOption[]): readonly PromptOption[] {
  const [, number = '', prompt = ''] = /^(\d{1,9})=(.*)$/s.exec(text) ?? [];
  if (number === '') throw new InvalidArgumentError('Write it as FRAME=PROMPT, such as 24=a winter landscape.');
  return [...before, { frame: Number(number), prompt }];
}

export function regions(text: string, before: readonly RegionOption[]): readonly RegionOption[] {
  const [, folder = '', prompt = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (folder === '') throw new InvalidArgumentError('Write it as FOLDER=PROMPT, such as masks/sky=a stormy sky.');
  return [...before, { folder, prompt }];
}

export function keyAt(text: string, before: readonly KeyOption[] = []): readonly KeyOption[] {
  const [, at = '', image = null] = /^(\d{1,9})(?:=(.+))?$/s.exec(text) ?? [];
  if (at === '') throw new InvalidArgumentError('Write it as FRAME, or FRAME=IMAGE such as 12=paint/0012.png.');
  return [...before, { frame: Number(at), image }];
}

export function seedAt(text: string, before: readonly SeedOption[] = []): readonly SeedOption[] {
  const [, at = '', number = ''] = /^(\d{1,9})=(.+)$/s.exec(text) ?? [];
  if (at === '') throw new InvalidArgumentError('Write it as FRAME=SEED, such as 12=7.');
  return [...before, { frame: Number(at), seed: seed(number) }];
}

export function details(text: string, before: readonly DetailOption[]): readonly DetailOption[] {
  const boxes = text.split('+').map((one) => {
    const found = /^(\d{1,9})=(\d{1,5}),(\d{1,5}),(\d{1,5})x(\d{1,5})$/.exec(one);
    if (!found) {
      throw new InvalidArgumentError('Write it as FRAME=LEFT,TOP,WIDTHxHEIGHT in pixels, such as 12=640,180,96x120.');
    }
    const [at = 0, x = 0, y = 0, width = 0, height = 0] = found.slice(1).map(Number);
    return { frame: at, x, y, width, height };
  });
  return [...before, boxes];
}

/** The clip that is meant, counted from 1, and the rest of what was said of it. */
function ofClip(text: string): { readonly clip: number; readonly rest: string } {
  const [, clip = '1', rest = ''] = /^(?:(\d{1,2}):)?(.*)$/s.exec(text) ?? [];
  return { clip: Number(clip), rest };
}

export function subjects(text: string, before: readonly SubjectOption[]): readonly SubjectOption[] {
  const { clip, rest } = ofClip(text);
  return [...before, { clip, boxes: details(rest, [])[0]! }];
}

export function subjectMasks(text: string, before: readonly SubjectMaskOption[]): readonly SubjectMaskOption[] {
  const { clip, rest } = ofClip(text);
  if (rest === '') throw new InvalidArgumentError('Write it as a folder, or as CLIP:FOLDER such as 2:masks.');
  return [...before, { clip, folder: rest }];
}

export function growth(text: string): number {
  if (!/^-?\d{1,3}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of pixels.');
  return Number(text);
}

export function featherReach(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of pixels, from 0 on.');
  return Number(text);
}

export function consistency(text: string): Consistency {
  if (text === 'off') return NO_CONSISTENCY;
  const ways = text.split(',').map((way) => way.split('='));
  const asked: Record<string, unknown> = {};
  for (const [name = '', value = '', ...rest] of ways) {
    const usual = Object.hasOwn(NO_CONSISTENCY, name) ? NO_CONSISTENCY[name as keyof Consistency] : null;
    if (usual === null || value === '' || rest.length > 0) {
      throw new InvalidArgumentError('Write it like attention=anchored,tone=0.2,colour=on; or off.');
    }
    asked[name] = typeof usual === 'number' ? decimal(value) : typeof usual === 'boolean' ? isOn(value) : value;
  }
  return { ...NO_CONSISTENCY, ...asked };
}

function isOn(text: string): boolean {
  if (text !== 'on' && text !== 'off') throw new InvalidArgumentError('Write colour=on or colour=off.');
  return text === 'on';
}

function decimal(text: string): number {
  return /^\d{1,6}(\.\d{1,9})?$|^\.\d{1,9}$/.test(text) ? Number(text) : NaN;
}

export function share(text: string): number {
  const value = decimal(text);
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError('It must be a number above 0, at most 1.');
  return value;
}

export function factor(text: string): number {
  const value = decimal(text);
  if (!(value <= 50)) throw new InvalidArgumentError('It must be a number from 0 to 50.');
  return value;
}

export function amount(text: string): number {
  if (!/^(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i.test(text) || !Number.isFinite(Number(text))) {
    throw new InvalidArgumentError('It must be a number from 0 on, such as 0.0001 or 1e-4.');
  }
  return Number(text);
}

export function part(text: string): number {
  const value = amount(text);
  if (value > 1) throw new InvalidArgumentError('It must be a number from 0 to 1.');
  return value;
}

export function pixels(text: string): number {
  const [, width, height] = /^(\d{2,4})x(\d{2,4})$/.exec(text) ?? [];
  const area = Number(width) * Number(height);
  if (!(area >= 64 * 64 && area <= 4096 * 4096)) {
    throw new InvalidArgumentError('Write it as width times height, such as 768x512; from 64x64 to 4096x4096.');
  }
  return area;
}

export function secondPass(text: string): { scale: number; strength: number } {
  const [scale = '', strength = '0.4', ...rest] = text.split(':');
  const value = { scale: decimal(scale), strength: decimal(strength) };
  if (rest.length > 0 || !(value.scale > 1 && value.scale <= 4 && value.strength > 0 && value.strength <= 1)) {
    throw new InvalidArgumentError('Write it as a scale above 1 to 4, and a strength above 0 to 1: 1.5:0.4.');
  }
  return value;
}

export function controlKind(text: string): ControlKind {
  const kind = controlKindOf(text);
  if (kind === null) throw new InvalidArgumentError(`There are: ${CONTROL_KINDS.join(', ')}.`);
  return kind;
}

export function threshold(text: string): number {
  const value = decimal(text);
  if (Number.isNaN(value)) throw new InvalidArgumentError('It must be a number from 0 on.');
  return value;
}

export function coarseness(text: string): number {
  const value = decimal(text);
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number of pixels above 0.');
  return value;
}

export function port(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) throw new InvalidArgumentError('It must be from 0 to 65535.');
  return Number(text);
}

export function rate(text: string): Rational {
  const value = parseRational(text);
  if (!value || value.num === 0)
    throw new InvalidArgumentError('Write it as a fraction: 25, or 24000/1001 for 23.976.');
  return value;
}

export function sha256(text: string): string {
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new InvalidArgumentError('It must be 64 hexadecimal digits.');
  return text.toLowerCase();
}

export const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];
