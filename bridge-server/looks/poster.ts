import type { Engine } from '../kernels/engine.ts';
import type { Frame } from '../media/frame.ts';
import { Easel } from './easel.ts';

/** Lengths in pixels at 1080p. */
const PAPER_CUT = 12;
const SPECK = 4;
/** Samples from the middle of a cut to its rim. */
const MOST_SAMPLES = 4.5;

/**
 * The inks, as sRGB. Fixed, not taken from the picture: the same thing gets the same ink in every key frame. Even steps of
 * lightness in the skin, sky, leaf and neutral families, warm lights and cool darks.
 */
const INKS = [
  ...['#12131f', '#1f2440', '#3a3a4c', '#5f6573', '#8a93a0', '#b6bdc2', '#f8eedb'], // night to paper
  ...['#544843', '#7d6c5f', '#a48f79', '#c8b395', '#e4d2b0'], // stone
  ...['#3f2430', '#6f3536', '#9c5640', '#c98560', '#e6b48c', '#f4d6b6'], // umber, skin, sand
  ...['#7c1f33', '#bb3a3a', '#e2703a', '#eab04a', '#f6dc86'], // red, orange, yellow
  ...['#1d4a57', '#2f7f86', '#6fb3b3', '#b5d8d0'], // teal
  ...['#25407c', '#2f4a6b', '#3f74b8', '#6f9bb3', '#7fb0dc', '#a2c3cc', '#c3dcee'], // blue
  ...['#24422f', '#4f7a45', '#93ad5c', '#cfd89a'], // leaf
  ...['#4d2d63', '#8a5a9c', '#c79ac6', '#d9668e', '#f0b7bd'], // violet, rose
];

/** (r, g, b, 0) in 0..1. */
const colour = (hex: string): number[] => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255).concat(0);

/** Where the kernel compares colours: lightness, warmth, greenness of the coded values. */
function place(hex: string): [number, number, number] {
  const [r, g, b] = colour(hex) as [number, number, number, number];
  return [0.2126 * r + 0.7152 * g + 0.0722 * b, 0.5 * (r - b), 0.5 * g - 0.25 * (r + b)];
}

/** Of every four inks the four lightnesses, the four warmths, the four greennesses; the last ink fills up the last four. */
const FOURS = Math.ceil(INKS.length / 4);
const PALETTE = Array.from({ length: FOURS * 12 }, (_, i) => {
  const ink = Math.min(4 * Math.floor(i / 12) + (i % 4), INKS.length - 1);
  return place(INKS[ink]!)[Math.floor((i % 12) / 4)]!;
});

/** A screen print: flat areas with clean edges in a small set of inks. */
export function poster(engine: Engine, frame: Frame, signal: AbortSignal): Promise<Frame> {
  return Easel.paint(engine, frame, signal, async (easel) => {
    const { width, height, scale } = easel;
    const picture = await easel.picture();
    const tangents = await easel.tangents(picture, Math.max(1.4, 4 * scale));
    const radius = Math.max(2.5, PAPER_CUT * scale);
    const step = Math.ceil(radius / MOST_SAMPLES);
    const smooth = easel.plane();
    await easel.blur(picture, smooth, Math.max(0.5, 0.45 * step));
    const plain = picture;
    await easel.runSliced('lookKuwahara', smooth, tangents, plain, width, height, radius, step);
    await easel.along(plain, tangents, smooth, Math.max(2, 5 * scale));

    const palette = easel.floats(PALETTE);
    const inks = easel.floats(INKS.flatMap(colour));
    const index = easel.bytes(width * height);
    await easel.run('lookNearest', smooth, palette, FOURS, index, width, height);
    const tidied = easel.bytes(width * height);
    const counts = easel.bytes(128 * engine.workers);
    await easel.run('lookTidy', index, tidied, counts, width, height, Math.max(1, Math.round(SPECK * scale)));
    await easel.run('lookPrint', tidied, inks, plain, width, height);
    return plain;
  });
}
