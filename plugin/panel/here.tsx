import { useState } from 'react';
import type { SourceFacts } from '../../bridge-server/protocol/http.ts';
import type { Connection } from '../bridge/connection.ts';
import type { Host, Shot } from '../host/host.ts';
import { sourceOf } from '../request.ts';
import { words } from '../words.ts';
import { Picture } from './picture.tsx';
import { QuietButton, Slider } from './widgets.tsx';

/** The frame of a shot that the user looks at: where the editor's playhead is; without an editor, where the panel's own slider is. */
export type Here = {
  /** Null: not on the shot. */
  read(): Promise<number | null>;
  readonly slider: { readonly frame: number; readonly set: (frame: number) => void } | null;
};

export function useHere(host: Host, shot: Shot | null, facts: SourceFacts | null): Here {
  const [wanted, set] = useState(0);
  if (host.kind !== 'files') return { read: () => (shot ? host.playhead(shot) : Promise.resolve(null)), slider: null };
  const { from, to } = facts ?? { from: 0, to: Infinity };
  const frame = Math.min(to - 1, Math.max(from, wanted));
  return { read: () => Promise.resolve(frame), slider: { frame, set } };
}

const WIDTH = 480;

/** To go through the frames of a shot where no editor does. */
export function FrameView(props: {
  readonly connection: Connection;
  readonly shot: Shot;
  readonly facts: SourceFacts;
  readonly slider: NonNullable<Here['slider']>;
}) {
  const { connection, shot, facts, slider } = props;
  const [least, most] = [facts.from, facts.to - 1];
  const { frame } = slider;
  const source = sourceOf(shot);
  return (
    <div className="frame">
      <Picture
        className="preview"
        ask={() => connection.sourcePicture(source, frame, WIDTH)}
        on={[connection, source.path, frame]}
      />
      <div className="row end">
        <Slider
          label={words.keys.look}
          value={frame}
          least={least}
          most={most}
          show={String}
          onChange={(value) => slider.set(value)}
        />
        <QuietButton title={words.keys.previous} onPress={() => slider.set(Math.max(least, frame - 1))}>
          ‹
        </QuietButton>
        <QuietButton title={words.keys.next} onPress={() => slider.set(Math.min(most, frame + 1))}>
          ›
        </QuietButton>
      </div>
    </div>
  );
}
