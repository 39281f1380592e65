/** The fields of a plugin manifest, version 5, that differ between editors; the rest goes through as it is. */
export type Manifest = {
  readonly id: string;
  readonly version: string;
  readonly host: { readonly app: string; readonly minVersion: string };
  readonly entrypoints: readonly { readonly id: string; readonly icons: readonly Icon[] }[];
  readonly icons: readonly Icon[];
  readonly requiredPermissions: { readonly network: { readonly domains: readonly string[] } };
};
export type Icon = {
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly scale: readonly number[];
};

/** A package is for one editor: the repository's manifest is Premiere's, the other differs in its host alone. */
export const HOSTS = {
  premierepro: { app: 'premierepro', minVersion: '26.3.0' },
  aftereffects: { app: 'aftereffects', minVersion: '27.0' },
} as const;
export type HostApp = keyof typeof HOSTS;

export const manifestFor = (app: HostApp, manifest: Manifest): Manifest => ({ ...manifest, host: HOSTS[app] });

/** The files of the icons: for a scale of 2, `icons/dark.png` has `icons/dark@2x.png` beside it. */
export function iconFiles({ icons, entrypoints }: Manifest): { path: string; width: number; height: number }[] {
  return [...icons, ...entrypoints.flatMap((entry) => entry.icons)].flatMap(({ path, width, height, scale }) =>
    scale.map((factor) => ({
      path: factor === 1 ? path : path.replace(/(\.\w+)$/, `@${factor}x$1`),
      ...{ width: width * factor, height: height * factor },
    })),
  );
}
