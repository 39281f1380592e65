import type { Action, Component, ComponentParam, Keyframe, PointF, VideoClipTrackItem } from '@adobe/premierepro';

type Value = Keyframe['value']['value'];
export type Motion = readonly { readonly param: ComponentParam; readonly value: Value }[];

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

/** What gives a clip that Motion, for a transaction; null when it has it, or cannot have it. */
export async function settingMotion(
  clip: VideoClipTrackItem,
  wanted: Motion | 'animated' | null,
): Promise<(() => readonly Action[]) | null> {
  const present = await motionOf(clip);
  if (!isStill(wanted) || !isStill(present) || wanted.length !== present.length) return null;
  const different = present
    .map(({ param, value }, n) => ({ param, value, goal: wanted[n]!.value }))
    .filter(({ value, goal }) => !alike(value, goal));
  if (different.length === 0) return null;
  return () => different.map(({ param, goal }) => param.createSetValueAction(param.createKeyframe(goal), true));
}

const isStill = (motion: Motion | 'animated' | null): motion is Motion => motion !== null && motion !== 'animated';

function alike(a: Value, b: Value): boolean {
  if (typeof a !== 'object' || typeof b !== 'object') return a === b;
  const [one, other] = [a as PointF, b as PointF];
  return one.x === other.x && one.y === other.y;
}
