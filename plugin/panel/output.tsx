import type { Host } from '../host/host.ts';
import { CODECS, type Choices, type ShotChoices } from '../request.ts';
import { words } from '../words.ts';
import { FolderField } from './path-field.tsx';
import { Choice, NumberField } from './widgets.tsx';
import type { Change } from './choices.ts';

type Mask = ShotChoices['mask'];

/** What comes out: which part of the picture is painted, and as which kind of file. */
export function Output(props: {
  readonly host: Host;
  readonly choices: Choices;
  readonly change: Change;
  readonly mask: Mask;
  /** Null: no single shot to have a mask. */
  readonly onMask: ((mask: Mask) => void) | null;
}) {
  const { host, choices, change, mask, onMask } = props;
  return (
    <>
      <Choice
        label={words.output.codec}
        value={choices.codec}
        options={CODECS.map((value) => ({ value, name: words.output[value] }))}
        onChange={(codec) => change({ codec })}
      />
      {onMask ? <MaskChoice host={host} mask={mask} onChange={onMask} /> : null}
    </>
  );
}

const EDGE = { grow: 0, feather: 0 };

function MaskChoice(props: { readonly host: Host; readonly mask: Mask; readonly onChange: (mask: Mask) => void }) {
  const { host, mask, onChange } = props;
  const { output } = words;
  const choose = (kind: keyof typeof output.masks): void => {
    const { grow, feather } = mask ?? EDGE;
    if (kind === 'none') onChange(null);
    else if (kind === 'source') onChange({ kind, grow, feather });
    else onChange({ kind, folder: '', channel: 'grey', grow, feather });
  };
  return (
    <>
      <Choice
        label={output.mask}
        value={mask?.kind ?? 'none'}
        options={(['none', 'images', 'source'] as const).map((value) => ({ value, name: output.masks[value] }))}
        onChange={choose}
      />
      {mask?.kind === 'images' ? (
        <FolderField
          host={host}
          label={output.maskFolder}
          placeholder={output.maskFolderHint}
          value={mask.folder}
          onChange={(folder) => onChange({ ...mask, folder })}
        />
      ) : null}
      {mask ? (
        <div className="row">
          <NumberField
            label={output.grow}
            value={mask.grow}
            least={-512}
            most={512}
            whole
            onChange={(grow) => onChange({ ...mask, grow })}
          />
          <NumberField
            label={output.feather}
            value={mask.feather}
            least={0}
            most={512}
            whole
            onChange={(feather) => onChange({ ...mask, feather })}
          />
        </div>
      ) : null}
    </>
  );
}
