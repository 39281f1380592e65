import type { TrainEstimate, TrainRequest } from '../../bridge-server/protocol/train-request.ts';
import type { Connection } from '../bridge/connection.ts';
import { Refused } from '../bridge/problem.ts';
import { costsOf } from '../training.ts';
import { troubleOf, type Trouble } from '../trouble.ts';
import { words } from '../words.ts';
import { useAnswer } from './state.ts';
import { durationText, sizeText } from './text.ts';
import { TroubleView } from './trouble.tsx';

export type Cost =
  | { readonly kind: 'known'; readonly estimate: TrainEstimate }
  | { readonly kind: 'refused'; readonly trouble: Trouble };

/** What a training would take, or why it cannot be; null while that is not known. `request` null: there is none yet. */
export function useCost(connection: Connection, request: TrainRequest | null): Cost | null {
  // The bridge tries its machine for each: words that are being typed ask nothing.
  const question = JSON.stringify(request && costsOf(request));
  const answer = useAnswer(async () => {
    if (!request) return null;
    const cost = await connection.trainEstimate(request).then(
      (estimate): Cost => ({ kind: 'known', estimate }),
      (error: unknown): Cost | null =>
        error instanceof Refused ? { kind: 'refused', trouble: troubleOf(error) } : null,
    );
    return { question, cost };
  }, [connection, question]);
  return answer?.question === question ? answer.cost : null;
}

export function CostView({ cost }: { readonly cost: Cost | null }) {
  const { estimating, line, step } = words.train.cost;
  if (cost === null) return <div className="dim hint">{estimating}</div>;
  if (cost.kind === 'refused') return <TroubleView {...cost.trouble} />;
  const { seconds, secondsPerStep, neededBytes, freeBytes } = cost.estimate;
  return (
    <>
      <div>{line(durationText(seconds), sizeText(neededBytes), sizeText(freeBytes))}</div>
      <div className="dim hint">
        {step(
          secondsPerStep < 10
            ? words.duration.seconds(Number(secondsPerStep.toPrecision(2)))
            : durationText(secondsPerStep),
        )}
      </div>
    </>
  );
}
