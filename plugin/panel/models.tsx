import { useEffect, useState } from 'react';
import type { InstalledModel } from '../../bridge-server/protocol/http.ts';
import type { Connection } from '../bridge/connection.ts';
import { words } from '../words.ts';
import { Choice } from './widgets.tsx';

/** One of the models that are installed; the first while none is chosen. */
export function ModelChoice(props: {
  readonly connection: Connection;
  readonly value: string;
  /** With what the model samples well with; null when there is none. */
  readonly onChange: (model: InstalledModel | null) => void;
}) {
  const { connection, value, onChange } = props;
  const [models, setModels] = useState<readonly InstalledModel[] | null>(null);
  useEffect(() => {
    let gone = false;
    void connection
      .models()
      .then((found) => gone || setModels(found.models.filter(({ kind }) => kind === 'checkpoint')));
    return () => {
      gone = true;
    };
  }, [connection]);
  const first = models?.[0] ?? null;
  const lost = models !== null && !models.some(({ path }) => path === value);
  useEffect(() => {
    if (lost && (first?.path ?? '') !== value) onChange(first);
  });
  if (models === null) return null;
  if (models.length === 0) return <div className="warning">{words.style.noModel}</div>;
  return (
    <Choice
      label={words.style.model}
      value={value}
      options={models.map(({ path, name, family }) => ({ value: path, name: `${name} (${family})` }))}
      onChange={(path) => onChange(models.find((model) => model.path === path) ?? null)}
    />
  );
}
