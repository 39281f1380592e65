import { useEffect, useState } from 'react';
import type { FolderView } from '../../bridge-server/protocol/http.ts';
import type { Connection } from '../bridge/connection.ts';
import type { FilesHost } from '../host/host.ts';
import { words } from '../words.ts';
import { Pressable, QuietButton } from './widgets.tsx';

/** What lies in the folders that the bridge may read, to choose movies and folders of images from. */
export function FilesView(props: {
  readonly host: FilesHost;
  readonly connection: Connection;
  /** Paths of what is chosen already. */
  readonly chosen: readonly string[];
}) {
  const { host, connection, chosen } = props;
  const [path, setPath] = useState<string | null>(null);
  const [folder, setFolder] = useState<FolderView | null>(null);
  const [adding, setAdding] = useState(false);
  useEffect(() => {
    let gone = false;
    void connection.folder(path).then((found) => gone || setFolder(found));
    return () => {
      gone = true;
    };
  }, [connection, path]);
  const take = (one: string): void => {
    setAdding(false);
    host.open([...chosen.filter((other) => other !== one), one]);
  };
  if (chosen.length > 0 && !adding) {
    return (
      <div className="row wrap actions">
        <QuietButton onPress={() => host.open([])}>{words.shot.chooseOther}</QuietButton>
        <QuietButton onPress={() => setAdding(true)}>{words.shot.addOther}</QuietButton>
      </div>
    );
  }
  if (!folder) return null;
  return (
    <>
      <div className="card list">
        {folder.path === null ? null : (
          <Pressable className="entry dim" onPress={() => setPath(folder.parent)}>
            {words.files.up}
          </Pressable>
        )}
        {folder.images ? (
          <Pressable className="entry strong" onPress={() => folder.path !== null && take(folder.path)}>
            {words.files.useFolder}
          </Pressable>
        ) : null}
        {folder.entries.map((entry) => (
          <Pressable
            key={entry.path}
            className={entry.kind === 'movie' ? 'entry' : 'entry folder'}
            onPress={() => (entry.kind === 'movie' ? take(entry.path) : setPath(entry.path))}
          >
            {entry.kind === 'movie' ? entry.name : `${entry.name} ›`}
          </Pressable>
        ))}
        {folder.entries.length === 0 && !folder.images ? (
          <div className="entry dim">{folder.path === null ? words.files.noRoots : words.files.empty}</div>
        ) : null}
      </div>
      {adding ? <QuietButton onPress={() => setAdding(false)}>{words.paint.cancel}</QuietButton> : null}
    </>
  );
}
