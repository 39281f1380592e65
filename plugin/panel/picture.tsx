import { useEffect, useRef, useState } from 'react';
import { useAnswer } from './state.ts';

/** A picture that the bridge is asked for once it comes into sight; a blank until it is there, and when there is none. */
export function Picture(props: {
  readonly ask: () => Promise<string | null>;
  /** What the picture depends on: it is asked for again when one of these changes. */
  readonly on: readonly unknown[];
  readonly className?: string;
}) {
  const { ask, on, className = 'picture' } = props;
  const { ref, seen } = useSeen();
  const address = useAnswer(() => (seen ? ask() : Promise.resolve(null)), [seen, ...on]);
  if (address !== null) return <img className={className} src={address} alt="" />;
  return <div ref={ref} className={`${className} blank`} />;
}

/** Whether the element was in sight once. */
function useSeen() {
  const ref = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState(typeof IntersectionObserver === 'undefined');
  useEffect(() => {
    if (seen || !ref.current) return;
    const observer = new IntersectionObserver((entries) => {
      if (entries.some(({ isIntersecting }) => isIntersecting)) setSeen(true);
    });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [seen]);
  return { ref, seen };
}
