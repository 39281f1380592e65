import { useState } from 'react';
import type { Connection } from '../bridge/connection.ts';
import type { Host, Notice, Preset, SelectedClip, Selection, Shot } from '../host/host.ts';
import type { ShotChoices } from '../request.ts';
import { words } from '../words.ts';
import { FilesView } from './files.tsx';
import type { Facts } from './state.ts';
import { nameOf, rateText, timecodeText } from './text.ts';
import { TroubleView } from './trouble.tsx';
import { QuietButton, Toggle } from './widgets.tsx';

const SHOWN = 4;

/** What is selected, what of it will be painted, and what the user should know first. */
export function ShotView(props: {
  readonly host: Host;
  readonly connection: Connection;
  readonly selection: Selection | 'unreadable' | null;
  /** Of each shot that can be painted, in the order of the clips. */
  readonly facts: readonly (Facts | null)[];
  /** Of the single shot that is selected. */
  readonly own: ShotChoices;
  readonly changeOwn: (changes: Partial<ShotChoices>) => void;
  readonly withEffects: boolean;
  readonly onEffects: (withEffects: boolean) => void;
  /** Undoes that the selected version brought its settings; null when there is nothing to undo. */
  readonly onBack: (() => void) | null;
}) {
  const { host, connection, selection, facts, own, changeOwn, withEffects, onEffects, onBack } = props;
  const effects = { withEffects, onEffects };
  const clips = selection === null || selection === 'unreadable' ? [] : selection.clips;
  const usable: readonly SelectedClip[] = clips.filter((clip) => clip.usable);
  // What cannot be painted is always told.
  const shown = clips.filter((clip, n) => n < SHOWN || !clip.usable);
  return (
    <div className="section">
      <div className="title">{clips.length > 1 ? words.shot.titles(clips.length) : words.shot.title}</div>
      {selection === 'unreadable' ? (
        <div className="card refused">
          <div className="strong">{words.shot.unreadable}</div>
          <div className="dim">{words.shot.unreadableHint}</div>
        </div>
      ) : clips.length === 0 && selection && host.kind !== 'files' ? (
        <div className="card quiet">
          <div className="strong">{words.shot.none}</div>
          <div className="dim">
            {selection.timeline ? words.shot.noneHint.timeline : words.shot.noTimeline[host.kind]}
          </div>
        </div>
      ) : null}
      {shown.map((clip, n) => (
        <ClipCard
          key={n}
          {...{ clip, host, effects }}
          facts={facts[usable.indexOf(clip)] ?? null}
          {...(clips.length === 1 ? { own, changeOwn, onBack } : { onBack: null })}
        />
      ))}
      {clips.length > shown.length ? (
        <div className="dim hint">{words.shot.more(clips.length - shown.length)}</div>
      ) : null}
      {host.kind === 'files' ? <FilesView host={host} connection={connection} chosen={clips.flatMap(pathOf)} /> : null}
    </div>
  );
}

const pathOf = (clip: SelectedClip): readonly string[] => (clip.usable ? [clip.shot.source.path] : []);

type CardProps = {
  readonly clip: SelectedClip;
  readonly host: Host;
  readonly effects: { readonly withEffects: boolean; readonly onEffects: (withEffects: boolean) => void };
  readonly facts: Facts | null;
  readonly own?: ShotChoices;
  readonly changeOwn?: (changes: Partial<ShotChoices>) => void;
  readonly onBack: (() => void) | null;
};

function ClipCard({ clip, host, effects, facts, own, changeOwn, onBack }: CardProps) {
  if (!clip.usable) {
    return (
      <div className="card refused">
        <div className="strong name">{clip.name}</div>
        <TroubleView sentence={clip.reason.message} remedy={clip.reason.remedy} />
      </div>
    );
  }
  const { notices, made, export: why } = clip.shot;
  const hasEffects = why === 'effects' || notices.some(({ code }) => code === 'effects');
  const known = facts?.kind === 'known' ? facts.facts : null;
  const rest = own ? restOf(own) : [];
  return (
    <div className={facts?.kind === 'refused' ? 'card refused' : 'card'}>
      <div className="strong name">{clip.name}</div>
      {factsOf(clip.shot, facts).map((line) => (
        <div className="dim" key={line}>
          {line}
        </div>
      ))}
      {made ? <div className="dim version">{words.shot.version}</div> : null}
      {rest.length > 0 ? <div className="dim version">{words.shot.also(rest.join(', '))}</div> : null}
      {onBack || rest.length > 0 ? (
        <div className="row wrap actions">
          {onBack ? <QuietButton onPress={onBack}>{words.shot.back}</QuietButton> : null}
          {changeOwn && rest.length > 0 ? (
            <QuietButton onPress={() => changeOwn({ regions: [], details: [] })}>{words.shot.leaveOut}</QuietButton>
          ) : null}
        </div>
      ) : null}
      {notices.map((notice) => (
        <div className="warning" key={notice.code}>
          {noticeText(notice)}
        </div>
      ))}
      {known?.notes.map((note) => (
        <div className="warning" key={note}>
          {note}
        </div>
      ))}
      {why ? <div className="dim version">{words.shot.exports[why]}</div> : null}
      {hasEffects ? (
        <Toggle label={words.shot.withEffects} on={effects.withEffects} onChange={effects.onEffects} />
      ) : null}
      {why && host.preset ? <ExportPreset preset={host.preset} /> : null}
      {facts?.kind === 'refused' ? <TroubleView {...facts.trouble} /> : null}
    </div>
  );
}

/** With which of its presets the editor writes clips. */
function ExportPreset({ preset }: { readonly preset: Preset }) {
  const [path, setPath] = useState(preset.current());
  const choose = async (): Promise<void> => {
    await preset.choose().catch(() => null);
    setPath(preset.current());
  };
  return (
    <div className="row between actions">
      <QuietButton onPress={() => void choose()}>{words.shot.choosePreset}</QuietButton>
      <div className="dim name">{path === null ? words.shot.noPreset : nameOf(path)}</div>
    </div>
  );
}

/** What will be painted, as one line or two: frames and length, then which they are and how they look. */
function factsOf({ source, rate: hosts }: Shot, facts: Facts | null): readonly string[] {
  const known = facts?.kind === 'known' ? facts.facts : null;
  const { from } = source;
  const to = source.to ?? known?.to ?? null;
  const rate = hosts ?? known?.rate ?? null;
  const length = to === null ? [words.shot.whole] : [words.shot.frames(to - from)];
  const first = [
    ...length,
    ...(to !== null && rate ? [timecodeText(to - from, rate)] : []),
    ...(to !== null ? [words.shot.range(from, to - 1)] : []),
  ];
  const second = [
    ...(known ? [words.shot.size(known.width, known.height)] : []),
    ...(rate ? [words.shot.rate(rateText(rate))] : []),
  ];
  return [first, second].filter((line) => line.length > 0).map((line) => line.join('  ·  '));
}

/** What of a version's settings no control of the panel shows. */
const restOf = ({ regions, details }: ShotChoices): readonly string[] => [
  ...(regions.length > 0 ? [words.shot.regions(regions.length)] : []),
  ...(details.length > 0 ? [words.shot.details(details.length)] : []),
];

function noticeText(notice: Notice): string {
  switch (notice.code) {
    case 'effects':
      return words.notices.effects(notice.names.join(', '));
    case 'rate-differs':
      return words.notices['rate-differs'](rateText(notice.rate));
    case 'proxy':
    case 'disabled':
    case 'motion':
      return words.notices[notice.code];
  }
}
