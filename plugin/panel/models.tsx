import { useRef, useState } from 'react';
import type { InstalledModel, OfferedModel } from '../../bridge-server/protocol/http.ts';
import type { AddingView } from '../../bridge-server/protocol/messages.ts';
import type { Connection, Models } from '../bridge/connection.ts';
import { Refused } from '../bridge/problem.ts';
import type { Host } from '../host/host.ts';
import type { Trouble } from '../trouble.ts';
import { words } from '../words.ts';
import { useAsked } from './job-frame.tsx';
import { useAdding, useAnswer } from './state.ts';
import { nameOf, sizeText } from './text.ts';
import { TroubleView } from './trouble.tsx';
import { Button, ProgressBar, QuietButton, TextField } from './widgets.tsx';

/** The model files of the install: what goes with what, and how to get more. */
export function ModelsView({ connection, host }: { readonly connection: Connection; readonly host: Host }) {
  const adding = useAdding(connection);
  const running = adding.filter(({ state }) => state === 'running').length;
  const [removed, setRemoved] = useState(0);
  const latest = useAnswer<Models>(() => connection.models(), [connection, running, removed]);
  // What was there stays until the next answer.
  const library = useRef<Models | null>(null);
  library.current = latest ?? library.current;
  const [from, setFrom] = useState('');
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const add = async (what: string): Promise<void> => {
    setTrouble(null);
    try {
      await connection.addModel(what);
      setFrom('');
    } catch (error) {
      if (error instanceof Refused) setTrouble({ sentence: error.message, remedy: error.remedy });
    }
  };
  const choose = async (): Promise<void> => {
    const path = await host.choose?.file(['safetensors']);
    if (path) setFrom(path);
  };
  if (library.current === null) return <div className="scroll" />;
  const { models, offered } = library.current;
  return (
    <div className="scroll">
      {models.length === 0 ? (
        <div className="card quiet">
          <div className="strong">{words.models.none}</div>
          <div className="dim">{words.models.noneHint}</div>
        </div>
      ) : (
        familiesOf(models).map((family) => (
          <Family
            key={family.name ?? ''}
            {...family}
            connection={connection}
            onRemoved={() => setRemoved(removed + 1)}
          />
        ))
      )}
      {adding.map((one) => (
        <Adding key={one.id} adding={one} onDismiss={() => connection.dismiss(one.id)} />
      ))}
      <div className="section">
        <div className="title">{words.models.add}</div>
        <TextField label={words.models.addFrom} placeholder={words.models.addHint} value={from} onChange={setFrom} />
        <div className="row buttons">
          {host.choose ? <Button onPress={() => void choose()}>{words.models.choose}</Button> : null}
          <Button disabled={from.trim() === ''} onPress={() => void add(from.trim())}>
            {words.models.addButton}
          </Button>
        </div>
        {trouble ? <TroubleView {...trouble} /> : null}
        <div className="dim hint">{words.models.about}</div>
      </div>
      <Offered
        offered={offered.filter((one) => !isHere(one, models))}
        adding={adding}
        onGet={(name) => void add(name)}
      />
    </div>
  );
}

type FamilyView = { readonly name: string | null; readonly models: readonly InstalledModel[] };

/** What goes together, the largest family first; what fits all of them last. */
function familiesOf(models: readonly InstalledModel[]): readonly FamilyView[] {
  const names = [...new Set(models.map(({ family }) => family))];
  const all = names.map((name) => ({ name, models: inOrder(models.filter(({ family }) => family === name)) }));
  return all.sort((a, b) => Number(a.name === null) - Number(b.name === null) || b.models.length - a.models.length);
}

const ORDER = Object.keys(words.models.kinds) as InstalledModel['kind'][];

const inOrder = (models: readonly InstalledModel[]): readonly InstalledModel[] =>
  [...models].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || (a.name < b.name ? -1 : 1));

type Removing = { readonly connection: Connection; readonly onRemoved: () => void };

function Family({ name, models, ...removing }: FamilyView & Removing) {
  const paints = models.some(({ kind }) => kind === 'checkpoint');
  return (
    <div className="section">
      <div className="title">{name ?? words.models.anyFamily}</div>
      <div className="card rows">
        {models.map((model) => (
          <Model key={model.path} model={model} {...removing} />
        ))}
      </div>
      {name === null || (paints && models.length === 1) ? null : (
        <div className={paints ? 'dim hint' : 'warning'}>{paints ? words.models.together : words.models.lacking}</div>
      )}
    </div>
  );
}

/** What a model is; removed when the user says so twice. */
function Model({ model, connection, onRemoved }: Removing & { readonly model: InstalledModel }) {
  const { path, name, kind, bytes, control, trigger } = model;
  const [asking, setAsking] = useState(false);
  const [refused, ask] = useAsked();
  const facts = [
    words.models.kinds[kind],
    ...(control ? [control] : []),
    ...(trigger === null ? [] : [words.models.trigger(trigger)]),
    sizeText(bytes),
  ];
  return (
    <div className="model" title={path}>
      <div className="row between">
        <div className="about">
          <div className="name">{name}</div>
          <div className="dim name">{facts.join('  ·  ')}</div>
        </div>
        <QuietButton title={words.models.removing(name)} onPress={() => setAsking(!asking)}>
          ×
        </QuietButton>
      </div>
      {asking ? (
        <>
          <div className="dim">{words.models.removeHint}</div>
          <div className="row">
            <QuietButton onPress={() => ask(connection.removeModel(path).then(onRemoved))}>
              {words.models.remove}
            </QuietButton>
            <QuietButton onPress={() => setAsking(false)}>{words.models.keep}</QuietButton>
          </div>
          {refused ? <TroubleView sentence={refused.message} remedy={refused.remedy} /> : null}
        </>
      ) : null}
    </div>
  );
}

/** A model on its way here, or why it did not come. */
function Adding({ adding, onDismiss }: { readonly adding: AddingView; readonly onDismiss: () => void }) {
  const { from, done, total, error } = adding;
  return (
    <div className="card job">
      <div className="row between">
        <div className="strong name">{nameOf(from)}</div>
        {error ? <QuietButton onPress={onDismiss}>{words.models.dismiss}</QuietButton> : null}
      </div>
      {error ? (
        <TroubleView sentence={error.message} remedy={error.remedy} />
      ) : (
        <>
          <ProgressBar done={done} total={total ?? 0} />
          <div className="dim">
            {done === 0
              ? words.models.reading
              : words.models.adding(sizeText(done), total === null ? null : sizeText(total))}
          </div>
        </>
      )}
    </div>
  );
}

/** The file of an offered model has its name in the store. */
const isHere = ({ name, source }: OfferedModel, models: readonly InstalledModel[]): boolean =>
  models.some((model) => model.name === name || model.name === nameOf(source));

function Offered(props: {
  readonly offered: readonly OfferedModel[];
  readonly adding: readonly AddingView[];
  readonly onGet: (name: string) => void;
}) {
  const { offered, adding, onGet } = props;
  if (offered.length === 0) return null;
  return (
    <div className="section">
      <div className="title">{words.models.offered}</div>
      <div className="card rows">
        {offered.map(({ name, what, kind, family, bytes, source }) => (
          <div className="row between model" key={name} title={source}>
            <div className="about">
              <div className="name">{what}</div>
              <div className="dim name">{[words.models.kinds[kind], family, sizeText(bytes)].join('  ·  ')}</div>
            </div>
            <QuietButton
              disabled={adding.some((one) => one.from === name && one.state === 'running')}
              onPress={() => onGet(name)}
            >
              {words.models.get}
            </QuietButton>
          </div>
        ))}
      </div>
    </div>
  );
}
