import { useState } from 'react';
import type { ControlMap } from '../../bridge-server/protocol/control-map.ts';
import type { InstalledModel } from '../../bridge-server/protocol/http.ts';
import type { Connection } from '../bridge/connection.ts';
import type { Host, Shot } from '../host/host.ts';
import {
  controlWith,
  findModel,
  fittingTo,
  MAP_KINDS,
  ofKind,
  shortName,
  usualMap,
  type Control,
  type Installed,
} from '../installed.ts';
import { sourceOf, type Manner } from '../request.ts';
import { troubleOf, type Trouble } from '../trouble.ts';
import { words } from '../words.ts';
import type { Here } from './here.tsx';
import { FileField, FolderField } from './path-field.tsx';
import { nameOf } from './text.ts';
import { TroubleView } from './trouble.tsx';
import { Button, Choice, NumberField, QuietButton, Slider } from './widgets.tsx';

type Shown = {
  /** Pixels that the look works at; null: as many as SD 1.5 was trained on. */
  readonly area: Manner['area'];
  readonly connection: Connection;
  readonly host: Host;
  readonly shot: Shot | null;
  readonly here: Here;
};

/** ControlNets: which, what each is shown, how strongly, and in which part of the steps. */
export function Structure(
  props: Omit<Shown, 'area'> & {
    readonly installed: Installed;
    readonly checkpoint: InstalledModel | null;
    readonly manner: Manner;
    readonly onChange: (controls: Manner['controls']) => void;
  },
) {
  const { installed, checkpoint, manner, onChange, ...shown } = props;
  const { controls } = manner;
  const area = manner.area ?? (checkpoint?.family === 'SDXL' ? 1024 * 1024 : null);
  const nets = ofKind(installed, 'controlnet');
  const { fits, others } = fittingTo(checkpoint, nets);
  const [first] = fits;
  const change = (n: number, changes: Partial<Control>): void =>
    onChange(controls.map((control, m) => (m === n ? { ...control, ...changes } : control)));
  return (
    <>
      <div className="dim hint">{words.structure.hint}</div>
      {controls.map((control, n) => (
        <ControlCard
          key={n}
          {...shown}
          area={area}
          control={control}
          nets={fits}
          onChange={(changes) => change(n, changes)}
          onRemove={() => onChange(controls.filter((_, m) => m !== n))}
        />
      ))}
      {first ? (
        <Button onPress={() => onChange([...controls, controlWith(first)])}>{words.structure.add}</Button>
      ) : (
        <div className="dim">
          {nets.length === 0 ? words.structure.noNets : words.structure.noneFits(checkpoint?.family ?? '')}
        </div>
      )}
      <Unfit models={others} />
    </>
  );
}

/** Files that do not go with the model, and why. */
export function Unfit({ models }: { readonly models: Installed }) {
  return (
    <>
      {models.map((model) => (
        <div className="dim unfit" key={model.path}>
          {words.structure.unfit(shortName(model), model.family ?? '')}
        </div>
      ))}
    </>
  );
}

/** One of the models that fit; the current one also when it does not or is gone. */
export function FileChoice(props: {
  readonly label: string;
  readonly path: string;
  readonly models: Installed;
  readonly onChange: (model: InstalledModel) => void;
}) {
  const { label, path, models, onChange } = props;
  const options = models.map((model) => ({ value: model.path, name: shortName(model) }));
  const known = models.some((model) => model.path === path);
  return (
    <Choice
      label={label}
      value={path}
      options={known ? options : [{ value: path, name: nameOf(path) }, ...options]}
      onChange={(chosen) => {
        const model = models.find((one) => one.path === chosen);
        if (model) onChange(model);
      }}
    />
  );
}

function ControlCard(
  props: Shown & {
    readonly control: Control;
    readonly nets: Installed;
    readonly onChange: (changes: Partial<Control>) => void;
    readonly onRemove: () => void;
  },
) {
  const { host, control, nets, onChange, onRemove, ...shown } = props;
  const { file, map, weight, start, end } = control;
  // The part in which it acts has a beginning before its end.
  const startTo = (per: number): void => onChange({ start: per / 100, end: Math.max(end, (per + 1) / 100) });
  const endTo = (per: number): void => onChange({ end: per / 100, start: Math.min(start, (per - 1) / 100) });
  return (
    <div className="card inner">
      <FileChoice
        label={words.structure.net}
        path={file}
        models={nets}
        onChange={(net) => onChange({ file: net.path, ...(net.control && { map: controlWith(net).map }) })}
      />
      {findModel(nets, file) === null ? <div className="warning">{words.structure.gone}</div> : null}
      <MapChoice host={host} map={map} onChange={(changed) => onChange({ map: changed })} />
      <Slider
        label={words.structure.weight}
        value={Math.round(weight * 100)}
        least={0}
        most={200}
        show={(value) => `${value} %`}
        onChange={(value) => onChange({ weight: value / 100 })}
      />
      <div className="row">
        <NumberField
          label={words.structure.start}
          value={Math.round(start * 100)}
          least={0}
          most={99}
          whole
          onChange={startTo}
        />
        <NumberField
          label={words.structure.end}
          value={Math.round(end * 100)}
          least={1}
          most={100}
          whole
          onChange={endTo}
        />
      </div>
      <MapPreview {...shown} map={map} />
      <div className="row actions">
        <QuietButton onPress={onRemove}>{words.structure.remove}</QuietButton>
      </div>
    </div>
  );
}

type MapProps = { readonly host: Host; readonly map: ControlMap; readonly onChange: (map: ControlMap) => void };

/** What a ControlNet is shown, and how that is drawn. */
function MapChoice({ host, map, onChange }: MapProps) {
  const kinds = [...MAP_KINDS, 'images', 'annotator'] as ControlMap['kind'][];
  const choose = (kind: ControlMap['kind']): void => {
    if (kind === 'images') onChange({ kind, folder: '' });
    else if (kind === 'annotator') onChange({ kind, file: '', steady: true });
    else onChange(usualMap(kind));
  };
  return (
    <>
      <Choice
        label={words.structure.map}
        value={map.kind}
        options={kinds.map((kind) => ({ value: kind, name: words.structure.maps[kind] }))}
        onChange={choose}
      />
      <MapSettings host={host} map={map} onChange={onChange} />
    </>
  );
}

function MapSettings({ host, map, onChange }: MapProps) {
  const { structure } = words;
  switch (map.kind) {
    case 'canny':
      return (
        <div className="row">
          <NumberField
            label={structure.low}
            value={map.low}
            least={0}
            most={2000}
            whole
            onChange={(low) => onChange({ ...map, low, high: Math.max(low, map.high) })}
          />
          <NumberField
            label={structure.high}
            value={map.high}
            least={0}
            most={2000}
            whole
            onChange={(high) => onChange({ ...map, high, low: Math.min(high, map.low) })}
          />
        </div>
      );
    case 'tile':
    case 'blur':
    case 'colour': {
      const [least, most] = COARSENESS[map.kind];
      return (
        <Slider
          label={structure.coarseness}
          value={Math.round(map.coarseness)}
          least={least}
          most={most}
          show={(value) => `${value} px`}
          onChange={(coarseness) => onChange({ ...map, coarseness })}
        />
      );
    }
    case 'images':
      return (
        <FolderField
          host={host}
          label={structure.folder}
          placeholder={structure.folderHint}
          value={map.folder}
          onChange={(folder) => onChange({ ...map, folder })}
        />
      );
    case 'annotator':
      return (
        <FileField
          host={host}
          types={['onnx']}
          label={structure.annotator}
          placeholder={structure.annotatorHint}
          value={map.file}
          onChange={(file) => onChange({ ...map, file })}
        />
      );
    case 'softedge':
    case 'lineart':
    case 'scribble':
    case 'luminance':
      return null;
  }
}

/** As the protocol bounds them, but no coarser than anybody wants. */
const COARSENESS = { tile: [1, 16], blur: [1, 64], colour: [2, 256] } as const;

type Preview =
  | { readonly kind: 'none' }
  | { readonly kind: 'asking' }
  | { readonly kind: 'picture'; readonly address: string; readonly frame: number }
  | { readonly kind: 'failed'; readonly trouble: Trouble };

const PREVIEW_WIDTH = 480;

/** The map of the frame that the user looks at, when asked for. */
function MapPreview({ connection, shot, here, area, map }: Omit<Shown, 'host'> & { readonly map: ControlMap }) {
  const [preview, setPreview] = useState<Preview>({ kind: 'none' });
  if (!shot) return null;
  const show = async (): Promise<void> => {
    setPreview({ kind: 'asking' });
    try {
      const frame = (await here.read()) ?? shot.source.from;
      const question = { source: sourceOf(shot), frame, map, area, width: PREVIEW_WIDTH };
      const address = await connection.mapPicture(question);
      setPreview({ kind: 'picture', address, frame });
    } catch (error) {
      setPreview({ kind: 'failed', trouble: troubleOf(error) });
    }
  };
  return (
    <div className="map">
      {preview.kind === 'picture' ? (
        <>
          <img className="preview" src={preview.address} alt={words.structure.previewOf(preview.frame)} />
          <div className="caption">{words.structure.previewOf(preview.frame)}</div>
        </>
      ) : null}
      {preview.kind === 'failed' ? <TroubleView {...preview.trouble} /> : null}
      <div className="row actions">
        <QuietButton disabled={preview.kind === 'asking'} onPress={() => void show()}>
          {preview.kind === 'picture' ? words.structure.again : words.structure.preview}
        </QuietButton>
        {preview.kind === 'picture' || preview.kind === 'failed' ? (
          <QuietButton onPress={() => setPreview({ kind: 'none' })}>{words.structure.hide}</QuietButton>
        ) : null}
      </div>
    </div>
  );
}
