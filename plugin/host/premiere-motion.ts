import type { Action, Component, ComponentParam, Keyframe, PointF, VideoClipTrackItem } from '@adobe/premierepro';

type Value = Keyframe['value']['value'];
type Motion = readonly { readonly param: ComponentParam; readonly value: Value }[];

/** Position, scale, rotation and so on of a clip; null where the editor tells none. */
export async function motionOf(clip: VideoClipTrackItem): Promise<Motion | 'animated' | null> {
  const component = await motionComponent(clip);
  if (!component) return null;
  const motion: { param: ComponentParam; value: Value }[] = [];
  for (let n = 0; n < component.getParamCount(); n++) {
    const param = component.getParam(n);
    if (param.isTimeVarying()) return 'animated';
    motion.push({ param, value: (await param.getStartValue()).value.value });
  }
  return motion;
}

async function motionComponent(clip: VideoClipTrackItem): Promise<Component | null> {
  const chain = await clip.getComponentChain();
  for (let n = 0; n < chain.getComponentCount(); n++) {
    const component = chain.getComponentAtIndex(n);
    if ((await component.getMatchName()) === 'AE.ADBE Motion') return component;
  }
  return null;
}

/** What gives `to` the Motion of `from`, for a transaction; null when nothing differs or it cannot be done. */
export async function copyingMotion(
  from: VideoClipTrackItem,
  to: VideoClipTrackItem,
): Promise<(() => readonly Action[]) | null> {
  const [wanted, present] = [await motionOf(from), await motionOf(to)];
  if (!Array.isArray(wanted) || !Array.isArray(present) || wanted.length !== present.length) return null;
  const different = (present as Motion)
    .map(({ param, value }, n) => ({ param, value, goal: (wanted as Motion)[n]!.value }))
    .filter(({ value, goal }) => !alike(value, goal));
  if (different.length === 0) return null;
  return () => different.map(({ param, goal }) => param.createSetValueAction(param.createKeyframe(goal), true));
}

function alike(a: Value, b: Value): boolean {
  if (typeof a !== 'object' || typeof b !== 'object') return a === b;
  const [one, other] = [a as PointF, b as PointF];
  return one.x === other.x && one.y === other.y;
}
