import { useEffect, useRef, useState, type MouseEvent } from 'react';
import type { Connection } from '../bridge/connection.ts';
import { words } from '../words.ts';
import { Pressable, Slider } from './widgets.tsx';

export const MODES = ['wipe', 'beside', 'flip'] as const;
export type Mode = (typeof MODES)[number];

/** One of the two: its name, and where its frames come from. */
export type Side = { readonly name: string; readonly job: string; readonly of: 'source' | 'result' };

type Props = {
  readonly connection: Connection;
  readonly mode: Mode;
  readonly before: Side;
  readonly after: Side;
  readonly frame: number;
  /** Grows as there is more to see of them. */
  readonly grown: number;
};

/** The same frame of two sides: one wiped over the other, beside each other, or one at a time. */
export function BeforeAfter({ connection, mode, before, after, frame, grown }: Props) {
  const [part, setPart] = useState(50);
  const [flipped, setFlipped] = useState(false);
  const left = useFramePicture(connection, before, frame, grown);
  const right = useFramePicture(connection, after, frame, grown);
  if (mode === 'beside') {
    return (
      <div className="beside">
        <div className="side">
          <Still address={left} />
          <div className="caption">{before.name}</div>
        </div>
        <div className="side">
          <Still address={right} />
          <div className="caption">{after.name}</div>
        </div>
      </div>
    );
  }
  if (mode === 'flip') {
    const shown = flipped ? before : after;
    return (
      <div className="flip">
        <Pressable
          className="stage"
          title={words.compare.flipHint}
          pressed={flipped}
          onPress={() => setFlipped(!flipped)}
        >
          <Still address={flipped ? left : right} />
        </Pressable>
        <div className="caption">{words.compare.showing(shown.name)}</div>
      </div>
    );
  }
  // The edge follows the pointer while it is pressed on the picture; the slider is for everybody else.
  const follow = (event: MouseEvent<HTMLElement>): void => {
    const { left: start, width } = event.currentTarget.getBoundingClientRect();
    setPart(Math.round(Math.min(100, Math.max(0, (100 * (event.clientX - start)) / width))));
  };
  return (
    <div className="wipe">
      <div className="stage" onMouseDown={follow} onMouseMove={(event) => event.buttons === 1 && follow(event)}>
        {/* While there is nothing to see of one, the other one fills the stage. */}
        <Still address={right ?? left} />
        {right === null && left ? <div className="note">{words.compare.noPicture}</div> : null}
        {part > 0 && left ? (
          <div className="over" style={{ width: `${part}%` }}>
            <img className="still" src={left} alt="" draggable={false} style={{ width: `${10_000 / part}%` }} />
          </div>
        ) : null}
        <div className="edge" style={{ left: `${part}%` }} />
      </div>
      <Slider label={before.name} value={part} least={0} most={100} show={() => after.name} onChange={setPart} />
    </div>
  );
}

function Still({ address }: { readonly address: string | null | undefined }) {
  if (typeof address === 'string') return <img className="still" src={address} alt="" draggable={false} />;
  return <div className="still blank">{address === null ? words.compare.noPicture : ''}</div>;
}

/** Enough for the panel's width; asked for in two sizes, so that a panel that grows a little asks for nothing. */
const widthNow = (): number => (innerWidth > 480 ? 1024 : 480);

/**
 * The address of a frame's picture: null when there is none, undefined while nothing is known. While the next one is on its way the
 * last one stays, and what was scrubbed past meanwhile is never asked for.
 */
function useFramePicture(connection: Connection, { job, of }: Side, frame: number, grown: number) {
  const [address, setAddress] = useState<string | null | undefined>(undefined);
  const wanted = useRef<(() => Promise<string | null>) | null>(null);
  const busy = useRef(false);
  const gone = useRef(false);
  useEffect(() => {
    gone.current = false;
    return () => {
      gone.current = true;
    };
  }, []);
  useEffect(() => {
    wanted.current = () => connection.framePicture(job, of, frame, widthNow());
    if (busy.current) return;
    busy.current = true;
    void (async () => {
      while (wanted.current !== null && !gone.current) {
        const ask = wanted.current;
        wanted.current = null;
        const found = await ask();
        if (!gone.current) setAddress(found);
      }
      busy.current = false;
    })();
  }, [connection, job, of, frame, of === 'result' ? grown : 0]);
  return address;
}
