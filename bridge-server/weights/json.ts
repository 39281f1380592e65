/**
 * Keys that occur twice in one object of a JSON text. JSON.parse keeps the last and says nothing, which would let one name
 * stand for two tensors. `text` must already have parsed.
 */
export function duplicateKeys(text: string): string[] {
  const open: Set<string>[] = [];
  const found: string[] = [];
  let expectsKey = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '"') {
      const end = endOfString(text, i);
      if (expectsKey) {
        const key = JSON.parse(text.slice(i, end)) as string;
        const keys = open.at(-1);
        if (keys?.has(key)) found.push(key);
        keys?.add(key);
        expectsKey = false;
      }
      i = end - 1;
    } else if (char === '{') {
      open.push(new Set());
      expectsKey = true;
    } else if (char === '[') {
      open.push(ARRAY);
    } else if (char === '}' || char === ']') {
      open.pop();
      expectsKey = false;
    } else if (char === ',') {
      expectsKey = open.at(-1) !== ARRAY;
    }
  }
  return found;
}

const ARRAY = new Set<string>();

function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i + 1;
}
