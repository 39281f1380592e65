import { createRoot } from 'react-dom/client';
import { App, Fence } from './app.tsx';
import compare from './compare.css';
import paint from './paint.css';
import panel from './panel.css';
import queue from './queue.css';
import type { Desk } from './state.ts';
import train from './train.css';

export type Theme = 'light' | 'dark' | 'darkest';

/** Draws the panel into `root`, at once. Returns how to change its theme. */
export function mount(root: HTMLElement, desk: Desk, theme: Theme): (theme: Theme) => void {
  const style = document.createElement('style');
  style.textContent = [panel, paint, queue, compare, train].join('\n');
  document.head.appendChild(style);
  const setTheme = (name: Theme): void => {
    root.className = `pentimento ${name}`;
  };
  setTheme(theme);
  createRoot(root).render(
    <Fence>
      <App desk={desk} />
    </Fence>,
  );
  return setTheme;
}
