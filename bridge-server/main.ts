import { runCommandLine } from './cli.ts';

// The launcher that started this process has gone, whatever killed it: the same as a terminal that was closed.
process.on('disconnect', () => {
  if (!process.emit('SIGHUP', 'SIGHUP')) process.exit(1);
});
process.channel?.unref();

process.exitCode = await runCommandLine(process.argv.slice(2));
