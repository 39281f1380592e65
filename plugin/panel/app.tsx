import { Component, useState, type ReactNode } from 'react';
import type { JobView } from '../../bridge-server/protocol/job.ts';
import { isRender } from '../versions.ts';
import { words } from '../words.ts';
import { recall, recallTraining, takeTrained } from './choices.ts';
import { Compare } from './compare.tsx';
import { ConnectionLine, ConnectionView } from './connection.tsx';
import { useHandover } from './handover.ts';
import { ModelsView } from './models.tsx';
import { Paint } from './paint.tsx';
import { Queue } from './queue.tsx';
import { useConnection, useRenders, type Desk } from './state.ts';
import { Train } from './train.tsx';
import { Button, Pressable } from './widgets.tsx';

/** The views with a tab; Compare is reached from a job of the queue. */
const TABS = ['paint', 'train', 'queue', 'models'] as const;
type View = { readonly tab: (typeof TABS)[number]; readonly compared: string | null };

export function App({ desk }: { readonly desk: Desk }) {
  const { state, jobs } = useConnection(desk.connection);
  const renders = useRenders(desk.renders);
  const handover = useHandover(desk);
  const [{ tab, compared }, setView] = useState<View>({ tab: 'paint', compared: null });
  const show = (tab: View['tab'], compared: string | null = null): void => setView({ tab, compared });
  const active = jobs.filter((job) => job.state.state === 'queued' || job.state.state === 'running').length;
  // Once it was there, what is known stays on screen, with a line above it.
  const known = state.kind === 'connected' || jobs.length > 0;
  const renderJobs = jobs.filter(isRender);
  const job = renderJobs.find(({ id }) => id === compared);
  const bringBack = async (job: JobView): Promise<void> => {
    if (job.kind === 'render') recall(desk.memory, job.request);
    else recallTraining(desk.memory, job.request, await desk.connection.training(job.id));
    const sources = job.kind === 'render' ? [job.request.source] : job.request.clips.map(({ source }) => source);
    // In an editor the user selects what is to be painted.
    if (desk.host.kind === 'files') desk.host.open(sources.map(({ path }) => path));
    show(job.kind === 'render' ? 'paint' : 'train');
  };
  return (
    <div className="panel">
      <div className="head">
        <div className="tabs">
          {TABS.map((name) => (
            <Pressable
              key={name}
              className={tab === name ? 'tab chosen' : 'tab'}
              pressed={tab === name}
              onPress={() => show(name)}
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
      {known && state.kind === 'problem' ? <ConnectionLine desk={desk} problem={state.problem} /> : null}
      {!known ? (
        <ConnectionView desk={desk} state={state} />
      ) : tab === 'paint' ? (
        <Paint {...{ desk, handover }} onPainted={() => show('queue')} onModels={() => show('models')} />
      ) : tab === 'train' ? (
        <Train {...{ desk, handover }} onStarted={() => show('queue')} onModels={() => show('models')} />
      ) : tab === 'models' ? (
        <ModelsView connection={desk.connection} host={desk.host} />
      ) : job ? (
        <Compare
          key={job.request.source.path}
          {...{ desk, job, renders }}
          jobs={renderJobs}
          onBack={() => show('queue')}
          onJob={(id) => show('queue', id)}
        />
      ) : (
        <Queue
          {...{ desk, jobs, renders }}
          onCompare={({ id }) => show('queue', id)}
          onSettings={(job) => void bringBack(job)}
          onUse={({ request }, lora) => {
            takeTrained(desk.memory, request, lora);
            show('paint');
          }}
        />
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
