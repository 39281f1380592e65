import type { Host } from '../host/host.ts';
import { words } from '../words.ts';
import { Button, TextField } from './widgets.tsx';

/** The path of a folder, to type, or to choose where the platform has a dialog. */
export function FolderField(props: {
  readonly host: Host;
  readonly label: string;
  readonly placeholder: string;
  readonly value: string;
  readonly onChange: (path: string) => void;
}) {
  const { host, label, placeholder, value, onChange } = props;
  const choose = async (): Promise<void> => {
    const path = await host.choose?.folder();
    if (path) onChange(path);
  };
  return (
    <div className="row end">
      <TextField label={label} placeholder={placeholder} value={value} onChange={onChange} />
      {host.choose ? <Button onPress={() => void choose()}>{words.shot.choose}</Button> : null}
    </div>
  );
}
