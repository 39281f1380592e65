import { randomFrom } from './random.ts';

/**
 * A flat piece of the scene as vector drawing. Units: 1/360 of the frame's height. `box` is the drawn area [x, y, width,
 * height] in the piece's own coordinates, whose origin is its pivot (a shoulder, an elbow, the middle of the backdrop).
 */
export type Drawing = { readonly svg: string; readonly box: readonly [number, number, number, number] };

type Random = () => number;

const between = (random: Random, from: number, to: number): number => from + (to - from) * random();
const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
const repeat = (count: number, draw: (index: number) => string): string =>
  Array.from({ length: count }, (_, i) => draw(i)).join('');
const rgb = (r: number, g: number, b: number): string => `rgb(${Math.round(r)},${Math.round(g)},${Math.round(b)})`;

const INK = '#3b2a33';
const SKIN = '#cf9068';
const SKIN_SHADE = '#b3714f';
const HAIR = '#45262a';
const WOOL = '#dba032';
const TEAL = '#1d6468';
const CREAM = '#f5e8d0';
const BRICK = '#b8443a';

/** Evening sky, hills and sea; origin in the middle of the frame, wide enough for the camera to move. */
export function backdrop(seed: number, width: number): Drawing {
  const random = randomFrom(seed * 7 + 1);
  const half = width / 2;
  const hill = (y: number, height: number, wave: number, fill: string): string => {
    const phase = between(random, 0, 6);
    let path = `M${-half},320`;
    for (let x = -half; x <= half; x += 12) {
      const h =
        Math.sin(x / wave + phase) + 0.5 * Math.sin((x / wave) * 2.3 + phase * 2) + 0.22 * Math.sin((x / wave) * 6.1);
      path += `L${x.toFixed(1)},${(y - height * h).toFixed(1)}`;
    }
    return `<path d="${path}L${half},320Z" fill="${fill}"/>`;
  };
  const cloud = (): string => {
    const x = between(random, -half, half);
    const y = between(random, -250, -40);
    const size = between(random, 26, 70) * (1 + y / 500);
    const tint = pick(random, ['#fbe6cf', '#f7cfb4', '#f9dcc4', '#e9b9ac']);
    return repeat(7, (i) => {
      const dx = (i - 3) * size * 0.42 + between(random, -5, 5);
      const r = size * (0.55 - 0.1 * Math.abs(i - 3)) * between(random, 0.8, 1.15);
      return `<ellipse cx="${(x + dx).toFixed(1)}" cy="${y.toFixed(1)}" rx="${r.toFixed(1)}" ry="${(r * 0.36).toFixed(1)}" fill="${tint}" opacity="0.72"/>`;
    });
  };
  const boat = (): string => {
    const x = between(random, -half, half);
    const y = between(random, 44, 60);
    const size = between(random, 5, 11);
    return `<path d="M${x},${y}l${size * 2},0l${-size * 0.4},${size * 0.5}h${-size * 1.2}Z" fill="${INK}"/><path d="M${x + size},${y - 1}v${-size * 2.2}l${size * 0.9},${size * 2}Z" fill="${CREAM}"/><path d="M${x + size - 1},${y - 1}v${-size * 1.8}l${-size * 0.7},${size * 1.7}Z" fill="${pick(random, [BRICK, '#e8b36a', '#f0d9c0'])}"/>`;
  };
  const svg = `
    <defs><linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#3f6f93"/><stop offset="0.36" stop-color="#8fb0b4"/><stop offset="0.56" stop-color="#f3d5a8"/><stop offset="0.64" stop-color="#f2b184"/></linearGradient>
    <linearGradient id="sea" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#e0b595"/><stop offset="0.2" stop-color="#6f9aa0"/><stop offset="1" stop-color="#35626f"/></linearGradient></defs>
    <rect x="${-half}" y="-320" width="${width}" height="640" fill="url(#sky)"/>
    <circle cx="-118" cy="-42" r="92" fill="#fff0c8" opacity="0.22"/><circle cx="-118" cy="-42" r="58" fill="#fff0c8" opacity="0.3"/><circle cx="-118" cy="-42" r="36" fill="#fff3d6"/>
    ${repeat(Math.round(width / 42), cloud)}
    ${hill(20, 26, 120, '#9f9fb0')}${hill(32, 18, 74, '#7c8e9c')}
    <rect x="${-half}" y="40" width="${width}" height="280" fill="url(#sea)"/>
    ${repeat(Math.round(width / 3), () => {
      const y = 43 + 130 * random() ** 1.5;
      const length = between(random, 6, 30) * (0.4 + (y - 40) / 90);
      return `<rect x="${between(random, -half, half).toFixed(1)}" y="${y.toFixed(1)}" width="${length.toFixed(1)}" height="${(0.8 + (y - 40) / 60).toFixed(2)}" rx="0.6" fill="${pick(random, ['#fbe2bd', '#8fb7b8', '#2d5867', '#e8c19c'])}" opacity="0.75"/>`;
    })}
    ${repeat(Math.round(width / 90), boat)}
    ${repeat(Math.round(width / 60), () => {
      const x = between(random, -half, half);
      const y = between(random, -200, -60);
      const s = between(random, 3, 7);
      return `<path d="M${x - s},${y - s * 0.5}q${s * 0.6},${-s * 0.2} ${s},${s * 0.6}q${s * 0.4},${-s * 0.9} ${s * 1.1},${-s * 0.5}" stroke="${INK}" stroke-width="1.2" fill="none" stroke-linecap="round"/>`;
    })}`;
  return { svg, box: [-half, -320, width, 640] };
}

/** The town on the shore: houses, trees, a lit window here and there. Origin in the middle of the frame. */
export function town(seed: number, width: number): Drawing {
  const random = randomFrom(seed * 7 + 2);
  const half = width / 2;
  let svg = `<rect x="${-half}" y="112" width="${width}" height="240" fill="#6d7a4f"/>`;
  for (let x = -half - 20; x < half;) {
    const w = between(random, 34, 66);
    if (random() < 0.27) {
      svg += tree(random, x + w * 0.35, 118, between(random, 46, 96));
      x += w * 0.5;
      continue;
    }
    const h = between(random, 42, 96);
    const top = 116 - h;
    const wall = pick(random, ['#e2b08a', '#cf8468', '#efdcb8', '#b6c2ab', '#d9c3a5', '#e9c46f', '#a9b9c4']);
    const roof = pick(random, ['#9a4a3e', '#7d3e3c', '#b3604a', '#5f4a52']);
    svg += `<rect x="${x}" y="${top}" width="${w}" height="${h + 6}" fill="${wall}"/><rect x="${x}" y="${top}" width="${w * 0.2}" height="${h + 6}" fill="#000" opacity="0.1"/>`;
    if (random() < 0.7) {
      const peak = between(random, 9, 20);
      svg += `<path d="M${x - 3},${top}L${x + w / 2},${top - peak}L${x + w + 3},${top}Z" fill="${roof}"/>`;
    } else svg += `<rect x="${x - 2}" y="${top - 5}" width="${w + 4}" height="7" fill="${roof}"/>`;
    const columns = Math.max(2, Math.floor(w / 16));
    const rows = Math.max(2, Math.floor(h / 24));
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const wx = x + (w * (column + 0.5)) / columns - 3.6;
        const wy = top + (h * (row + 0.3)) / rows;
        const lit = random() < 0.3;
        svg += `<rect x="${wx - 1.2}" y="${wy - 1.2}" width="9.6" height="13.4" fill="#fff6e6" opacity="0.8"/><rect x="${wx}" y="${wy}" width="7.2" height="11" fill="${lit ? '#ffd772' : '#45606e'}"/><path d="M${wx + 3.6},${wy}v11M${wx},${wy + 5}h7.2" stroke="#fff6e6" stroke-width="0.9"/>`;
        if (random() < 0.45) {
          const shutter = pick(random, [TEAL, BRICK, '#5f7d4e']);
          svg += `<rect x="${wx - 5}" y="${wy - 0.5}" width="3.6" height="12" fill="${shutter}"/><rect x="${wx + 8.6}" y="${wy - 0.5}" width="3.6" height="12" fill="${shutter}"/>`;
        }
      }
    }
    x += w + between(random, -2, 7);
  }
  for (let i = 0; i < width / 46; i++) svg += tree(random, between(random, -half, half), 124, between(random, 22, 44));
  return { svg, box: [-half, -10, width, 362] };
}

function tree(random: Random, x: number, foot: number, height: number): string {
  const shade = (): string => rgb(between(random, 38, 92), between(random, 78, 122), between(random, 58, 78));
  let svg = `<rect x="${x - 2}" y="${foot - height * 0.4}" width="4" height="${height * 0.45}" fill="#5b4038"/>`;
  for (let i = 0; i < 16; i++) {
    const dy = random();
    const spread = height * 0.2 * (0.35 + Math.sin(Math.PI * (0.15 + dy * 0.85)));
    svg += `<circle cx="${(x + between(random, -spread, spread)).toFixed(1)}" cy="${(foot - height * (0.25 + 0.75 * dy)).toFixed(1)}" r="${(height * between(random, 0.07, 0.14)).toFixed(1)}" fill="${shade()}"/>`;
  }
  return svg;
}

/** The stone wall behind the figure, with flower pots on it. Origin in the middle of the frame. */
export function wall(seed: number, width: number): Drawing {
  const random = randomFrom(seed * 7 + 3);
  const half = width / 2;
  let svg = `<rect x="${-half}" y="112" width="${width}" height="240" fill="#7d6a5c"/>`;
  for (let row = 0, y = 120; y < 350; row++) {
    const h = between(random, 17, 23);
    for (let x = -half - between(random, 0, 30); x < half;) {
      const w = between(random, 22, 52);
      const v = between(random, -20, 22);
      svg += `<rect x="${(x + 1).toFixed(1)}" y="${y + 1}" width="${(w - 2).toFixed(1)}" height="${(h - 2).toFixed(1)}" rx="4" fill="${rgb(186 + v, 164 + v, 138 + v * 0.8)}"/>`;
      if (random() < 0.5)
        svg += `<circle cx="${(x + w * random()).toFixed(1)}" cy="${(y + h * 0.6).toFixed(1)}" r="${between(random, 1, 3).toFixed(1)}" fill="#6f7a4a" opacity="0.7"/>`;
      x += w;
    }
    y += h;
  }
  svg += `<rect x="${-half}" y="104" width="${width}" height="15" rx="2" fill="#d5c0a0"/><rect x="${-half}" y="115" width="${width}" height="5" fill="#000" opacity="0.18"/>`;
  for (let x = -half + 26; x < half; x += between(random, 58, 104)) {
    const size = between(random, 9, 14);
    const bloom = pick(random, ['#d8483f', '#f2a9a0', '#f6cf57', '#ffffff', '#9b6bb0']);
    svg += `<path d="M${x - size},${104 - size * 1.5}h${size * 2}l${-size * 0.35},${size * 1.5}h${-size * 1.3}Z" fill="#b9623f"/><rect x="${x - size * 1.1}" y="${104 - size * 1.7}" width="${size * 2.2}" height="${size * 0.45}" fill="#cf7a52"/>`;
    svg += repeat(
      14,
      () =>
        `<circle cx="${(x + between(random, -size, size)).toFixed(1)}" cy="${(104 - size * between(random, 1.6, 3.1)).toFixed(1)}" r="${between(random, 2.4, 4.6).toFixed(1)}" fill="${rgb(between(random, 50, 90), between(random, 95, 140), 66)}"/>`,
    );
    svg += repeat(
      9,
      () =>
        `<circle cx="${(x + between(random, -size, size)).toFixed(1)}" cy="${(104 - size * between(random, 1.8, 3.2)).toFixed(1)}" r="${between(random, 1.8, 3.2).toFixed(1)}" fill="${bloom}"/>`,
    );
  }
  return { svg, box: [-half, 56, width, 296] };
}

/** Bands of knitting from `top` to `bottom`, `width` wide about x = 0. */
function knitting(top: number, bottom: number, width: number): string {
  const half = width / 2;
  let svg = `<rect x="${-half}" y="${top}" width="${width}" height="${bottom - top}" fill="${WOOL}"/>`;
  for (let y = top, band = 0; y < bottom; y += 19, band++) {
    const [ground, mark] = band % 2 === 0 ? [TEAL, CREAM] : [BRICK, WOOL];
    svg += `<rect x="${-half}" y="${y + 5}" width="${width}" height="10" fill="${ground}"/><rect x="${-half}" y="${y + 3.6}" width="${width}" height="1.4" fill="${CREAM}"/><rect x="${-half}" y="${y + 15}" width="${width}" height="1.4" fill="${CREAM}"/>`;
    for (let x = -Math.ceil(half / 8) * 8; x <= half; x += 8) {
      svg +=
        band % 2 === 0
          ? `<path d="M${x},${y + 6}l4,4l-4,4l-4,-4Z" fill="${mark}"/>`
          : `<path d="M${x - 3},${y + 13}l3,-6l3,6" stroke="${mark}" stroke-width="1.8" fill="none"/>`;
    }
  }
  return svg;
}

/** Trousers, sweater and scarf; origin between the shoulders. */
export function torso(): Drawing {
  const body =
    'M-50,2Q-30,-14 -16,-17L16,-17Q30,-14 50,2Q59,12 55,40L48,92Q46,120 50,152L-50,152Q-46,120 -48,92L-55,40Q-59,12 -50,2Z';
  return {
    svg: `<defs><clipPath id="body"><path d="${body}"/></clipPath><linearGradient id="light" x1="0" y1="0" x2="1" y2="0.15"><stop offset="0" stop-color="#fff2cf" stop-opacity="0.35"/><stop offset="0.45" stop-color="#fff2cf" stop-opacity="0"/><stop offset="1" stop-color="#22102a" stop-opacity="0.38"/></linearGradient></defs>
      <path d="M-46,140H46L52,262H-54Z" fill="#2f4663"/><path d="M-10,150L-2,262" stroke="#22344c" stroke-width="2"/>${repeat(6, (i) => `<path d="M${-44 + i * 17},160q4,40 ${i * 2 - 6},96" stroke="#41608a" stroke-width="1.6" fill="none"/>`)}
      <g clip-path="url(#body)">${knitting(-18, 144, 120)}<rect x="-60" y="143" width="120" height="10" fill="${TEAL}"/>${repeat(28, (i) => `<rect x="${-58 + i * 4.2}" y="143" width="1.4" height="10" fill="${WOOL}"/>`)}<rect x="-62" y="-20" width="124" height="176" fill="url(#light)"/></g>
      <path d="M-24,-22Q0,-2 24,-22L28,-6Q0,16 -28,-6Z" fill="${BRICK}"/><path d="M-25,-16Q0,4 25,-16M-26,-10Q0,9 26,-10" stroke="#e9b9a0" stroke-width="1.4" fill="none"/>
      <path d="M8,2l17,-4l8,52l-15,5Z" fill="#c9524a"/>${repeat(5, (i) => `<path d="M${11 + i * 1.3},${9 + i * 9}l16,-3.6" stroke="#f0cdb2" stroke-width="1.8"/>`)}`,
    box: [-64, -30, 128, 296],
  };
}

/** Head and neck; origin at the base of the neck. */
export function head(): Drawing {
  return {
    svg: `<path d="M-11,-30h22l3,32q-14,10 -28,0Z" fill="${SKIN_SHADE}"/>
      <ellipse cx="0" cy="-62" rx="36" ry="42" fill="${HAIR}"/><circle cx="0" cy="-106" r="15" fill="${HAIR}"/><path d="M-12,-97q12,7 24,0" stroke="${TEAL}" stroke-width="4" fill="none"/>
      <ellipse cx="-29" cy="-54" rx="5" ry="8" fill="${SKIN}"/><ellipse cx="29" cy="-54" rx="5" ry="8" fill="${SKIN_SHADE}"/>
      <path d="M-28,-66Q-28,-92 0,-92Q28,-92 28,-66Q29,-38 16,-25Q0,-13 -16,-25Q-29,-38 -28,-66Z" fill="${SKIN}"/><path d="M8,-91Q28,-90 28,-66Q29,-38 16,-25Q8,-18 2,-18Q18,-40 8,-91Z" fill="${SKIN_SHADE}" opacity="0.45"/>
      <path d="M-34,-58Q-36,-98 0,-100Q36,-98 34,-58Q30,-80 14,-84Q-4,-76 -18,-80Q-30,-76 -34,-58Z" fill="${HAIR}"/>${repeat(9, (i) => `<path d="M${-28 + i * 7},${-84 + Math.abs(i - 4) * 2.4}q${(i - 4) * 1.5},-9 ${(4 - i) * 1.4},-13" stroke="#7a4640" stroke-width="1.3" fill="none"/>`)}
      <path d="M-19,-66q6,-5 12,-1M7,-67q6,-4 12,1" stroke="${HAIR}" stroke-width="2.6" fill="none" stroke-linecap="round"/>
      <ellipse cx="-12" cy="-57" rx="5.4" ry="4" fill="#fff8ee"/><ellipse cx="12" cy="-57" rx="5.4" ry="4" fill="#fff8ee"/><circle cx="-11.6" cy="-57" r="3" fill="#2d5a58"/><circle cx="12.4" cy="-57" r="3" fill="#2d5a58"/><circle cx="-11.6" cy="-57" r="1.4" fill="#180f14"/><circle cx="12.4" cy="-57" r="1.4" fill="#180f14"/><circle cx="-10.6" cy="-58" r="0.8" fill="#fff"/><circle cx="13.4" cy="-58" r="0.8" fill="#fff"/>
      <path d="M-18,-59.5q6,-4.5 12,0M6,-59.5q6,-4.5 12,0" stroke="${INK}" stroke-width="1.5" fill="none"/>
      <path d="M1,-56q4,10 1,12q-4,1.6 -6,-0.6" stroke="#9a5a3e" stroke-width="1.8" fill="none" stroke-linecap="round"/>
      <path d="M-10,-34q10,9 20,-0.6q-10,2.6 -20,0.6Z" fill="#a23b3a"/><path d="M-10,-34q10,2.8 20,-0.6" stroke="#6f2529" stroke-width="1.2" fill="none"/>
      <circle cx="-18" cy="-44" r="6" fill="#e0805f" opacity="0.45"/><circle cx="18" cy="-44" r="6" fill="#d06a50" opacity="0.45"/>
      ${repeat(10, (i) => `<circle cx="${-20 + ((i * 37) % 40)}" cy="${-48 + ((i * 13) % 7)}" r="0.7" fill="#a2603f"/>`)}
      <circle cx="-29" cy="-44" r="2.6" fill="#f2c14e"/><circle cx="29" cy="-44" r="2.6" fill="#f2c14e"/>`,
    box: [-42, -124, 84, 132],
  };
}

/** A sleeve hanging straight down; origin at the shoulder. */
export function upperArm(): Drawing {
  return sleeve(74, 17, 13.5, '');
}

/** The sleeve below the elbow and the hand; origin at the elbow. */
export function forearm(): Drawing {
  const hand = `<path d="M-8,56h16l2,14q0,10 -9,11q-9,-1 -10,-11Z" fill="${SKIN}"/>${repeat(4, (i) => `<rect x="${-9.4 + i * 4.8}" y="${74 - (i === 3 ? 3 : 0)}" width="4.3" height="${13 + (i === 1 || i === 2 ? 3 : 0)}" rx="2.1" fill="${i % 2 ? SKIN : '#c4845e'}"/>`)}<rect x="7" y="62" width="4.6" height="15" rx="2.2" transform="rotate(-24 9 62)" fill="${SKIN_SHADE}"/>`;
  return sleeve(58, 13.5, 9.5, hand);
}

function sleeve(length: number, top: number, bottom: number, beyond: string): Drawing {
  const shape = `M${-top},0A${top},${top} 0 0 1 ${top},0L${bottom},${length}Q0,${length + 5} ${-bottom},${length}Z`;
  const id = `sleeve${length}`;
  return {
    svg: `<defs><clipPath id="${id}"><path d="${shape}"/></clipPath><linearGradient id="${id}l" x1="0" y1="0" x2="1" y2="0"><stop offset="0" stop-color="#fff2cf" stop-opacity="0.3"/><stop offset="0.4" stop-color="#fff2cf" stop-opacity="0"/><stop offset="1" stop-color="#22102a" stop-opacity="0.42"/></linearGradient></defs>
      ${beyond}<g clip-path="url(#${id})">${knitting(-top, length + 6, top * 2 + 8)}<rect x="${-top - 4}" y="${length - 6}" width="${top * 2 + 8}" height="14" fill="${TEAL}"/><rect x="${-top - 2}" y="${-top}" width="${top * 2 + 4}" height="${length + top + 8}" fill="url(#${id}l)"/></g>`,
    box: [-top - 4, -top - 4, top * 2 + 8, length + top + (beyond ? 44 : 14)],
  };
}

/** A striped balloon with its basket: what passes in front of the figure. Origin in its middle. */
export function balloon(seed: number): Drawing {
  const random = randomFrom(seed * 7 + 4);
  const colours = ['#d94f3d', '#f4e3c1', '#2a7f86', '#f0b23e'];
  const gore = (i: number): string => {
    const x = (f: number): number => 62 * Math.sin(((f - 4) / 8) * Math.PI);
    return `<path d="M0,-94Q${(x(i) * 1.5).toFixed(1)},-48 ${(x(i) * 0.5).toFixed(1)},52L${(x(i + 1) * 0.5).toFixed(1)},52Q${(x(i + 1) * 1.5).toFixed(1)},-48 0,-94Z" fill="${colours[i % 4]}"/>`;
  };
  return {
    svg: `${repeat(8, gore)}<path d="M-31,52Q0,62 31,52L24,66H-24Z" fill="#7a3f34"/>
      ${repeat(26, () => `<circle cx="${between(random, -34, 34).toFixed(1)}" cy="${between(random, -60, 40).toFixed(1)}" r="${between(random, 2, 4.4).toFixed(1)}" fill="${pick(random, ['#fff4dc', '#47303a', '#f6cf57'])}"/>`)}
      <path d="M-22,66L-14,96M22,66L14,96" stroke="${INK}" stroke-width="2"/><rect x="-17" y="95" width="34" height="24" rx="3" fill="#a5713f"/>${repeat(5, (i) => `<path d="M-17,${99 + i * 5}h34" stroke="#6d4526" stroke-width="1.4"/>`)}${repeat(6, (i) => `<path d="M${-14 + i * 5.6},95v24" stroke="#c99a5f" stroke-width="1"/>`)}`,
    box: [-66, -98, 132, 222],
  };
}
