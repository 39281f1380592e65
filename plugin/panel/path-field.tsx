import type { Choose, Host } from '../host/host.ts';
import { words } from '../words.ts';
import { Button, TextField } from './widgets.tsx';

type Props = {
  readonly host: Host;
  readonly label: string;
  readonly placeholder: string;
  readonly value: string;
  readonly onChange: (path: string) => void;
};

/** The path of a folder, to type, or to choose where the platform has a dialog. */
export const FolderField = (props: Props) => <PathField {...props} ask={(choose) => choose.folder()} />;

/** The path of a file of one of these types (endings without the dot). */
export const FileField = ({ types, ...props }: Props & { readonly types: readonly string[] }) => (
  <PathField {...props} ask={(choose) => choose.file(types)} />
);

function PathField({
  host,
  ask,
  onChange,
  ...shown
}: Props & { readonly ask: (choose: Choose) => Promise<string | null> }) {
  const { choose } = host;
  const press = async (): Promise<void> => {
    const path = choose && (await ask(choose));
    if (path) onChange(path);
  };
  return (
    <div className="row end">
      <TextField {...shown} onChange={onChange} />
      {choose ? <Button onPress={() => void press()}>{words.shot.choose}</Button> : null}
    </div>
  );
}
