import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Before anything else is loaded: compiled code is kept beside the kernels, which halves the time until a command begins.
enableCompileCache(fileURLToPath(new URL('../build/compiled', import.meta.url)));
const { runCommandLine } = await import('./cli.ts');

// The launcher that started this process has gone, whatever killed it: the same as a terminal that was closed.
process.on('disconnect', () => {
  if (!process.emit('SIGHUP', 'SIGHUP')) process.exit(1);
});
process.channel?.unref();

process.exitCode = await runCommandLine(process.argv.slice(2));
