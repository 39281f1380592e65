import { spawnSync } from 'node:child_process';
import { mkdir, rmdir } from 'node:fs/promises';
import { onTestFinished } from 'vitest';
import { newFolder } from '../jobs/folder.ts';

const mount = (...args: string[]): boolean => spawnSync('mount', args, { stdio: 'ignore' }).status === 0;
const unmount = (path: string): void => void spawnSync('umount', ['-l', path], { stdio: 'ignore' });

export type SmallDisk = {
  readonly path: string;
  resize(kilobytes: number): void;
  readOnly(yes: boolean): void;
};

/** A disk of its own that is really as small as it says, in memory. Only root on Linux can make one. */
export async function smallDisk(kilobytes: number): Promise<SmallDisk> {
  const path = `${await newFolder()} disk`;
  await mkdir(path);
  if (!mount('-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', path)) throw new Error('no disk could be mounted');
  onTestFinished(async () => {
    unmount(path);
    await rmdir(path);
  });
  return {
    path,
    resize: (size) => void mount('-o', `remount,size=${size}k`, path),
    readOnly: (yes) => void mount('-o', `remount,${yes ? 'ro' : 'rw'}`, path),
  };
}

/** Why there can be no small disks here; null where there can. */
export function noSmallDisks(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root on Linux can mount one';
  const probe = spawnSync('sh', ['-c', 'd=$(mktemp -d) && mount -t tmpfs tmpfs "$d" && umount "$d" && rmdir "$d"']);
  return probe.status === 0 ? null : 'this machine lets nobody mount anything';
}
