import { useState } from 'react';
import type { SourceFacts } from '../../bridge-server/protocol/http.ts';
import type { Connection } from '../bridge/connection.ts';
import type { Shot } from '../host/host.ts';
import { promptAt, withoutPrompt, withPrompt, type Prompts } from '../prompts.ts';
import { words } from '../words.ts';
import { FrameView, type Here } from './here.tsx';
import { QuietButton, TextArea, Toggle } from './widgets.tsx';

/** Other prompts from frames of the shot on. */
export function PromptsView(props: {
  readonly connection: Connection;
  readonly shot: Shot;
  /** Null while they are not known. */
  readonly facts: SourceFacts | null;
  readonly here: Here;
  /** Until the first of them. */
  readonly first: string;
  readonly prompts: Prompts;
  readonly onChange: (prompts: Prompts) => void;
}) {
  const { connection, shot, facts, here, first, prompts, onChange } = props;
  const [note, setNote] = useState('');
  const text = words.prompts;
  const add = async (): Promise<void> => {
    const frame = await here.read().catch(() => null);
    if (frame === null) return setNote(words.keys.offPlayhead);
    if (prompts.some((prompt) => prompt.frame === frame)) return setNote(text.there);
    setNote('');
    onChange(withPrompt(prompts, { frame, prompt: promptAt(first, prompts, frame), then: 'hold' }));
  };
  return (
    <>
      <div className="dim hint">{text.hint}</div>
      {prompts.map((prompt, n) => (
        <div className="card inner" key={prompt.frame}>
          <TextArea
            label={text.from(prompt.frame)}
            value={prompt.prompt}
            placeholder={words.style.promptHint}
            onChange={(said) => onChange(withPrompt(prompts, { ...prompt, prompt: said }))}
          />
          {n < prompts.length - 1 ? (
            <Toggle
              label={text.fade}
              on={prompt.then === 'fade'}
              onChange={(on) => onChange(withPrompt(prompts, { ...prompt, then: on ? 'fade' : 'hold' }))}
            />
          ) : null}
          <div className="row actions">
            <QuietButton onPress={() => onChange(withoutPrompt(prompts, prompt.frame))}>{text.remove}</QuietButton>
          </div>
        </div>
      ))}
      {here.slider && facts ? <FrameView {...{ connection, shot, facts }} slider={here.slider} /> : null}
      <div className="row actions">
        <QuietButton onPress={() => void add()}>
          {here.slider ? text.addHere(here.slider.frame) : text.addPlayhead}
        </QuietButton>
      </div>
      {note === '' ? null : <div className="warning">{note}</div>}
    </>
  );
}
