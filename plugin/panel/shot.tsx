import type { Connection } from '../bridge/connection.ts';
import type { Host, Notice, SelectedClip, Selection } from '../host/host.ts';
import { choicesOf, type Choices } from '../request.ts';
import { words } from '../words.ts';
import { QuietButton } from './widgets.tsx';
import { rateText } from './text.ts';
import { FilesView } from './files.tsx';

const SHOWN = 4;

/** What is selected, what of it will be painted, and what the user should know first. */
export function ShotView(props: {
  readonly host: Host;
  readonly connection: Connection;
  readonly selection: Selection | 'unreadable' | null;
  readonly onSettings: (settings: Partial<Choices>) => void;
}) {
  const { host, connection, selection, onSettings } = props;
  const clips = selection === null || selection === 'unreadable' ? [] : selection.clips;
  return (
    <div className="section">
      <div className="title">{words.shot.title}</div>
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
      {clips.slice(0, SHOWN).map((clip, n) => (
        <ClipCard key={n} clip={clip} onSettings={onSettings} />
      ))}
      {clips.length > SHOWN ? <div className="dim hint">{words.shot.more(clips.length - SHOWN)}</div> : null}
      {host.kind === 'files' ? <FilesView host={host} connection={connection} chosen={clips.length > 0} /> : null}
    </div>
  );
}

function ClipCard(props: { readonly clip: SelectedClip; readonly onSettings: (settings: Partial<Choices>) => void }) {
  const { clip, onSettings } = props;
  if (!clip.usable) {
    return (
      <div className="card refused">
        <div className="strong name">{clip.name}</div>
        <div className="warning">{clip.reason.message}</div>
        <div className="dim">{clip.reason.remedy}</div>
      </div>
    );
  }
  const { source, rate, notices, made } = clip.shot;
  const { from, to } = source;
  const facts = [
    to === null ? words.shot.whole : words.shot.frames(to - from),
    ...(to === null ? [] : [words.shot.range(from, to - 1)]),
    ...(rate ? [words.shot.rate(rateText(rate))] : []),
  ];
  return (
    <div className="card">
      <div className="strong name">{clip.name}</div>
      <div className="dim">{facts.join('  ·  ')}</div>
      {made ? (
        <>
          <div className="dim">{words.shot.version}</div>
          <div className="row actions">
            <QuietButton onPress={() => onSettings(choicesOf(made.request))}>{words.shot.useSettings}</QuietButton>
          </div>
        </>
      ) : null}
      {notices.map((notice) => (
        <div className="warning" key={notice.code}>
          {noticeText(notice)}
        </div>
      ))}
    </div>
  );
}

function noticeText(notice: Notice): string {
  switch (notice.code) {
    case 'effects':
      return words.notices.effects(notice.names.join(', '));
    case 'rate-differs':
      return words.notices['rate-differs'](rateText(notice.rate));
    case 'proxy':
    case 'disabled':
      return words.notices[notice.code];
  }
}
