import type { Column } from '../versions.ts';

type Props = {
  /** What each column is marked as: a weak span, or not. */
  readonly columns: readonly (Column & { readonly weak: boolean; readonly mark: number | null })[];
  /** All frames [from, to). */
  readonly from: number;
  readonly to: number;
  readonly keys: readonly number[];
  readonly frame: number;
  /** The value that fills the height, at least: small errors shall not look large. */
  readonly scale: number;
  readonly scaleText: string;
  /** For those who do not see it. */
  readonly name: string;
  readonly onFrame: (frame: number) => void;
};

/** Values over the frames of a shot as bars, with the keys below them and where the user is. Pressing a bar goes there. */
export function Graph({ columns, from, to, keys, frame, scale, scaleText, name, onFrame }: Props) {
  const most = Math.max(scale, ...columns.map(({ value, mark }) => Math.max(value, mark ?? 0)));
  const at = (n: number): string => `${(100 * (n - from + 0.5)) / (to - from)}%`;
  return (
    <div className="graph" role="img" aria-label={name}>
      <div className="bars">
        {columns.map((column) => (
          <div
            key={column.from}
            className="column"
            onClick={() => onFrame(Math.floor((column.from + column.to - 1) / 2))}
          >
            <div
              className={column.weak ? 'bar weak' : 'bar'}
              style={{ height: `${Math.max(1, (100 * column.value) / most)}%` }}
            />
            {column.mark === null ? null : (
              <div className="mark" style={{ bottom: `${(100 * column.mark) / most}%` }} />
            )}
          </div>
        ))}
        <div className="here" style={{ left: at(frame) }} />
        <div className="scale">{scaleText}</div>
      </div>
      <div className="keys">
        {keys.map((key) => (
          <div key={key} className={key === frame ? 'tick chosen' : 'tick'} style={{ left: at(key) }} />
        ))}
      </div>
    </div>
  );
}
