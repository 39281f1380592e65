import { useEffect, useRef, useState } from 'react';
import type { TrainingView } from '../../bridge-server/protocol/job.ts';
import type { RenderRequest } from '../../bridge-server/protocol/request.ts';
import type { TrainRequest } from '../../bridge-server/protocol/train-request.ts';
import type { Memory, Shot } from '../host/host.ts';
import { choicesFrom, choicesOf, NO_SHOT_CHOICES, type Choices, type Manner, type ShotChoices } from '../request.ts';
import { choicesWithin, shotChoicesFrom, withChoices } from '../shots.ts';
import { trainingFrom, trainingOf, withTrained, type Training } from '../training.ts';
import { isFile } from './state.ts';

const MEMORY = {
  ...{ choices: 'pentimento.choices', shots: 'pentimento.shots', made: 'pentimento.made' },
  training: 'pentimento.training',
};

/** Some choices instead of what they were; of the look only what is said. */
export type Change = (changes: Partial<Omit<Choices, 'look'>> & { readonly look?: Partial<Manner> }) => void;

export function useChoices(memory: Memory): [Choices, Change] {
  const [choices, setChoices] = useState(() => choicesFrom(memory.getItem(MEMORY.choices)));
  // Leaving a field and pressing a button may be one moment: both changes count.
  const latest = useRef(choices);
  const change: Change = (changes) => {
    const look = { ...latest.current.look, ...changes.look };
    latest.current = { ...latest.current, ...changes, look };
    memory.setItem(MEMORY.choices, JSON.stringify(latest.current));
    setChoices(latest.current);
  };
  return [choices, change];
}

/** What was chosen for single shots. They are known by their source, so that another clip of it finds what was said of its frames. */
export function useShotChoices(memory: Memory): {
  readonly of: (shot: Shot | null) => ShotChoices;
  readonly change: (shot: Shot | null, changes: Partial<ShotChoices>) => void;
} {
  const [all, setAll] = useState(() => shotChoicesFrom(memory.getItem(MEMORY.shots)));
  const latest = useRef(all);
  return {
    of: (shot) => (isFile(shot) ? choicesWithin(all, shot.source) : NO_SHOT_CHOICES),
    change: (shot, changes) => {
      if (!isFile(shot)) return;
      latest.current = withChoices(latest.current, shot.source, changes);
      memory.setItem(MEMORY.shots, JSON.stringify(latest.current));
      setAll(latest.current);
    },
  };
}

/** Brings back what made a request, for the next time that the Paint view is shown. */
export function recall(memory: Memory, request: RenderRequest): void {
  const { choices, own } = choicesOf(request);
  const shots = withChoices(shotChoicesFrom(memory.getItem(MEMORY.shots)), request.source, own);
  memory.setItem(MEMORY.choices, JSON.stringify({ ...choicesFrom(memory.getItem(MEMORY.choices)), ...choices }));
  memory.setItem(MEMORY.shots, JSON.stringify(shots));
}

/** What is to be trained, and how to change it; both changes of one moment count. */
export function useTraining(memory: Memory): [Training, (changes: Partial<Training>) => void] {
  const [training, setTraining] = useState(() => trainingFrom(memory.getItem(MEMORY.training)));
  const latest = useRef(training);
  const change = (changes: Partial<Training>): void => {
    latest.current = { ...latest.current, ...changes };
    memory.setItem(MEMORY.training, JSON.stringify(latest.current));
    setTraining(latest.current);
  };
  return [training, change];
}

/** Brings back what made a LoRA, for the next time that the Train view is shown. `view`: what it was trained on, as far as is known. */
export function recallTraining(memory: Memory, request: TrainRequest, view: TrainingView | null): void {
  const now = trainingFrom(memory.getItem(MEMORY.training));
  memory.setItem(MEMORY.training, JSON.stringify(trainingOf(request, view, now)));
}

/** Puts what was trained into the look, for the next time that the Paint view is shown. */
export function takeTrained(memory: Memory, request: TrainRequest, lora: string): void {
  const choices = choicesFrom(memory.getItem(MEMORY.choices));
  memory.setItem(MEMORY.choices, JSON.stringify({ ...choices, ...withTrained(choices, request, lora) }));
}

type Settings = { readonly choices: Partial<Choices>; readonly own: ShotChoices };

/** The version that is selected, and what was chosen before it was; `before` null once that is back. */
type Recalled = { readonly job: string | null; readonly before: Settings | null };

/**
 * Selecting a painted version brings back what made it, once: whatever is changed then stays, also while another view is shown.
 * Returns how to go back to what was there before; null when nothing was.
 *
 * @param shot the single shot that is selected; undefined while that is not known
 */
export function useMade(
  memory: Memory,
  shot: Shot | null | undefined,
  now: Settings,
  become: (settings: Settings) => void,
): (() => void) | null {
  const [recalled, setRecalled] = useState(() => recalledFrom(memory.getItem(MEMORY.made)));
  const keep = (next: Recalled): void => {
    memory.setItem(MEMORY.made, JSON.stringify(next));
    setRecalled(next);
  };
  const made = shot?.made ?? null;
  const latest = useRef({ now, become, keep });
  latest.current = { now, become, keep };
  useEffect(() => {
    if (shot === undefined || (made?.job ?? null) === recalled.job) return;
    const { now, become, keep } = latest.current;
    keep({ job: made?.job ?? null, before: made && now });
    if (made) become(choicesOf(made.request));
  }, [shot === undefined, made?.job]);
  const { before, job } = recalled;
  if (!before || job !== made?.job) return null;
  return () => {
    keep({ job, before: null });
    become(before);
  };
}

function recalledFrom(stored: string | null): Recalled {
  try {
    const { job, before } = JSON.parse(stored ?? '{}') as Partial<Recalled>;
    if (typeof job !== 'string') return { job: null, before: null };
    return { job, before: before?.choices && before.own ? before : null };
  } catch {
    return { job: null, before: null };
  }
}
