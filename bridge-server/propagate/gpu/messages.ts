/**
 * What the process of the graphics card is told and asked; done in order, answered by `id`. What is written goes through the pipe
 * beside the messages, in the same order; what is read in the order of the answers, which is that in which it is ready.
 */
export type Ask =
  | {
      readonly id: number;
      readonly act: 'open';
      /** Also take an adapter that only pretends, on the processor: for tests. */
      readonly software: boolean;
    }
  | { readonly act: 'grow'; readonly bytes: number }
  | { readonly act: 'run'; readonly kernel: string; readonly args: readonly number[] }
  | { readonly act: 'write'; readonly pointer: number; readonly bytes: number }
  | {
      /** The answer is how many bytes come. */
      readonly id: number;
      readonly act: 'read';
      readonly pointer: number;
      readonly bytes: number;
      /** What comes is packed (zstd.ts). */
      readonly packed: boolean;
    };

/** The adapter that was opened. */
export type Card = {
  /** For people. */
  readonly name: string;
  /** Names whatever of the card and its driver may decide how numbers round. */
  readonly identity: string;
  /** Bytes that its memory may grow to. */
  readonly limit: number;
};
