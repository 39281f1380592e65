import type { FailureView } from '../../bridge-server/protocol/job.ts';

/** Why the panel and the bridge are not talking: a closed list, each worded in words.ts with what to do. */
export type ConnectionProblem =
  /** Nobody answers. `taken`: ports on which some other program does. */
  | { readonly kind: 'not-running'; readonly taken: readonly number[] }
  /** Every port that a bridge may use belongs to other programs. */
  | { readonly kind: 'ports-taken'; readonly taken: readonly number[] }
  /** A bridge, but no token, or not its token: a code is asked for. */
  | { readonly kind: 'not-paired' }
  /** The code was wrong, or too old. */
  | { readonly kind: 'pairing-refused' }
  | { readonly kind: 'wrong-version'; readonly bridge: string | null }
  /** The editor does not let the panel reach the network. */
  | { readonly kind: 'permission-missing' }
  /** The bridge takes the editor for a web page. */
  | { readonly kind: 'editor-refused' }
  | { readonly kind: 'too-many-connections' }
  /** It was there a moment ago. */
  | { readonly kind: 'lost' };

/** The bridge's own refusal of one question; it brings its words along. */
export class Refused extends Error {
  readonly code: string;
  readonly remedy: string;

  constructor({ code, message, remedy }: FailureView) {
    super(message);
    this.code = code;
    this.remedy = remedy;
  }
}

/** A question that got no answer because there is no connection. */
export class Disconnected extends Error {
  readonly problem: ConnectionProblem;

  constructor(problem: ConnectionProblem) {
    super(problem.kind);
    this.problem = problem;
  }
}
