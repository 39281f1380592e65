import type { Recording } from '../../onnx/model.ts';
import type { Provider, Tensors } from '../../onnx/session.ts';

/** What the bridge asks of its child process; answered in order, by `id`. */
export type Ask =
  | {
      readonly id: number;
      readonly act: 'open';
      readonly network: number;
      readonly recording: Recording;
      readonly providers: readonly Provider[];
      readonly threads: number | null;
    }
  | { readonly id: number; readonly act: 'run'; readonly network: number; readonly feeds: Tensors }
  | { readonly id: number; readonly act: 'release'; readonly network: number };

/** Where a network runs, and which providers before that would not take it, in their own words. */
export type Placement = {
  readonly provider: Provider;
  readonly passedOver: readonly { readonly provider: Provider; readonly reason: string }[];
};
