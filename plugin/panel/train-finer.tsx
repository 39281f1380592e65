import type { Host } from '../host/host.ts';
import { withSteps, type Training } from '../training.ts';
import { randomSeed } from '../request.ts';
import { words } from '../words.ts';
import { FolderField } from './path-field.tsx';
import { Button, Choice, NumberField, TextField, Toggle } from './widgets.tsx';

type Props = {
  readonly host: Host;
  readonly training: Training;
  readonly change: (changes: Partial<Training>) => void;
};

const SIDES = [256, 384, 512, 768, 1024] as const;
const keysOf = <K extends string>(names: Readonly<Record<K, string>>): K[] => Object.keys(names) as K[];

/** How it learns: for those who know what they want. */
export function TrainFiner({ host, training, change }: Props) {
  const { name, count, settings, area, samples, prior } = training;
  const { more } = words.train;
  const set = (changes: Partial<Training['settings']>): void => change({ settings: { ...settings, ...changes } });
  const sides = SIDES.map((side) => side * side);
  const areas = [...(area === null || sides.includes(area) ? [] : [area]), ...sides];
  return (
    <>
      <TextField
        label={more.name}
        placeholder={more.nameHint}
        value={name}
        onChange={(next) => change({ name: next })}
      />
      <div className="row">
        <NumberField
          label={more.frames}
          value={count}
          least={1}
          most={500}
          whole
          onChange={(next) => change({ count: next })}
        />
        <NumberField
          label={more.steps}
          value={settings.steps}
          least={1}
          most={100_000}
          whole
          onChange={(steps) => change(withSteps(training, steps))}
        />
        <NumberField
          label={more.accumulate}
          value={settings.accumulate}
          least={1}
          most={64}
          whole
          onChange={(accumulate) => set({ accumulate })}
        />
      </div>
      <div className="row">
        <NumberField
          label={more.rank}
          value={settings.rank}
          least={1}
          most={256}
          whole
          onChange={(rank) => set({ rank, alpha: rank })}
        />
        <NumberField label={more.rate} value={settings.rate} least={1e-8} most={1} onChange={(rate) => set({ rate })} />
      </div>
      <Choice
        label={more.layers}
        value={settings.layers}
        options={keysOf(more.layerNames).map((value) => ({ value, name: more.layerNames[value] }))}
        onChange={(layers) => set({ layers })}
      />
      <Choice
        label={more.schedule}
        value={settings.schedule}
        options={keysOf(more.schedules).map((value) => ({ value, name: more.schedules[value] }))}
        onChange={(schedule) => set({ schedule })}
      />
      <Choice
        label={more.area}
        value={area === null ? '' : String(area)}
        options={[
          { value: '', name: more.areas.usual },
          ...areas.map((one) => ({ value: String(one), name: more.areas.square(Math.round(Math.sqrt(one))) })),
        ]}
        onChange={(value) => change({ area: value === '' ? null : Number(value) })}
      />
      <div className="row end">
        <NumberField
          label={more.seed}
          value={settings.seed}
          least={0}
          most={2 ** 32 - 1}
          whole
          onChange={(seed) => set({ seed })}
        />
        <Button onPress={() => set({ seed: randomSeed() })}>{words.sampling.dice}</Button>
      </div>
      <Toggle
        label={more.samples}
        on={samples.every > 0}
        onChange={(on) =>
          change({ samples: { ...samples, every: on ? Math.max(1, Math.round(settings.steps / 5)) : 0 } })
        }
      />
      {samples.every > 0 ? (
        <>
          <div className="row">
            <NumberField
              label={more.every}
              value={samples.every}
              least={1}
              most={100_000}
              whole
              onChange={(every) => change({ samples: { ...samples, every } })}
            />
          </div>
          <TextField
            label={more.sample}
            placeholder={more.sampleHint}
            value={samples.prompt}
            onChange={(prompt) => change({ samples: { ...samples, prompt } })}
          />
        </>
      ) : null}
      <FolderField
        host={host}
        label={more.prior}
        placeholder={more.priorHint}
        value={prior.folder}
        onChange={(folder) => change({ prior: { ...prior, folder } })}
      />
      {prior.folder === '' ? null : (
        <TextField
          label={more.priorCaption}
          placeholder={more.priorCaptionHint}
          value={prior.caption}
          onChange={(caption) => change({ prior: { ...prior, caption } })}
        />
      )}
    </>
  );
}
