import type { InstalledModel } from '../../bridge-server/protocol/http.ts';
import { findModel, fittingTo, ofKind, type Installed } from '../installed.ts';
import type { Manner } from '../request.ts';
import { saysWord } from '../training.ts';
import { words } from '../words.ts';
import { FileChoice, Unfit } from './structure.tsx';
import { Button, QuietButton, Slider, Toggle } from './widgets.tsx';

/** LoRAs, each at its scale, and learned words. */
export function Identity(props: {
  readonly installed: Installed;
  readonly checkpoint: InstalledModel | null;
  readonly manner: Manner;
  readonly onChange: (changes: Partial<Manner>) => void;
}) {
  const { installed, checkpoint, manner, onChange } = props;
  const { loras, embeddings } = manner;
  const all = ofKind(installed, 'lora');
  const { fits, others } = fittingTo(checkpoint, all);
  const learned = fittingTo(checkpoint, ofKind(installed, 'textual-inversion')).fits;
  const next = fits.find(({ path }) => !loras.some(({ file }) => file === path)) ?? fits[0];
  const change = (n: number, changes: Partial<Manner['loras'][number]>): void =>
    onChange({ loras: loras.map((lora, m) => (m === n ? { ...lora, ...changes } : lora)) });
  return (
    <>
      <div className="dim hint">{words.identity.hint}</div>
      {loras.map(({ file, scale }, n) => (
        <div className="card inner" key={n}>
          <FileChoice
            label={words.identity.lora}
            path={file}
            models={fits}
            onChange={(lora) => change(n, { file: lora.path })}
          />
          {findModel(fits, file) === null ? <div className="warning">{words.structure.gone}</div> : null}
          <Trigger word={findModel(fits, file)?.trigger ?? null} prompt={manner.prompt} />
          <Slider
            label={words.structure.weight}
            value={Math.round(scale * 100)}
            least={-200}
            most={200}
            show={(value) => (value / 100).toFixed(2)}
            onChange={(value) => change(n, { scale: value / 100, textScale: value / 100 })}
          />
          <div className="row actions">
            <QuietButton onPress={() => onChange({ loras: loras.filter((_, m) => m !== n) })}>
              {words.identity.remove}
            </QuietButton>
          </div>
        </div>
      ))}
      {next ? (
        <Button onPress={() => onChange({ loras: [...loras, { file: next.path, scale: 1, textScale: 1 }] })}>
          {words.identity.add}
        </Button>
      ) : (
        <div className="dim">
          {all.length === 0 ? words.identity.noLoras : words.structure.noneFits(checkpoint?.family ?? '')}
        </div>
      )}
      <Unfit models={others} />
      {learned.length > 0 ? <div className="label learned">{words.identity.learned}</div> : null}
      {learned.map(({ path, name }) => (
        <div key={path}>
          <Toggle
            label={name}
            on={embeddings.includes(path)}
            onChange={(on) =>
              onChange({ embeddings: on ? [...embeddings, path] : embeddings.filter((one) => one !== path) })
            }
          />
          {embeddings.includes(path) ? <div className="dim">{words.identity.learnedHint(wordOf(path))}</div> : null}
        </div>
      ))}
    </>
  );
}

/** What calls up what a LoRA was trained on, where that is known and not said. */
function Trigger({ word, prompt }: { readonly word: string | null; readonly prompt: string }) {
  if (word === null || saysWord(prompt, word)) return null;
  return <div className="dim hint">{words.identity.trigger(word)}</div>;
}

/** A learned word is called like its file. */
const wordOf = (path: string): string => path.replace(/.*[\\/]/, '').replace(/\.[^.]*$/, '');
