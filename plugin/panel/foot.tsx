import { useEffect, useRef, type ReactNode } from 'react';
import { words } from '../words.ts';
import type { Handover } from './handover.ts';
import { sizeText } from './text.ts';
import { TroubleView } from './trouble.tsx';
import { Button, QuietButton } from './widgets.tsx';

/** Below a view: its one button, what it still lacks, and what becomes of it once it is pressed. */
export function Foot(props: {
  readonly of: NonNullable<Handover['trouble']>['of'];
  readonly handover: Handover;
  /** What is still to be said; null: nothing. */
  readonly lacking: string | null;
  readonly disabled: boolean;
  readonly onPress: () => void;
  readonly children: ReactNode;
}) {
  const { of, handover, lacking, disabled, onPress, children } = props;
  const { busy, trouble } = handover;
  return (
    <div className="foot">
      {lacking === null ? null : <div className="dim hint">{lacking}</div>}
      {trouble?.of === of ? <TroubleView {...trouble} /> : null}
      {busy && busy.bytes !== null ? (
        <div className="row between">
          <div className="dim">{words.paint.preparing(busy.name, sizeText(busy.bytes))}</div>
          <QuietButton onPress={busy.stop}>{words.paint.cancel}</QuietButton>
        </div>
      ) : null}
      <Button kind="cta" wide disabled={disabled || lacking !== null || busy !== null} onPress={onPress}>
        {children}
      </Button>
    </div>
  );
}

/** Whether the view is still there: what was begun in it may end when another one is shown. */
export function useShown(): { readonly current: boolean } {
  const shown = useRef(true);
  useEffect(() => {
    shown.current = true;
    return () => {
      shown.current = false;
    };
  }, []);
  return shown;
}
