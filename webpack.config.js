import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));

/** What both bundles share: TypeScript as it is, styles as text, pictures inside the code, one file and nothing loaded later. */
const common = {
  mode: 'production',
  context: root,
  // Source maps of the usual kinds are made with eval, which the editors forbid.
  devtool: false,
  resolve: { extensions: ['.tsx', '.ts', '.js'] },
  module: {
    rules: [
      {
        test: /\.tsx?$/,
        loader: 'ts-loader',
        options: {
          transpileOnly: true,
          configFile: join(root, 'plugin', 'tsconfig.json'),
          // `tsc -p plugin` checks; here the types only go.
          compilerOptions: {
            noEmit: false,
            allowImportingTsExtensions: false,
            module: 'esnext',
            moduleResolution: 'bundler',
          },
        },
      },
      { test: /\.css$/, type: 'asset/source' },
      { test: /\.jpg$/, type: 'asset/inline' },
    ],
  },
  performance: { hints: false },
};

/** @type {import('webpack').Configuration[]} */
export default [
  {
    ...common,
    name: 'editors',
    target: 'web',
    entry: './plugin/index.tsx',
    output: { path: join(root, 'dist', 'editors'), filename: 'index.js' },
    externals: { uxp: 'commonjs2 uxp', premierepro: 'commonjs2 premierepro', aftereffects: 'commonjs2 aftereffects' },
  },
  {
    ...common,
    name: 'browser',
    target: 'web',
    entry: './plugin/browser.tsx',
    output: { path: join(root, 'dist', 'browser'), filename: 'panel.js' },
  },
];
