import fc from 'fast-check';
import { mkdir, truncate } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../bridge-server/errors.ts';
import { type Dtype, DTYPES } from '../../bridge-server/weights/dtype.ts';
import { openSafetensors, readFloats, readTensor } from '../../bridge-server/weights/safetensors.ts';
import { type Contents, float32, safetensorsBytes, scratch, withHeader, zeros } from './file.ts';

const { folder, write } = await scratch();

const contents: fc.Arbitrary<Contents> = fc
  .uniqueArray(
    fc.record({
      // Names may be anything that JSON can hold, also what objects have already.
      name: fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('__proto__', 'constructor', 'toString', 'é.ü')),
      dtype: fc.constantFrom(...(Object.keys(DTYPES) as Dtype[])),
      shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
    }),
    { selector: ({ name }) => name, minLength: 1, maxLength: 6 },
  )
  .chain((entries) =>
    fc.tuple(
      ...entries.map(({ name, dtype, shape }) => {
        const bytes = shape.reduce((product, size) => product * size, DTYPES[dtype].bytes);
        return fc
          .uint8Array({ minLength: bytes, maxLength: bytes })
          .map((data) => [name, { dtype, shape, data }] as const);
      }),
    ),
  )
  .map((entries) => Object.fromEntries(entries));

describe('a sound file', () => {
  it('gives back every tensor that was written', async () => {
    await fc.assert(
      fc.asyncProperty(contents, fc.dictionary(fc.string(), fc.string()), async (written, metadata) => {
        const file = await openSafetensors(await write('sound.safetensors', safetensorsBytes(written, metadata)));
        expect({ ...file.metadata }).toEqual({ ...metadata });
        expect([...file.tensors.keys()].sort()).toEqual(Object.keys(written).sort());
        for (const [name, { dtype, shape, data }] of Object.entries(written)) {
          const tensor = file.tensors.get(name);
          expect(tensor).toMatchObject({ dtype, shape });
          expect(await readTensor(file.path, tensor!)).toEqual(data);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('may begin with bytes that mark other formats, when they are the length of its header', async () => {
    // 0x0280 is how a pickle begins, 0x227b is {" and both are believable lengths.
    for (const length of [0x0280, 0x0380, 0x227b]) {
      const tensors = zeros({ a: [2] });
      const header = '{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}';
      const file = await write('like-a-pickle.safetensors', withHeader(header.padEnd(length), tensors['a']!.data));
      expect((await openSafetensors(file)).tensors.get('a')).toMatchObject({ offset: 8 + length, length: 4 });
    }
  });

  it('reads every float type as it is', async () => {
    const bytes = (view: ArrayBufferView): Uint8Array => new Uint8Array(view.buffer);
    const file = await write(
      'floats.safetensors',
      safetensorsBytes({
        a: { dtype: 'float16', shape: [5], data: bytes(Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7c00, 0x7bff)) },
        b: { dtype: 'bfloat16', shape: [3], data: bytes(Uint16Array.of(0x3f80, 0xc2f7, 0x0080)) },
        c: { dtype: 'float8e4m3fn', shape: [5], data: Uint8Array.of(0x38, 0xfe, 0x01, 0x7f, 0x80) },
        d: { dtype: 'float8e5m2', shape: [4], data: Uint8Array.of(0x3c, 0x7c, 0x01, 0xfb) },
        e: { dtype: 'float64', shape: [1], data: bytes(Float64Array.of(0.1)) },
      }),
    );
    const { tensors } = await openSafetensors(file);
    const floats = async (name: string): Promise<number[]> => [...(await readFloats(file, tensors.get(name)!))];
    expect(await floats('a')).toEqual([1, -2, 2 ** -24, Infinity, 65504]);
    expect(await floats('b')).toEqual([1, -123.5, 2 ** -126]);
    expect(await floats('c')).toEqual([1, -448, 2 ** -9, NaN, -0]);
    expect(await floats('d')).toEqual([1, Infinity, 2 ** -16, -57344]);
    expect(await floats('e')).toEqual([Math.fround(0.1)]);
  });
});

describe('a file that is refused', () => {
  const sound = safetensorsBytes({ a: float32([2], [1, 2]), b: float32([1], [3]) });
  const entry = (json: string, data = 8): Buffer => withHeader(`{"a":${json}}`, new Uint8Array(data));

  it.each<[string, Uint8Array, string, RegExp]>([
    ['of no bytes', new Uint8Array(), 'weights-damaged', /empty/],
    ['of seven bytes', new Uint8Array(7), 'weights-damaged', /only 7 bytes/],
    ['cut in its header', sound.subarray(0, 40), 'weights-damaged', /header claims/],
    ['cut in its data', sound.subarray(0, -1), 'weights-damaged', /cut short/],
    ['with a byte too many', Buffer.concat([sound, Uint8Array.of(0)]), 'weights-damaged', /belong to no tensor/],
    [
      'with a huge header',
      Buffer.concat([Buffer.from('ffffffffffffff7f7b', 'hex'), sound]),
      'weights-damaged',
      /allows/,
    ],
    ['without JSON', withHeader('{"a":'), 'weights-damaged', /not JSON/],
    ['with broken UTF-8', withHeader('{"a\x00"}').fill(0xff, 10, 12), 'weights-damaged', /not JSON/],
    ['with a list', Buffer.concat([withHeader('[1]').fill(0x7b, 8, 9)]), 'weights-damaged', /not JSON/],
    ['without tensors', withHeader('{}'), 'weights-damaged', /no tensors/],
    ['with only metadata', withHeader('{"__metadata__":{"a":"b"}}'), 'weights-damaged', /no tensors/],
    [
      'with metadata that are numbers',
      withHeader('{"__metadata__":{"a":1},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
      'weights-damaged',
      /not texts/,
    ],
    [
      'with a name twice',
      withHeader(
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
        new Uint8Array(2),
      ),
      'weights-damaged',
      /twice/,
    ],
    [
      'with a key twice in a tensor',
      entry('{"dtype":"F32","dtype":"F16","shape":[4],"data_offsets":[0,8]}'),
      'weights-damaged',
      /twice/,
    ],
    ['with a tensor that is a number', entry('3'), 'weights-damaged', /not described/],
    ['with a negative size', entry('{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}'), 'weights-damaged', /shape/],
    ['with half a size', entry('{"dtype":"F32","shape":[1.5],"data_offsets":[0,6]}', 6), 'weights-damaged', /shape/],
    [
      'with a shape that overflows',
      entry('{"dtype":"F32","shape":[9007199254740991,9007199254740991],"data_offsets":[0,8]}'),
      'weights-damaged',
      /needs/,
    ],
    [
      'with a shape that does not fit',
      entry('{"dtype":"F32","shape":[3],"data_offsets":[0,8]}'),
      'weights-damaged',
      /needs 12/,
    ],
    [
      'with offsets the wrong way',
      entry('{"dtype":"F32","shape":[2],"data_offsets":[8,0]}'),
      'weights-damaged',
      /before it begins/,
    ],
    ['with three offsets', entry('{"dtype":"F32","shape":[2],"data_offsets":[0,4,8]}'), 'weights-damaged', /offsets/],
    ['with a gap', entry('{"dtype":"F32","shape":[1],"data_offsets":[4,8]}'), 'weights-damaged', /belong to no tensor/],
    [
      'with an overlap',
      withHeader(
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
        new Uint8Array(8),
      ),
      'weights-damaged',
      /overlaps/,
    ],
    [
      'with a tensor behind its end',
      entry('{"dtype":"F32","shape":[4],"data_offsets":[0,16]}'),
      'weights-damaged',
      /cut short/,
    ],
    ['of a type from elsewhere', entry('{"dtype":"F4","shape":[16],"data_offsets":[0,8]}'), 'weights-dtype', /F4/],
    [
      'that is a zipped pickle',
      Buffer.from('PK\x03\x04\x00\x00\x08\x08\x00\x00archive/data.pkl'),
      'weights-pickle',
      /pickle/,
    ],
    [
      'that is a bare pickle',
      Buffer.from('\x80\x02}q\x00(X\x05\x00\x00\x00epochK\x01u.', 'latin1'),
      'weights-pickle',
      /pickle/,
    ],
    ['that is a short pickle', Buffer.from('\x80\x04N.', 'latin1'), 'weights-pickle', /pickle/],
    ['that is GGUF', Buffer.from('GGUF\x03\0\0\0\0\0\0\0'), 'weights-foreign', /GGUF/],
    ['that is a login page', Buffer.from('<!DOCTYPE html><html><title>Sign in</title>'), 'weights-foreign', /web page/],
    [
      'that is a Git LFS pointer',
      Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00'),
      'weights-foreign',
      /LFS/,
    ],
    ['that is an error message', Buffer.from('{"error":"Access to model is restricted"}'), 'weights-foreign', /JSON/],
  ])('%s', async (_, bytes, code, words) => {
    const failure = await refusal(await write('refused.safetensors', bytes));
    expect(failure.code).toBe(code);
    expect(failure.message).toMatch(words);
    expect(failure.remedy).toMatch(/\w/);
  });

  it('that is not there, or is a folder', async () => {
    expect((await refusal(path.join(folder, 'nowhere'))).code).toBe('weights-missing');
    await mkdir(path.join(folder, 'a-folder'));
    expect((await refusal(path.join(folder, 'a-folder'))).code).toBe('weights-missing');
  });

  it('that shrinks after it was opened', async () => {
    const file = await write('shrinks.safetensors', sound);
    const { tensors } = await openSafetensors(file);
    await truncate(file, sound.length - 2);
    await expect(readTensor(file, tensors.get('b')!)).rejects.toMatchObject({ code: 'weights-damaged' });
  });

  it('cut anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(contents, fc.nat(), async (written, where) => {
        const bytes = safetensorsBytes(written);
        const file = await write('cut.safetensors', bytes.subarray(0, where % bytes.length));
        expect((await refusal(file)).code).toBe('weights-damaged');
      }),
      { numRuns: 60 },
    );
  });
});

it('takes bytes that were changed anywhere for a sound file only if every tensor lies inside, else says so', async () => {
  const change = fc.tuple(
    fc.nat(),
    fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(...[...'{}[]",:0123456789-e.\\'].map((char) => char.charCodeAt(0)))),
  );
  await fc.assert(
    fc.asyncProperty(contents, fc.array(change, { minLength: 1, maxLength: 4 }), async (written, changes) => {
      const bytes = safetensorsBytes(written, { format: 'pt' });
      for (const [where, value] of changes) bytes[where % bytes.length] = value;
      const file = await write('fuzzed.safetensors', bytes);
      try {
        const opened = await openSafetensors(file);
        const ranges = [...opened.tensors.values()].map(({ offset, length }) => [offset, offset + length] as const);
        for (const [from, to] of ranges) expect(from >= 8 && to <= bytes.length).toBe(true);
        for (const [i, [from]] of ranges.entries()) if (i > 0) expect(from).toBe(ranges[i - 1]![1]);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        expect(['weights-damaged', 'weights-dtype', 'weights-foreign', 'weights-pickle']).toContain(error.code);
      }
    }),
    { numRuns: 300 },
  );
});

async function refusal(file: string): Promise<Failure> {
  const result = await openSafetensors(file).catch((error: unknown) => error);
  if (result instanceof Failure) return result;
  throw new Error(`not refused: ${String(result)}`);
}
