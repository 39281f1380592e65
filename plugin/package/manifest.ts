import { z } from 'zod';

/** The manifest of a panel, version 5, as the editors read it; stricter where they forgive and then do nothing. */
const size = z.strictObject({ width: z.int().positive(), height: z.int().positive() });

const iconSchema = z.strictObject({
  path: z.string().regex(/^icons\/[\w-]+\.png$/),
  width: z.int().positive(),
  height: z.int().positive(),
  scale: z.array(z.union([z.literal(1), z.literal(2)])).min(1),
  theme: z.array(z.enum(['lightest', 'light', 'medium', 'dark', 'darkest', 'all'])).min(1),
  species: z.array(z.enum(['pluginList', 'generic', 'toolbar'])).optional(),
});

const panelSchema = z.strictObject({
  type: z.literal('panel'),
  id: z.string().regex(/^\w+$/),
  label: z.strictObject({ default: z.string().min(1) }),
  minimumSize: size,
  maximumSize: size,
  preferredDockedSize: size,
  preferredFloatingSize: size,
  icons: z.array(iconSchema).min(1),
});

export const manifestSchema = z.strictObject({
  manifestVersion: z.literal(5),
  id: z.string().regex(/^[a-z]+(\.[a-z]+)+$/),
  name: z.string().min(1),
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  main: z.literal('index.html'),
  /** One editor: installers refuse a list. */
  host: z.strictObject({
    app: z.enum(['premierepro', 'aftereffects']),
    minVersion: z.string().regex(/^\d+(\.\d+){1,2}$/),
  }),
  entrypoints: z.array(panelSchema).min(1),
  icons: z.array(iconSchema).min(1),
  requiredPermissions: z.strictObject({
    // “all” within a list silently denies everything, and no address has a wildcard.
    network: z.strictObject({ domains: z.array(z.string().regex(/^(http|ws):\/\/127\.0\.0\.1:\d+$/)).min(1) }),
    localFileSystem: z.literal('request'),
    launchProcess: z.strictObject({ schemes: z.array(z.string().regex(/^[a-z]+$/)), extensions: z.tuple([]) }),
  }),
});

export type Manifest = z.infer<typeof manifestSchema>;

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
