import { SCHEDULERS } from '../../bridge-server/diffusion/schedulers/kinds.ts';
import type { InstalledModel } from '../../bridge-server/protocol/http.ts';
import { fittingTo, ofKind, shortName, type Installed } from '../installed.ts';
import { randomSeed, type Choices, type Manner } from '../request.ts';
import { words } from '../words.ts';
import { nameOf } from './text.ts';
import { Button, Choice, NumberField, Slider, Toggle } from './widgets.tsx';
import type { Change } from './choices.ts';

/** How a model samples: for those who know what they want. */
export function Sampling(props: {
  readonly installed: Installed;
  readonly checkpoint: InstalledModel | null;
  readonly choices: Choices;
  readonly change: Change;
  readonly onChange: (changes: Partial<Manner>) => void;
}) {
  const { installed, checkpoint, choices, change, onChange } = props;
  const { seed, steps, guidance, scheduler, vae, clipSkip, secondPass } = choices.look;
  const { sampling } = words;
  const vaes = fittingTo(checkpoint, ofKind(installed, 'vae')).fits;
  return (
    <>
      <div className="row end">
        <NumberField
          label={sampling.seed}
          value={seed}
          least={0}
          most={2 ** 32 - 1}
          whole
          onChange={(value) => onChange({ seed: value })}
        />
        <Button onPress={() => onChange({ seed: randomSeed() })}>{sampling.dice}</Button>
      </div>
      <Toggle label={sampling.keep} on={choices.seedKept} onChange={(seedKept) => change({ seedKept })} />
      <div className="row">
        <NumberField
          label={sampling.steps}
          value={steps}
          least={1}
          most={200}
          whole
          onChange={(value) => onChange({ steps: value })}
        />
        <NumberField
          label={sampling.guidance}
          value={guidance}
          least={0}
          most={50}
          onChange={(value) => onChange({ guidance: value })}
        />
        <NumberField
          label={sampling.clipSkip}
          value={clipSkip}
          least={1}
          most={12}
          whole
          onChange={(value) => onChange({ clipSkip: value })}
        />
      </div>
      <Choice
        label={sampling.scheduler}
        value={scheduler ?? 'usual'}
        options={[
          { value: 'usual', name: sampling.usual },
          ...SCHEDULERS.map((kind) => ({ value: kind, name: sampling.schedulers[kind] })),
        ]}
        onChange={(value) => onChange({ scheduler: value === 'usual' ? null : value })}
      />
      {vaes.length > 0 || vae !== null ? (
        <Choice
          label={sampling.vae}
          value={vae ?? ''}
          options={[
            { value: '', name: sampling.ownVae },
            ...vaes.map((model) => ({ value: model.path, name: shortName(model) })),
            ...(vae !== null && !vaes.some(({ path }) => path === vae) ? [{ value: vae, name: nameOf(vae) }] : []),
          ]}
          onChange={(path) => onChange({ vae: path === '' ? null : path })}
        />
      ) : null}
      <Toggle
        label={sampling.secondPass}
        on={secondPass !== null}
        onChange={(on) => onChange({ secondPass: on ? { scale: 1.5, strength: 0.4 } : null })}
      />
      {secondPass ? (
        <>
          <Slider
            label={sampling.scale}
            value={Math.round(secondPass.scale * 10)}
            least={11}
            most={40}
            show={(value) => `${value / 10}×`}
            onChange={(value) => onChange({ secondPass: { ...secondPass, scale: value / 10 } })}
          />
          <Slider
            label={sampling.passStrength}
            value={Math.round(secondPass.strength * 100)}
            least={5}
            most={100}
            show={(value) => `${value} %`}
            onChange={(value) => onChange({ secondPass: { ...secondPass, strength: value / 100 } })}
          />
        </>
      ) : null}
    </>
  );
}
