/** What a caption says instead of the word that calls up what is trained. */
const TRIGGER = /\{trigger\}/g;

/** A caption that was written for one picture: as it is, but for the places of the trigger word. */
export const ownCaptionOf = (caption: string, trigger: string): string =>
  caption.trim().replaceAll(TRIGGER, () => trigger);

/** A caption of the template; without a place for the trigger word it begins with it. */
export function captionOf(template: string, trigger: string): string {
  const caption = template.trim();
  if (caption.search(TRIGGER) >= 0) return caption.replaceAll(TRIGGER, () => trigger);
  return caption === '' ? trigger : `${trigger}, ${caption}`;
}
