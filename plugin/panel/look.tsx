import { useState } from 'react';
import type { InstalledModel } from '../../bridge-server/protocol/http.ts';
import type { Connection } from '../bridge/connection.ts';
import type { Host } from '../host/host.ts';
import { CODECS, KEYS, PROFILES, STYLES, type Choices, type Style } from '../request.ts';
import { words } from '../words.ts';
import { FolderField } from './folder-field.tsx';
import ink from './styles/ink.jpg';
import oil from './styles/oil.jpg';
import { ModelChoice } from './models.tsx';
import poster from './styles/poster.jpg';
import { Choice, NumberField, Pressable, QuietButton, Slider, TextArea } from './widgets.tsx';

const PICTURES: Partial<Record<Style, string>> = { ink, oil, poster };

type Props = {
  readonly host: Host;
  readonly connection: Connection;
  readonly choices: Choices;
  readonly change: (changes: Partial<Choices>) => void;
};

/** Style, key frames, quality; the rest only when asked for. */
export function Look({ host, connection, choices, change }: Props) {
  const [more, setMore] = useState(false);
  const { style } = choices;
  return (
    <>
      <div className="section">
        <div className="title">{words.style.title}</div>
        <div className="tiles">
          {STYLES.map((name) => (
            <Pressable
              key={name}
              className={name === style ? 'tile chosen' : 'tile'}
              title={words.style.hints[name]}
              pressed={name === style}
              onPress={() => change({ style: name })}
            >
              {PICTURES[name] ? (
                <img className="picture" src={PICTURES[name]} alt="" />
              ) : (
                <div className="picture blank">{name === 'prompt' ? 'Aa' : '+'}</div>
              )}
              <div className="caption">{words.style.names[name]}</div>
            </Pressable>
          ))}
        </div>
        <div className="dim hint">{words.style.hints[style]}</div>
        {style === 'prompt' ? <Prompt connection={connection} choices={choices} change={change} /> : null}
        {style === 'own' ? (
          <FolderField
            host={host}
            label={words.style.ownKeys}
            placeholder={words.style.ownKeysHint}
            value={choices.ownKeys}
            onChange={(ownKeys) => change({ ownKeys })}
          />
        ) : null}
      </div>
      <div className="section">
        {style === 'own' ? null : (
          <Choice
            label={words.keys.title}
            value={choices.keys}
            options={KEYS.map((value) => ({
              value,
              name: words.keys[value],
            }))}
            onChange={(keys) => change({ keys })}
          />
        )}
        <Choice
          label={words.quality.title}
          value={choices.profile}
          options={PROFILES.map((value) => ({ value, name: words.quality[value] }))}
          onChange={(profile) => change({ profile })}
        />
        <QuietButton
          onPress={() => setMore(!more)}
        >{`${more ? '▾' : '▸'} ${more ? words.more.close : words.more.open}`}</QuietButton>
        {more ? <More choices={choices} change={change} /> : null}
      </div>
    </>
  );
}

function Prompt({ connection, choices, change }: Omit<Props, 'host'>) {
  const take = (model: InstalledModel | null): void =>
    change(model ? { model: model.path, steps: model.steps, guidance: model.guidance } : { model: '' });
  return (
    <>
      <TextArea
        label={words.style.prompt}
        value={choices.prompt}
        placeholder={words.style.promptHint}
        onChange={(prompt) => change({ prompt })}
      />
      <ModelChoice connection={connection} value={choices.model} onChange={take} />
      <Slider
        label={words.style.strength}
        value={choices.strength}
        least={5}
        most={100}
        unit=" %"
        onChange={(strength) => change({ strength })}
      />
    </>
  );
}

function More({ choices, change }: Pick<Props, 'choices' | 'change'>) {
  return (
    <>
      {choices.style === 'prompt' ? (
        <>
          <TextArea
            label={words.more.negative}
            value={choices.negative}
            placeholder={words.more.negativeHint}
            onChange={(negative) => change({ negative })}
          />
          <div className="row">
            <NumberField
              label={words.more.steps}
              value={choices.steps}
              least={1}
              most={200}
              whole
              onChange={(steps) => change({ steps })}
            />
            <NumberField
              label={words.more.guidance}
              value={choices.guidance}
              least={0}
              most={50}
              onChange={(guidance) => change({ guidance })}
            />
            <NumberField
              label={words.more.seed}
              value={choices.seed}
              least={0}
              most={2 ** 32 - 1}
              whole
              onChange={(seed) => change({ seed })}
            />
          </div>
        </>
      ) : null}
      <Choice
        label={words.more.codec}
        value={choices.codec}
        options={CODECS.map((value) => ({ value, name: words.more[value] }))}
        onChange={(codec) => change({ codec })}
      />
    </>
  );
}
