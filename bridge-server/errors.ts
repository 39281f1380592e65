/**
 * Every refusal and failure that a user can meet: a stable code, the facts, and the words. The words live here and nowhere
 * else: one sentence that says what is wrong, one that says what to do about it.
 */
type Words = { readonly sentence: string; readonly remedy: string };

const WORDS = {
  // media
  'media-missing': ({ path }: { path: string }) => ({
    sentence: `There is no file or folder at ${path}.`,
    remedy: 'Check the path, or relink the clip.',
  }),
  // bridge
  'host-refused': () => ({
    sentence: 'This request came to the bridge under a name that is not its own.',
    remedy: 'Call it as 127.0.0.1 or localhost, with its port.',
  }),
  'origin-refused': () => ({
    sentence: 'A web page may not talk to the bridge.',
    remedy: "Use the panel in the editor, or the bridge's own page.",
  }),
  'token-wrong': () => ({
    sentence: "The token is missing, or is not this install's.",
    remedy: 'Pair again: run `pentimento pair` and type the code into the panel.',
  }),
  'pairing-refused': () => ({
    sentence: 'This pairing code is wrong, used or too old.',
    remedy: 'Run `pentimento pair` for a new one.',
  }),
  'version-unsupported': ({ asked, spoken }: { asked: number; spoken: number }) => ({
    sentence: `The panel speaks version ${asked} of the protocol, the bridge version ${spoken}.`,
    remedy: asked > spoken ? 'Update the bridge.' : 'Update the panel.',
  }),
  'route-unknown': () => ({
    sentence: 'The bridge has nothing at this address.',
    remedy: 'Check that panel and bridge have the same version.',
  }),
  'method-refused': ({ allowed }: { allowed: string }) => ({
    sentence: `This address takes ${allowed} only.`,
    remedy: 'Check that panel and bridge have the same version.',
  }),
  'body-not-json': () => ({
    sentence: 'The bridge takes nothing but JSON.',
    remedy: 'Send it as application/json.',
  }),
  'body-too-large': ({ maximumBytes }: { maximumBytes: number }) => ({
    sentence: `The bridge takes at most ${maximumBytes} bytes at once.`,
    remedy: 'Send less.',
  }),
  'message-malformed': ({ problem }: { problem: string }) => ({
    sentence: `The bridge does not understand this message: ${problem}.`,
    remedy: 'Check that panel and bridge have the same version.',
  }),
  'too-many-messages': () => ({
    sentence: 'Too many messages at once.',
    remedy: 'Wait a second, then go on more slowly.',
  }),
  'path-outside-roots': ({ path }: { path: string }) => ({
    sentence: `${path} is not in a folder that you allowed.`,
    remedy: 'Allow its folder with `pentimento serve --allow FOLDER`.',
  }),
  'path-unusable': ({ path, reason }: { path: string; reason: string }) => ({
    sentence: `${path} cannot be used: ${reason}.`,
    remedy: 'Choose another path.',
  }),
  'roots-unreadable': ({ path }: { path: string }) => ({
    sentence: `The list of allowed folders in ${path} is damaged.`,
    remedy: 'Delete that file, then allow the folders again with `pentimento serve --allow FOLDER`.',
  }),
  'preview-missing': ({ frame }: { frame: number }) => ({
    sentence: `There is no finished key at frame ${frame} yet.`,
    remedy: 'Wait until the job has painted its keys.',
  }),
  'port-taken': ({ ports }: { ports: string }) => ({
    sentence: `Another program uses port ${ports}.`,
    remedy: 'End that program, then start the bridge again.',
  }),
  'port-unusable': ({ port }: { port: number }) => ({
    sentence: `The bridge cannot listen on port ${port}.`,
    remedy: 'Choose another with --port, or none.',
  }),
  'bridge-running': ({ port }: { port: number }) => ({
    sentence: `The bridge of this install already runs, on port ${port}.`,
    remedy: 'Use that one, or end it first.',
  }),
  'bridge-fault': () => ({
    sentence: 'Something went wrong inside the bridge.',
    remedy: 'Try again; what happened stands in the log of `pentimento serve`.',
  }),
  'bridge-absent': () => ({
    sentence: 'The bridge does not run.',
    remedy: 'Start it with `pentimento serve`.',
  }),
  // weights
  'weights-missing': ({ path }: { path: string }) => ({
    sentence: `There is no model file or folder that can be read at ${path}.`,
    remedy: 'Check the path, or add the model with `pentimento models add`.',
  }),
  'weights-pickle': ({ path }: { path: string }) => ({
    sentence: `${path} is a PyTorch pickle (.ckpt, .pt, .bin), a format that can run any program when it is opened.`,
    remedy: 'Get the model as .safetensors: almost every author offers it beside the pickle.',
  }),
  'weights-foreign': ({ path, format }: { path: string; format: string }) => ({
    sentence: `${path} is not a .safetensors file; it looks like ${format}.`,
    remedy: 'Download the .safetensors file of the model itself.',
  }),
  'weights-damaged': ({ path, reason }: { path: string; reason: string }) => ({
    sentence: `${path} is damaged: ${reason}.`,
    remedy: 'Download or copy the file again, and compare its checksum.',
  }),
  'weights-dtype': ({ path, tensor, dtype }: { path: string; tensor: string; dtype: string }) => ({
    sentence: `${path} stores ${tensor} as ${dtype}, which cannot be read.`,
    remedy: 'Use the fp32, fp16, bf16 or fp8 version of the model.',
  }),
  'weights-unknown': ({ path, tensors }: { path: string; tensors: number }) => ({
    sentence: `${path} is a sound .safetensors file, but its ${tensors} tensors are of no kind of model that is known here.`,
    remedy: 'Models for Stable Diffusion 1.5, 2.1 and SDXL work; check what the file was made for.',
  }),
  'weights-family': ({ path, family }: { path: string; family: string }) => ({
    sentence: `${path} is made for ${family}, which Pentimento does not run.`,
    remedy: 'Use a model of the family Stable Diffusion 1.5, 2.1 or SDXL.',
  }),
  'weights-part': ({ path, part }: { path: string; part: string }) => ({
    sentence: `${path} holds no ${part}.`,
    remedy: 'Use a complete checkpoint, or give the missing part as a file of its own.',
  }),
  'weights-tensor': ({ path, tensor }: { path: string; tensor: string }) => ({
    sentence: `${path} lacks the tensor ${tensor}, which this kind of network needs.`,
    remedy: 'The file is incomplete or of another architecture; run `pentimento inspect` on it, or get it again.',
  }),
  'weights-config': ({ path, reason }: { path: string; reason: string }) => ({
    sentence: `The model configuration ${path} cannot be used: ${reason}.`,
    remedy: 'Restore the config.json that came with the model.',
  }),
  // onnx
  'graph-shapes': ({ operator, reason }: { operator: string; reason: string }) => ({
    sentence: `The network cannot be built at ${operator}: ${reason}.`,
    remedy: 'The file is damaged or of another architecture; run `pentimento inspect` on it.',
  }),
  'graph-refused': ({ reason }: { reason: string }) => ({
    sentence: `The neural network runtime refused the network: ${reason}.`,
    remedy: 'Run `pentimento doctor`; if the model file changed on disk meanwhile, start again.',
  }),
  // everything else
  'arguments-unusable': ({ reason }: { reason: string }) => ({
    sentence: reason,
    remedy: 'Run `pentimento --help` to see what it takes.',
  }),
  cancelled: () => ({
    sentence: 'The job was cancelled.',
    remedy: 'Run the same command again, or `pentimento resume`, to go on from the last finished frame.',
  }),
} satisfies Record<string, (facts: never) => Words>;

export type ErrorCode = keyof typeof WORDS;
type Facts<C extends ErrorCode> = Parameters<(typeof WORDS)[C]>[0];

/** An expected failure. `message` is the sentence; `remedy` says what the user can do. */
export class Failure<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'Failure';
  readonly code: C;
  readonly facts: Facts<C>;
  readonly remedy: string;

  constructor(code: C, facts: Facts<C>, cause?: unknown) {
    const words = (WORDS[code] as (facts: Facts<C>) => Words)(facts);
    super(words.sentence, cause === undefined ? undefined : { cause });
    this.code = code;
    this.facts = facts;
    this.remedy = words.remedy;
  }
}
