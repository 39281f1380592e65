import { useState } from 'react';
import type { InstalledModel, SourceFacts } from '../../bridge-server/protocol/http.ts';
import { ALIKE, alikeOf, tiesOf } from '../alike.ts';
import type { Connection } from '../bridge/connection.ts';
import type { Host, Memory, Shot } from '../host/host.ts';
import { findModel, type Installed } from '../installed.ts';
import { PROFILES, STYLES, type Choices, type Manner, type ShotChoices, type Style } from '../request.ts';
import { words } from '../words.ts';
import type { Here } from './here.tsx';
import { Identity } from './identity.tsx';
import { ModelChoice } from './model-choice.tsx';
import { Output } from './output.tsx';
import { FolderField } from './path-field.tsx';
import { Presets } from './presets.tsx';
import { PromptsView } from './prompts.tsx';
import { Sampling } from './sampling.tsx';
import type { Change } from './choices.ts';
import { useInstalled } from './state.ts';
import { Structure } from './structure.tsx';
import ink from './styles/ink.jpg';
import oil from './styles/oil.jpg';
import poster from './styles/poster.jpg';
import { Choice, Disclosure, Pressable, QuietButton, Slider, TextArea } from './widgets.tsx';

const PICTURES: Partial<Record<Style, string>> = { ink, oil, poster };

type Props = {
  readonly host: Host;
  readonly connection: Connection;
  readonly memory: Memory;
  /** The single shot that is selected; null when it is none or several. */
  readonly shot: Shot | null;
  readonly here: Here;
  /** Of the single shot; null while they are not known. */
  readonly facts: SourceFacts | null;
  readonly choices: Choices;
  readonly change: Change;
  readonly own: ShotChoices;
  readonly changeOwn: (changes: Partial<ShotChoices>) => void;
};

/** The style, and what belongs to it. */
export function StyleView(
  props: Omit<Props, 'own' | 'changeOwn' | 'here' | 'facts' | 'shot'> & { readonly onModels: () => void },
) {
  const { host, connection, memory, choices, change, onModels } = props;
  const { style } = choices;
  return (
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
      {style === 'prompt' ? <Prompt {...{ connection, memory, choices, change, onModels }} /> : null}
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
  );
}

function Prompt(
  props: Pick<Props, 'connection' | 'memory' | 'choices' | 'change'> & { readonly onModels: () => void },
) {
  const { connection, memory, choices, change, onModels } = props;
  const installed = useInstalled(connection);
  const { look } = choices;
  // A distilled model takes few steps and hardly any guidance.
  const take = ({ path, steps, guidance }: InstalledModel): void =>
    change({ look: { model: path, steps: steps ?? look.steps, guidance: guidance ?? look.guidance } });
  return (
    <>
      {installed ? <Presets memory={memory} installed={installed} choices={choices} change={change} /> : null}
      <TextArea
        label={words.style.prompt}
        value={look.prompt}
        placeholder={words.style.promptHint}
        onChange={(prompt) => change({ look: { prompt } })}
      />
      {installed ? <ModelChoice {...{ installed, onModels }} value={look.model} onChange={take} /> : null}
      <Slider
        label={words.style.strength}
        value={Math.round(look.strength * 100)}
        least={5}
        most={100}
        show={(value) => `${value} %`}
        onChange={(value) => change({ look: { strength: value / 100 } })}
      />
    </>
  );
}

type Part = 'prompts' | 'structure' | 'identity' | 'sampling' | 'output';

/** Quality; the rest only when asked for. */
export function Finer(props: Props) {
  const { host, connection, choices, change, shot, own, changeOwn } = props;
  const installed = useInstalled(connection);
  const [more, setMore] = useState(false);
  const [open, setOpen] = useState<Part | null>(null);
  const part = (name: Part) => ({ open: open === name, onToggle: () => setOpen(open === name ? null : name) });
  return (
    <div className="section">
      <Choice
        label={words.quality.title}
        value={choices.profile}
        options={PROFILES.map((value) => ({ value, name: words.quality[value] }))}
        onChange={(profile) => change({ profile })}
      />
      <QuietButton onPress={() => setMore(!more)}>
        {more ? `▾ ${words.more.close}` : `▸ ${words.more.open}`}
      </QuietButton>
      {more ? (
        <div className="finer">
          {choices.style === 'prompt' && installed ? (
            <FinerPrompt {...props} installed={installed} part={part} />
          ) : null}
          <Disclosure title={words.output.title} summary={outputSummary(choices, own)} {...part('output')}>
            <Output
              host={host}
              choices={choices}
              change={change}
              mask={own.mask}
              onMask={shot ? (mask) => changeOwn({ mask }) : null}
            />
          </Disclosure>
        </div>
      ) : null}
    </div>
  );
}

const outputSummary = ({ codec }: Choices, { mask }: ShotChoices): string =>
  [words.output[codec], ...(mask ? [words.output.masked] : [])].join(', ');

function FinerPrompt(
  props: Props & {
    readonly installed: Installed;
    readonly part: (name: Part) => { readonly open: boolean; readonly onToggle: () => void };
  },
) {
  const { host, connection, shot, facts, here, choices, change, own, changeOwn, installed, part } = props;
  const { look } = choices;
  const changeLook = (changes: Partial<Manner>): void => change({ look: changes });
  const checkpoint = findModel(installed, look.model);
  const shown = { installed, checkpoint };
  const alike = alikeOf(look);
  const { prompts, structure, identity, sampling } = words;
  return (
    <>
      <TextArea
        label={words.more.negative}
        value={look.negative}
        placeholder={words.more.negativeHint}
        onChange={(negative) => changeLook({ negative })}
      />
      <Choice
        label={words.alike.title}
        value={alike ?? 'own'}
        options={[...ALIKE, ...(alike ? [] : (['own'] as const))].map((value) => ({ value, name: words.alike[value] }))}
        onChange={(value) => value !== 'own' && changeLook(tiesOf(value))}
      />
      {alike ? <div className="dim hint">{words.alike.hints[alike]}</div> : null}
      {shot ? (
        <Disclosure
          title={prompts.title}
          summary={own.prompts.length === 0 ? prompts.none : prompts.count(own.prompts.length)}
          {...part('prompts')}
        >
          <PromptsView
            {...{ connection, shot, facts, here }}
            first={look.prompt}
            prompts={own.prompts}
            onChange={(next) => changeOwn({ prompts: next })}
          />
        </Disclosure>
      ) : null}
      <Disclosure
        title={structure.title}
        summary={look.controls.length === 0 ? structure.none : structure.count(look.controls.length)}
        {...part('structure')}
      >
        <Structure
          {...{ ...shown, host, connection, shot, here, manner: look }}
          onChange={(controls) => changeLook({ controls })}
        />
      </Disclosure>
      <Disclosure
        title={identity.title}
        summary={look.loras.length === 0 ? identity.none : identity.count(look.loras.length)}
        {...part('identity')}
      >
        <Identity {...shown} manner={look} onChange={changeLook} />
      </Disclosure>
      <Disclosure title={sampling.title} summary={sampling.summary(look.steps, look.seed)} {...part('sampling')}>
        <Sampling {...shown} choices={choices} change={change} onChange={changeLook} />
      </Disclosure>
    </>
  );
}
