import { useEffect } from 'react';
import type { InstalledModel } from '../../bridge-server/protocol/http.ts';
import { findModel, ofKind, shortName, type Installed } from '../installed.ts';
import { words } from '../words.ts';
import { nameOf } from './text.ts';
import { Button, Choice } from './widgets.tsx';

/** One of the checkpoints that are installed; the first while none is chosen. One that is gone stays chosen, and is told of. */
export function ModelChoice(props: {
  readonly installed: Installed;
  readonly value: string;
  readonly onChange: (model: InstalledModel) => void;
  /** Shows where models are added. */
  readonly onModels: () => void;
}) {
  const { installed, value, onChange, onModels } = props;
  const checkpoints = ofKind(installed, 'checkpoint');
  const current = findModel(checkpoints, value);
  const usual = current ?? (value === '' ? (checkpoints[0] ?? null) : null);
  useEffect(() => {
    if (usual && usual.path !== value) onChange(usual);
  });
  if (checkpoints.length === 0) {
    return (
      <div className="field">
        <div className="warning">{words.style.noModel}</div>
        <Button onPress={onModels}>{words.style.addModel}</Button>
      </div>
    );
  }
  const gone = current === null && value !== '' ? nameOf(value) : null;
  return (
    <>
      <Choice
        label={words.style.model}
        value={value}
        options={[
          ...(gone === null ? [] : [{ value, name: gone }]),
          ...checkpoints.map((model) => ({ value: model.path, name: titleOf(model) })),
        ]}
        onChange={(path) => {
          const model = checkpoints.find((one) => one.path === path);
          if (model) onChange(model);
        }}
      />
      {gone === null ? null : <div className="warning hint">{words.style.goneModel}</div>}
    </>
  );
}

const titleOf = (model: InstalledModel): string =>
  model.family ? `${shortName(model)} (${model.family})` : shortName(model);
