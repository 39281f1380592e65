import { words } from '../words.ts';

/** Why an editor, or what is selected in it, cannot serve: a closed list, worded in words.ts like everything that is shown. */
export type HostProblemCode = keyof typeof words.host;

export class HostProblem extends Error {
  readonly code: HostProblemCode;
  readonly remedy: string;

  constructor(code: HostProblemCode) {
    super(words.host[code].sentence);
    this.code = code;
    this.remedy = words.host[code].remedy;
  }
}
