import { examine } from '../doctor.ts';
import { folders } from '../folders.ts';

/** Says of each thing that Pentimento needs whether it is there, and what to do if not. Exit code 1 if something is not. */
export async function doctor({ json }: { json: boolean }): Promise<void> {
  const findings = await examine(folders());
  const ok = findings.every((finding) => finding.ok);
  if (json) process.stdout.write(`${JSON.stringify({ ok, checks: findings })}\n`);
  else {
    const width = Math.max(...findings.map(({ name }) => name.length));
    for (const { name, ok, found, remedy } of findings) {
      process.stdout.write(`${ok ? 'ok    ' : 'not ok'}  ${name.padEnd(width)}  ${found}\n`);
      if (remedy !== null) process.stdout.write(`        ${''.padEnd(width)}  ${remedy}\n`);
    }
  }
  process.exitCode = ok ? 0 : 1;
}
