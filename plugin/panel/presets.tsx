import { useState } from 'react';
import type { Installed } from '../installed.ts';
import {
  isAsPreset,
  keepPresets,
  keptPresets,
  OURS,
  presetOfText,
  presetText,
  withKept,
  withPreset,
  type Lacking,
  type Preset,
} from '../presets.ts';
import type { Memory } from '../host/host.ts';
import type { Choices } from '../request.ts';
import { words } from '../words.ts';
import { Button, Choice, QuietButton, TextArea, TextField } from './widgets.tsx';
import type { Change } from './choices.ts';

/** Ways of painting under names: chosen, and, of the user's own, kept, renamed, deleted, sent and received as text. */
export function Presets(props: {
  readonly memory: Memory;
  readonly installed: Installed;
  readonly choices: Choices;
  readonly change: Change;
}) {
  const { memory, installed, choices, change } = props;
  const [managing, setManaging] = useState(false);
  const [mine, setMine] = useState(() => keptPresets(memory));
  const all = [...OURS, ...mine];
  const current = all.find(({ name }) => name === choices.preset) ?? null;
  const keep = (presets: readonly Preset[]): void => {
    keepPresets(memory, presets);
    setMine(presets);
  };
  const choose = (name: string): void => {
    const preset = all.find((one) => one.name === name);
    change(preset ? { preset: name, look: withPreset(choices.look, preset, installed).manner } : { preset: null });
  };
  const title = (preset: Preset): string =>
    preset !== current || isAsPreset(choices.look, preset, installed)
      ? preset.name
      : words.presets.changed(preset.name);
  return (
    <>
      <div className="row end">
        <Choice
          label={words.presets.title}
          value={current?.name ?? ''}
          options={[
            { value: '', name: words.presets.none },
            ...all.map((preset) => ({ value: preset.name, name: title(preset) })),
          ]}
          onChange={choose}
        />
        <QuietButton title={words.presets.manage} onPress={() => setManaging(!managing)}>
          {managing ? words.presets.close : words.presets.open}
        </QuietButton>
      </div>
      {(current ? withPreset(choices.look, current, installed).lacking : []).map((lacking, n) => (
        <div className="dim hint" key={n}>
          {lackingText(lacking)}
        </div>
      ))}
      {managing ? (
        <Manage key={current?.name} current={current} mine={mine} keep={keep} choices={choices} change={change} />
      ) : null}
    </>
  );
}

function lackingText(lacking: Lacking): string {
  return lacking.kind === 'file'
    ? words.presets.lackingFile(lacking.name)
    : words.presets.lackingControl(words.structure.maps[lacking.map].toLowerCase(), lacking.family);
}

function Manage(props: {
  readonly current: Preset | null;
  readonly mine: readonly Preset[];
  readonly keep: (presets: readonly Preset[]) => void;
  readonly choices: Choices;
  readonly change: Change;
}) {
  const { current, mine, keep, choices, change } = props;
  const own = current?.kind === 'mine' ? current : null;
  const [name, setName] = useState(own?.name ?? '');
  const [text, setText] = useState<string | null>(null);
  const called = name.trim();
  const taken = OURS.some((preset) => preset.name === called);
  const keepAs = (preset: Preset, instead: Preset | null): void => {
    keep(
      withKept(
        mine.filter((one) => one !== instead),
        preset,
      ),
    );
    change({ preset: preset.name });
  };
  const received = text === null ? null : presetOfText(text);
  return (
    <div className="card inner">
      <TextField label={words.presets.name} placeholder={words.presets.nameHint} value={name} onChange={setName} />
      {taken ? <div className="warning">{words.presets.taken}</div> : null}
      <div className="row actions">
        <QuietButton
          disabled={called === '' || taken}
          onPress={() => keepAs({ kind: 'mine', name: called, manner: choices.look }, null)}
        >
          {words.presets.keep}
        </QuietButton>
        {own ? (
          <>
            <QuietButton
              disabled={called === '' || taken || called === own.name}
              onPress={() => keepAs({ ...own, name: called }, own)}
            >
              {words.presets.rename}
            </QuietButton>
            <QuietButton
              onPress={() => {
                keep(mine.filter((one) => one !== own));
                change({ preset: null });
              }}
            >
              {words.presets.remove}
            </QuietButton>
          </>
        ) : null}
        <QuietButton onPress={() => setText(text === null ? (own ? presetText(own) : '') : null)}>
          {text === null ? words.presets.share : words.structure.hide}
        </QuietButton>
      </div>
      {text === null ? null : (
        <div className="typing">
          <TextArea label={words.presets.text} placeholder={words.presets.textHint} value={text} onChange={setText} />
          {text !== '' && !received ? <div className="warning">{words.presets.unreadable}</div> : null}
          <Button
            disabled={!received || OURS.some((preset) => preset.name === received.name)}
            onPress={() => {
              if (!received) return;
              keep(withKept(mine, received));
              setText(null);
            }}
          >
            {words.presets.add}
          </Button>
        </div>
      )}
    </div>
  );
}
