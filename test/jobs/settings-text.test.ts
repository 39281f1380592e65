import { expect, test } from 'vitest';
import { settingsText } from '../../bridge-server/jobs/settings-text.ts';
import { someDiffusion, someRequest } from './request.ts';

test('settings tell what decided the pixels, and of files only their names', () => {
  const mask = { kind: 'images', folder: '/secret/masks', channel: 'grey', grow: 0, feather: 0 } as const;
  const whole = { weight: 1, start: 0, end: 1, guess: false };
  const request = someRequest({
    source: { path: '/secret/shot.mov', from: 3, to: 9, rate: null, alpha: 'straight' },
    output: { kind: 'movie', path: '/secret/out.mov', codec: 'h264', sound: true },
    mask,
    look: someDiffusion({
      model: '/secret/a.safetensors',
      vae: '/secret/vae.safetensors',
      embeddings: ['/secret/word.safetensors'],
      motion: '/secret/mm.safetensors',
      prompt: 'a cat / a dog',
      loras: [{ file: '/secret/ink.safetensors', scale: 0.7, textScale: 0.7 }],
      controls: [
        { file: '/secret/canny.safetensors', map: { kind: 'images', folder: '/secret/maps' }, ...whole },
        {
          file: '/secret/depth.safetensors',
          map: { kind: 'annotator', file: '/secret/depth.onnx', steady: true },
          ...whole,
        },
      ],
      regions: [{ mask, prompt: 'sky' }],
    }),
  });
  const text = settingsText(request);
  expect(text).not.toContain('secret');
  expect(text).not.toContain('out.mov');
  expect(JSON.parse(text)).toMatchObject({
    source: { path: 'shot.mov', from: 3, to: 9 },
    look: {
      model: 'a.safetensors',
      embeddings: ['word.safetensors'],
      prompt: 'a cat / a dog',
      loras: [{ file: 'ink.safetensors', scale: 0.7 }],
      controls: [{ map: { folder: 'maps' } }, { map: { file: 'depth.onnx' } }],
    },
    mask: { folder: 'masks' },
  });
});

test('settings stay short enough for a command, however many keys and words there are', () => {
  const keys = Array.from({ length: 4096 }, (_, frame) => ({ frame, picture: { kind: 'painted' } as const }));
  const prompts = Array.from({ length: 256 }, (_, frame) => ({
    frame,
    prompt: '"wood" '.repeat(1000),
    then: 'hold' as const,
  }));
  const request = someRequest({ keys: { kind: 'chosen', keys }, look: someDiffusion({ prompts, prompt: 'a cat' }) });
  const text = settingsText(request);
  expect(text.length).toBeLessThanOrEqual(12_000);
  const read = JSON.parse(text) as { keys: { keys: unknown[] }; look: { prompt: string; prompts: unknown[] } };
  expect(read.keys.keys).toHaveLength(21);
  expect(read.keys.keys.at(-1)).toBe('… 4096 in all');
  expect(read.look.prompts.at(-1)).toBe('… 256 in all');
  expect(read.look.prompt).toBe('a cat');
});
