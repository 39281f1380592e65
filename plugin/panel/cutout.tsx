import type { Box, Size } from '../box.ts';
import { Picture } from './picture.tsx';

/** Pixels of a picture that is cut out. */
const WIDTH = 64;

/**
 * What is inside a box of a frame, as it is trained on: filled, and cut off evenly where it is too long. `shape`: what its sides are
 * like; `ask`: the frame's picture, so wide.
 */
export function Cutout(props: {
  readonly frame: Size;
  readonly box: Box;
  readonly shape: Size;
  readonly ask: (width: number) => Promise<string | null>;
  readonly on: readonly unknown[];
}) {
  const { frame, box, shape, ask, on } = props;
  const height = Math.round((WIDTH * shape.height) / shape.width);
  const scale = Math.max(WIDTH / box.width, height / box.height);
  const place = {
    left: (WIDTH - box.width * scale) / 2 - box.x * scale,
    top: (height - box.height * scale) / 2 - box.y * scale,
    width: frame.width * scale,
    height: frame.height * scale,
  };
  // The bridge gives none that are smaller or larger.
  const width = Math.min(2048, Math.max(16, Math.ceil(place.width)));
  return (
    <div className="cutout" style={{ width: WIDTH, height }}>
      <div className="uncut" style={place}>
        <Picture className="fill" ask={() => ask(width)} on={[...on, width]} />
      </div>
    </div>
  );
}
