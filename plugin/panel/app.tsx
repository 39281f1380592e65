import { Component, useState, type ReactNode } from 'react';
import { words } from '../words.ts';
import { ConnectionLine, ConnectionView } from './connection.tsx';
import { Paint } from './paint.tsx';
import { Queue } from './queue.tsx';
import { useConnection, useRenders, type Desk } from './state.ts';
import { Button, Pressable } from './widgets.tsx';

export function App({ desk }: { readonly desk: Desk }) {
  const { state, jobs } = useConnection(desk.connection);
  const renders = useRenders(desk.renders);
  const [view, setView] = useState<'paint' | 'queue'>('paint');
  const active = jobs.filter((job) => job.state.state === 'queued' || job.state.state === 'running').length;
  // Once it was there, what is known stays on screen, with a line above it.
  const known = state.kind === 'connected' || jobs.length > 0;
  return (
    <div className="panel">
      <div className="head">
        <div className="tabs">
          {(['paint', 'queue'] as const).map((name) => (
            <Pressable
              key={name}
              className={view === name ? 'tab chosen' : 'tab'}
              pressed={view === name}
              onPress={() => setView(name)}
            >
              <span>{words.views[name]}</span>
              {name === 'queue' && active > 0 ? <span className="count">{active}</span> : null}
            </Pressable>
          ))}
        </div>
        <div
          className={`dot ${state.kind}`}
          title={state.kind === 'connected' ? words.connection.connected(state.version) : ''}
        />
      </div>
      {known && state.kind === 'problem' ? <ConnectionLine problem={state.problem} /> : null}
      {known ? (
        view === 'paint' ? (
          <Paint desk={desk} onPainted={() => setView('queue')} />
        ) : (
          <Queue desk={desk} jobs={jobs} renders={renders} />
        )
      ) : (
        <ConnectionView connection={desk.connection} state={state} />
      )}
    </div>
  );
}

/** An error that escapes from a panel can take the editor with it. */
export class Fence extends Component<{ readonly children: ReactNode }, { readonly failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    const { sentence, remedy, reload } = words.crash;
    return (
      <div className="panel">
        <div className="empty">
          <div className="strong">{sentence}</div>
          <div className="dim">{remedy}</div>
          <Button onPress={() => this.setState({ failed: false })}>{reload}</Button>
        </div>
      </div>
    );
  }
}
