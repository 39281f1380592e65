/** What the editors' engine forbids or lacks in code: it stops the panel, or does nothing. */
const FORBIDDEN_CODE: Readonly<Record<string, RegExp>> = {
  'code from text': /\beval\s*\(|\bnew Function\b/,
  'text encoders': /TextEncoder|TextDecoder/,
  'loading code later': /\bimport\s*\(/,
  'modules of Node': /["']node:|\brequire\(["'](?!(?:uxp|premierepro|aftereffects)["'])/,
  'a source map': /sourceMappingURL/,
};

/** What it does not know of style sheets. */
const FORBIDDEN_STYLE: Readonly<Record<string, RegExp>> = {
  'a display that is not flex, block, inline or none': /display:\s*(?!flex|block|none|inline)\w/,
  grid: /\bgrid/,
  float: /\bfloat\b/,
  'transitions and animations': /\b(transition|animation)\b|@keyframes/,
  'fonts of its own': /@font-face/,
  'selectors by attribute': /\[[\w-]+/,
  'text-transform': /text-transform/,
  'the font shorthand': /\bfont:/,
  gap: /\bgap:/,
};

/** An editor reads a panel's code at every start. */
const MOST_BYTES = 600_000;

/** What an editor would not take of a bundle; nothing when it is fine. */
export function brokenBy(code: string, css: string): string[] {
  const found = (laws: Readonly<Record<string, RegExp>>, text: string): string[] =>
    Object.entries(laws).flatMap(([name, law]) => {
      const match = law.exec(text);
      return match ? [`${name}: …${text.slice(Math.max(0, match.index - 20), match.index + 40)}…`] : [];
    });
  const large = Buffer.byteLength(code) > MOST_BYTES ? [`more than ${MOST_BYTES} bytes`] : [];
  return [...large, ...found(FORBIDDEN_CODE, code), ...found(FORBIDDEN_STYLE, css.replaceAll(/\/\*.*?\*\//gs, ''))];
}
