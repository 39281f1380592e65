import type { Trouble } from '../trouble.ts';

/** What went wrong, and what to do about it. */
export function TroubleView({ sentence, remedy }: Trouble) {
  return (
    <>
      <div className="warning">{sentence}</div>
      <div className="dim">{remedy}</div>
    </>
  );
}
