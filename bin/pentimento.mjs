#!/usr/bin/env node
// What `npx pentimento` runs.
import { run } from './run.mjs';

run('bridge-server/main.ts', process.argv.slice(2));
