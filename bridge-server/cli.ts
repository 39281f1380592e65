import { Command, CommanderError, Help, InvalidArgumentError, Option } from 'commander';
import { sayFailure } from './commands/say.ts';
import { CONTROL_KINDS, type ControlKind, controlKindOf } from './control/kinds.ts';
import { type Consistency, NO_CONSISTENCY } from './diffusion/consistency/settings.ts';
import { Failure, asFailure } from './errors.ts';
import { EXIT, exitCodeOf } from './exit.ts';
import { parseRational, type Rational } from './media/rational.ts';
import type { ControlOptions } from './commands/control.ts';
import type { TrainOptions } from './commands/train.ts';
import type { MeasureOptions } from './commands/measure.ts';
import type { ControlOption, DetailOption, LoraOption, PromptOption, RegionOption } from './commands/look.ts';
import type { KeyOption, RenderOptions, SeedOption } from './commands/render.ts';
import type { ServeOptions } from './commands/serve.ts';
import { SCHEDULERS } from './diffusion/schedulers/kinds.ts';
import { VERSION } from './version.ts';

/** The whole command line. What each command does is in commands/, loaded when it is asked for. */
function commandLine(): Command {
  const program = new Command('pentimento')
    .description('Repaints shots: key frames, propagated along the motion, frame-exact.')
    .version(VERSION)
    .showSuggestionAfterError(false);

  program
    .command('render')
    .description('repaint a clip or a part of it')
    .argument('<input>', 'a movie, or a folder of numbered images')
    .requiredOption(
      '-o, --out <path>',
      'folder/ of 16-bit PNGs, or .mov (ProRes 4444), .mp4 (H.264); {version} in it becomes v001, v002, …',
    )
    .option('--from <frame>', 'first source frame', frame)
    .option('--to <frame>', 'source frame to stop before', frame)
    .option('--rate <n/d>', 'frames a second to conform to, such as 25 or 24000/1001', rate)
    .addOption(
      new Option('--alpha <kind>', "how the source's alpha is stored")
        .choices(['straight', 'premultiplied'])
        .default('straight'),
    )
    .optionsGroup('Keys and looks:')
    .addOption(
      new Option('--keys <folder>', 'your own key images, named by source frame').conflicts([
        'every',
        'keyBudget',
        'everyFrame',
        'key',
      ]),
    )
    .addOption(
      new Option('--key <frame[=image]>', 'this frame is a key, painted, or your own image; may be repeated')
        .argParser(keyAt)
        .conflicts(['every', 'keyBudget', 'everyFrame']),
    )
    .addOption(
      new Option('--reseed <frame=seed>', 'this key is painted with that seed; may be repeated')
        .argParser(seedAt)
        .conflicts(['keys', 'every', 'keyBudget', 'everyFrame']),
    )
    .addOption(
      new Option('--every <n>', 'a key every n frames').argParser(count).conflicts(['keyBudget', 'everyFrame']),
    )
    .addOption(
      new Option('--key-budget <n>', 'at most n keys, chosen by content').argParser(count).conflicts(['everyFrame']),
    )
    .addOption(new Option('--every-frame', 'every frame is a key'))
    .addOption(
      new Option(
        '--look <name>',
        'how keys are repainted (default: oil; with --keys yours are taken as they are)',
      ).choices(['none', 'ink', 'oil', 'poster']),
    )
    .optionsGroup('Painting by Stable Diffusion:')
    .option(
      '--model <file>',
      'paint keys by Stable Diffusion: a .safetensors file, a model folder, or a name in the store',
    )
    .option('--prompt <text>', 'what to paint')
    .option('--negative <text>', 'what to keep out of the picture')
    .option('--strength <s>', 'how much is repainted, above 0 to 1 (default: 0.5)', share)
    .option('--steps <n>', 'of the sampling (default: 20, fewer for distilled models)', count)
    .option('--guidance <g>', 'how closely to follow the prompt (default: 7.5; 1 for distilled models)', factor)
    .addOption(
      new Option('--scheduler <name>', "default: the model's own, else dpmpp_2m with Karras' sigmas").choices(
        SCHEDULERS,
      ),
    )
    .option('--seed <n>', 'another number, another picture (default: 0)', seed)
    .addOption(
      new Option(
        '--noise <kind>',
        'the same for the whole shot (default), carried along its motion, or for each key its own',
      ).choices(['still', 'carried', 'own']),
    )
    .option('--vae <file>', "instead of the model's own")
    .option(
      '--embedding <file>',
      'a textual inversion, named in the prompt like its file; may be repeated',
      collect,
      [],
    )
    .option('--clip-skip <n>', 'layers of the text encoder from its end (default: 1)', count)
    .option('--size <w>x<h>', 'pixels to work at (default: as many as the model was trained on)', pixels)
    .option('--second-pass <scale[:strength]>', 'paint once more, larger, such as 1.5:0.4', secondPass)
    .option('--lora <file[:scale]>', 'a LoRA, by its file or its name in the store; may be repeated', loras, [])
    .option(
      '--control <kind[=maps][:weight[@from-to]][:file]>',
      'a ControlNet, shown maps of that kind or those in the folder MAPS; may be repeated',
      controls,
      [],
    )
    .option('--motion <file>', 'motion modules (AnimateDiff), which move consecutive frames together')
    .option('--guess', 'let the ControlNets lead rather than the prompt')
    .option(
      '--consistency <ways>',
      'off, or what keeps keys alike: attention=own|anchored|joint, window=N, start=S, shape=S, tone=S, colour=on|off',
      consistency,
    )
    .option('--preview <file>', 'keep a small JPEG of what is being painted, and of the whole shot in small')
    .option('--prompt-at <frame=prompt>', 'another prompt from that frame on; may be repeated', promptsAt, [])
    .option('--fade-prompts', 'from each --prompt-at to the next, fade instead of cutting')
    .option(
      '--region <masks=prompt>',
      'another prompt where the masks in that folder are white; may be repeated',
      regions,
      [],
    )
    .option('--region-grow <pixels>', 'move the edges of their masks out, or in below 0', growth)
    .option(
      '--region-feather <pixels>',
      'soften the edges of their masks over so many pixels on both sides',
      featherReach,
    )
    .option(
      '--detail <frame=x,y,wxh>',
      'a face, or another detail, to be painted larger; it is followed from that box (or several, joined by +); may be repeated',
      details,
      [],
    )
    .option('--detail-prompt <text>', 'what the details show (default: what the picture shows)')
    .option('--detail-strength <s>', 'how much of the details is repainted (default: 0.4)', share)
    .optionsGroup('Masks:')
    .option('--mask <folder>', 'masks named by source frame: white is repainted, black stays the source')
    .option('--mask-alpha', "the masks are their images' alpha; without --mask, the source's own alpha is the mask")
    .option('--grow <pixels>', 'move the edges of masks out, or in below 0', growth)
    .option('--feather <pixels>', 'soften the edges of masks over so many pixels on both sides', featherReach)
    .optionsGroup('How it runs:')
    .addOption(
      new Option('--profile <name>', 'how much time and memory to spend')
        .choices(['fast', 'small', 'quality'])
        .default('quality'),
    )
    .option('--workers <n>', 'threads that compute (changes nothing but the time)', count)
    .option('--json', 'progress as JSON lines on stderr, the result as JSON on stdout', false)
    .action(async (input: string, options: RenderOptions) =>
      (await import('./commands/render.ts')).render(input, options),
    );

  program
    .command('control')
    .description('write what a ControlNet is shown of a clip as images named by source frame')
    .argument('<kind>', CONTROL_KINDS.join(', '), controlKind)
    .argument('<input>', 'a movie, or a folder of numbered images')
    .requiredOption('-o, --out <folder>', 'folder of PNGs')
    .option('--from <frame>', 'first source frame', frame)
    .option('--to <frame>', 'source frame to stop before', frame)
    .option('--rate <n/d>', 'frames a second to conform to, such as 25 or 24000/1001', rate)
    .addOption(
      new Option('--alpha <kind>', "how the source's alpha is stored")
        .choices(['straight', 'premultiplied'])
        .default('straight'),
    )
    .option(
      '--annotator <file>',
      'the network that draws the map: an .onnx file with its description (.json) beside it',
    )
    .option(
      '--size <w>x<h>',
      "as many pixels, in the clip's shape, as render works at (default: the clip's own)",
      pixels,
    )
    .option('--low <n>', 'canny: an edge goes on above this (default: 100)', threshold)
    .option('--high <n>', 'canny: an edge begins above this (default: 200)', threshold)
    .addOption(new Option('--gradient <norm>', 'canny: how the gradient is measured').choices(['l1', 'l2']))
    .option('--coarseness <pixels>', 'tile, blur, colour: nothing finer than this is shown', coarseness)
    .option('--no-steady', 'each map from its frame alone, not smoothed along the motion')
    .option('--workers <n>', 'threads that compute', count)
    .option('--json', 'progress as JSON lines on stderr, the result as JSON on stdout', false)
    .action(async (kind: ControlKind, input: string, options: ControlOptions) =>
      (await import('./commands/control.ts')).control(kind, input, options),
    );

  program
    .command('train')
    .description('train a LoRA of the subject of a clip')
    .argument('<input>', 'a movie, or a folder of numbered images')
    .requiredOption('--model <file>', 'the base model: a file, a model folder, or a name in the store')
    .requiredOption('-o, --out <file>', 'the LoRA, a .safetensors file; NAME.training beside it shows how it goes')
    .requiredOption('--trigger <word>', 'the word that will call up the subject, best one that means nothing else')
    .option('--caption <text>', 'what the pictures show; {trigger} stands for the word', 'a photo of {trigger}')
    .option('--from <frame>', 'first source frame', frame)
    .option('--to <frame>', 'source frame to stop before', frame)
    .option('--frames <n>', 'train on at most so many of its frames', count, 20)
    .option('--subject <frame=x,y,wxh>', 'where the subject is (or several, joined by +); it is followed', details, [])
    .option('--size <w>x<h>', 'pixels of a training picture (default: as many as the model was trained on)', pixels)
    .option('--prior <folder>', 'numbered images of others of its class, which the model is to go on painting')
    .option('--prior-caption <text>', 'what those show, such as "a photo of a person"')
    .optionsGroup('Learning:')
    .option('--rank <n>', 'how much it can hold', count, 8)
    .option('--alpha <a>', 'its strength is alpha / rank (default: the rank)', amount)
    .addOption(
      new Option('--layers <which>', 'what of the U-Net is changed')
        .choices(['attention', 'transformer', 'all'])
        .default('attention'),
    )
    .option('--steps <n>', 'how long', count, 1000)
    .option('--accumulate <n>', 'examples a step', count, 1)
    .option('--rate <r>', 'learning rate', amount, 1e-4)
    .addOption(
      new Option('--schedule <name>', 'of the rate').choices(['constant', 'linear', 'cosine']).default('cosine'),
    )
    .option('--warmup <n>', 'steps over which the rate rises (default: a twentieth)', frame)
    .option('--decay <d>', 'weight decay', amount, 0.01)
    .option('--clip <g>', 'longest gradient; 0: any', amount, 1)
    .option('--snr-gamma <g>', 'of min-SNR weighting; 0: none', amount, 5)
    .option('--rank-dropout <p>', 'ranks that are left out by chance', part, 0)
    .option('--caption-dropout <p>', 'examples without caption, by chance', part, 0.05)
    .option('--prior-weight <w>', 'how much an example of the class counts', amount, 1)
    .option('--seed <n>', 'another number, another LoRA', seed, 0)
    .option('--sample-every <n>', 'every n steps, paint what it can do so far, and keep the LoRA as it is', count)
    .option('--sample <prompt>', 'what to paint then (default: the caption)')
    .option('--workers <n>', 'threads that look at the clip', count)
    .option('--json', 'progress as JSON lines on stderr, the result as JSON on stdout', false)
    .action(async (input: string, options: TrainOptions) =>
      (await import('./commands/train.ts')).trainCommand(input, options),
    );

  program
    .command('measure')
    .description('how close a result is to the truth, and how steady along the motion of its source')
    .requiredOption('--source <path>', 'the movie or folder of images that was repainted')
    .requiredOption('--result <path>', 'what came of it; images are named by source frame')
    .option('--truth <path>', 'what should have come of it, if that is known')
    .option('--from <frame>', 'first source frame that a result movie shows', frame)
    .option('--to <frame>', 'source frame before which a result movie ends', frame)
    .option('--graph <file>', 'write the stability graph to this PNG')
    .option('--workers <n>', 'threads that compute', count)
    .option('--json', 'as JSON, with progress as JSON lines on stderr', false)
    .action(async (options: MeasureOptions) => (await import('./commands/measure.ts')).measureCommand(options));

  program
    .command('jobs')
    .description('list the jobs of this install, newest first')
    .option('--limit <n>', 'how many', count, 20)
    .option('--json', 'as JSON', false)
    .action(async (options: { limit: number; json: boolean }) => (await import('./commands/jobs.ts')).jobs(options));

  program
    .command('resume')
    .description('go on with a job that was paused, interrupted or cancelled, or that failed')
    .argument('<job>')
    .option('--workers <n>', 'threads that compute', count)
    .option('--json', 'progress as JSON lines on stderr, the result as JSON on stdout', false)
    .action(async (job: string, options: { workers?: number; json: boolean }) =>
      (await import('./commands/resume.ts')).resume(job, options),
    );

  program
    .command('pause')
    .description('stop a job, wherever it runs, until `resume` goes on with it')
    .argument('<job>')
    .action(async (job: string) => (await import('./commands/stop.ts')).pause(job));

  program
    .command('cancel')
    .description('stop a job, wherever it runs; what it made is kept')
    .argument('<job>')
    .action(async (job: string) => (await import('./commands/stop.ts')).cancel(job));

  program
    .command('settings')
    .description('show the settings, or change one; without a value it goes back to its default')
    .argument('[name]')
    .argument('[value]')
    .action(async (name?: string, value?: string) => (await import('./commands/settings.ts')).settings(name, value));

  program
    .command('inspect')
    .description('say what model files are, and what they work with')
    .argument('<file...>', 'a .safetensors file, or a folder as diffusers lays them out')
    .option('--json', 'one JSON object a file', false)
    .action(async (files: string[], options: { json: boolean }) =>
      (await import('./commands/inspect.ts')).inspect(files, options),
    );

  const models = program.command('models').description('the model store');
  models
    .command('list')
    .description('list the models in the store and in the folders that you added')
    .option('--catalogue', 'list well-known models that can be added by name instead', false)
    .option('--json', 'as JSON', false)
    .action(async (options: { catalogue: boolean; json: boolean }) =>
      (await import('./commands/models.ts')).listModels(options),
    );
  models
    .command('add')
    .description('register a file or a folder where it is, or download a model')
    .argument(
      '<source>',
      'a .safetensors file, a folder, an https address, owner/repository[/file], or a catalogue name',
    )
    .option('--sha256 <hex>', 'refuse the file if it has another checksum', sha256)
    .option('--json', 'progress as JSON lines on stderr, the result as JSON on stdout', false)
    .action(async (source: string, options: { sha256?: string; json: boolean }) =>
      (await import('./commands/models.ts')).addModel(source, options),
    );
  models
    .command('verify')
    .description('compare models with their recorded checksums; without names, all of them')
    .argument('[model...]')
    .option('--json', 'as JSON', false)
    .action(async (names: string[], options: { json: boolean }) =>
      (await import('./commands/models.ts')).verifyModels(names, options),
    );
  models
    .command('remove')
    .description('delete a downloaded model, or forget a registered file or folder')
    .argument('<model>')
    .option('--json', 'as JSON', false)
    .action(async (name: string, options: { json: boolean }) =>
      (await import('./commands/models.ts')).removeModel(name, options),
    );

  program
    .command('parity')
    .description('compare the networks, schedulers and pipelines with reference data')
    .argument('<folder>', 'a folder of folders of reference data')
    .option('--json', 'one JSON object', false)
    .action(async (folder: string, options: { json: boolean }) =>
      (await import('./commands/parity.ts')).parity(folder, options),
    );

  program
    .command('serve')
    .description('run the bridge for the panels')
    .option('--port <n>', 'instead of the first free one of its own', port, null)
    .option('--allow <folder>', 'let panels use this folder from now on; may be repeated', collect, [])
    .option('--open', 'show the panel in a browser, for work without an editor', false)
    .action(async (options: ServeOptions) => (await import('./commands/serve.ts')).serve(options));

  program
    .command('pair')
    .description('show a code that lets a panel in')
    .option('--json', 'as JSON', false)
    .action(async (options: { json: boolean }) => (await import('./commands/pair.ts')).pair(options));

  program
    .command('register')
    .description('let panels start the bridge')
    .option('--remove', 'take that back', false)
    .action(async (options: { remove: boolean }) => (await import('./commands/register.ts')).register(options));

  program
    .command('doctor')
    .description('check what Pentimento needs')
    .option('--json', 'as JSON', false)
    .action(async (options: { json: boolean }) => (await import('./commands/doctor.ts')).doctor(options));

  return program;
}

/** Runs one command. Resolves with the exit code; what went wrong has been said on stderr. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  try {
    const program = commandLine();
    for (const command of [program, ...program.commands.flatMap((each) => [each, ...each.commands])]) {
      command
        .exitOverride()
        .configureOutput({ outputError: () => undefined })
        .configureHelp({ optionDescription });
    }
    await program.parseAsync(args, { from: 'user' });
    return process.exitCode === undefined ? EXIT.done : Number(process.exitCode);
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help that was asked for, or that stands for the command that is missing, has already been shown.
      if (error.exitCode === 0) return EXIT.done;
      if (error.code === 'commander.help') return EXIT.unusable;
    }
    const failure = error instanceof CommanderError ? misread(error) : asFailure(error);
    if (failure.code === 'internal') process.stderr.write(`${(error as Error).stack ?? String(error)}\n`);
    sayFailure(failure, args.includes('--json'));
    return exitCodeOf(failure.code);
  }
}

/** Without the default of an option that may be repeated, which is nothing. */
function optionDescription(option: Option): string {
  return new Help().optionDescription(option).replace(/ \(default: \[\]\)$/, '');
}

/** commander says "error: option … ."; ours are sentences. */
function misread({ message }: CommanderError): Failure {
  const text = message.replace(/^error: /, '').replace(/\.$/, '');
  return new Failure('arguments-unusable', { reason: `${text.charAt(0).toUpperCase()}${text.slice(1)}.` });
}

function count(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return Number(text);
}

function frame(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a frame number, counted from 0.');
  return Number(text);
}

function seed(text: string): number {
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw new InvalidArgumentError('It must be a whole number from 0 on.');
  }
  return Number(text);
}

function loras(text: string, before: readonly LoraOption[]): readonly LoraOption[] {
  const [, name = '', first = '1', second = first] = /^(.+?)(?::(-?\d*\.?\d+))?(?::(-?\d*\.?\d+))?$/.exec(text) ?? [];
  if (name === '')
    throw new InvalidArgumentError('Write it as FILE, or FILE:0.8, or FILE:0.8:0.5 (U-Net, text encoders).');
  return [...before, { name, scale: Number(first), textScale: Number(second) }];
}

const CONTROL =
  /^([\w-]+)(?:=((?:[a-z]:[\\/])?[^:]+))?(?::(\d*\.?\d+)(?:@(\d*\.?\d+)-(\d*\.?\d+))?)?(?::((?:[a-z]:[\\/])?[^:]+))?$/i;

function controls(text: string, before: readonly ControlOption[]): readonly ControlOption[] {
  const [, word = '', folder = null, weight = '1', start = '0', end = '1', net = null] = CONTROL.exec(text) ?? [];
  const kind = controlKindOf(word);
  if (!kind) throw new InvalidArgumentError(`It begins with a kind of map: ${CONTROL_KINDS.join(', ')}.`);
  const control = { kind, folder, net, weight: Number(weight), start: Number(start), end: Number(end) };
  if (control.weight > 10) throw new InvalidArgumentError('The weight is a number from 0 to 10.');
  if (control.start >= control.end || control.end > 1) {
    throw new InvalidArgumentError(
      'The part of the sampling is written like 0-0.6: from 0 to 1, its start before its end.',
    );
  }
  return [...before, control];
}

function promptsAt(text: string, before: readonly PromptOption[]): readonly PromptOption[] {
  const [, number = '', prompt = ''] = /^(\d{1,9})=(.*)$/s.exec(text) ?? [];
  if (number === '') throw new InvalidArgumentError('Write it as FRAME=PROMPT, such as 24=a winter landscape.');
  return [...before, { frame: Number(number), prompt }];
}

function regions(text: string, before: readonly RegionOption[]): readonly RegionOption[] {
  const [, folder = '', prompt = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (folder === '') throw new InvalidArgumentError('Write it as FOLDER=PROMPT, such as masks/sky=a stormy sky.');
  return [...before, { folder, prompt }];
}

function keyAt(text: string, before: readonly KeyOption[] = []): readonly KeyOption[] {
  const [, at = '', image = null] = /^(\d{1,9})(?:=(.+))?$/s.exec(text) ?? [];
  if (at === '') throw new InvalidArgumentError('Write it as FRAME, or FRAME=IMAGE such as 12=paint/0012.png.');
  return [...before, { frame: Number(at), image }];
}

function seedAt(text: string, before: readonly SeedOption[] = []): readonly SeedOption[] {
  const [, at = '', number = ''] = /^(\d{1,9})=(.+)$/s.exec(text) ?? [];
  if (at === '') throw new InvalidArgumentError('Write it as FRAME=SEED, such as 12=7.');
  return [...before, { frame: Number(at), seed: seed(number) }];
}

function details(text: string, before: readonly DetailOption[]): readonly DetailOption[] {
  const boxes = text.split('+').map((one) => {
    const found = /^(\d{1,9})=(\d{1,5}),(\d{1,5}),(\d{1,5})x(\d{1,5})$/.exec(one);
    if (!found) {
      throw new InvalidArgumentError('Write it as FRAME=LEFT,TOP,WIDTHxHEIGHT in pixels, such as 12=640,180,96x120.');
    }
    const [at = 0, x = 0, y = 0, width = 0, height = 0] = found.slice(1).map(Number);
    return { frame: at, x, y, width, height };
  });
  return [...before, boxes];
}

function growth(text: string): number {
  if (!/^-?\d{1,3}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of pixels.');
  return Number(text);
}

function featherReach(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of pixels, from 0 on.');
  return Number(text);
}

function consistency(text: string): Consistency {
  if (text === 'off') return NO_CONSISTENCY;
  const ways = text.split(',').map((way) => way.split('='));
  const asked: Record<string, unknown> = {};
  for (const [name = '', value = '', ...rest] of ways) {
    const usual = Object.hasOwn(NO_CONSISTENCY, name) ? NO_CONSISTENCY[name as keyof Consistency] : null;
    if (usual === null || value === '' || rest.length > 0) {
      throw new InvalidArgumentError('Write it like attention=anchored,tone=0.2,colour=on; or off.');
    }
    asked[name] = typeof usual === 'number' ? decimal(value) : typeof usual === 'boolean' ? value === 'on' : value;
  }
  return { ...NO_CONSISTENCY, ...asked };
}

function decimal(text: string): number {
  return /^\d{1,6}(\.\d{1,9})?$|^\.\d{1,9}$/.test(text) ? Number(text) : NaN;
}

function share(text: string): number {
  const value = decimal(text);
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError('It must be a number above 0, at most 1.');
  return value;
}

function factor(text: string): number {
  const value = decimal(text);
  if (!(value <= 50)) throw new InvalidArgumentError('It must be a number from 0 to 50.');
  return value;
}

function amount(text: string): number {
  if (!/^(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i.test(text) || !Number.isFinite(Number(text))) {
    throw new InvalidArgumentError('It must be a number from 0 on, such as 0.0001 or 1e-4.');
  }
  return Number(text);
}

function part(text: string): number {
  const value = amount(text);
  if (value > 1) throw new InvalidArgumentError('It must be a number from 0 to 1.');
  return value;
}

function pixels(text: string): number {
  const [, width, height] = /^(\d{2,4})x(\d{2,4})$/.exec(text) ?? [];
  const area = Number(width) * Number(height);
  if (!(area >= 64 * 64 && area <= 4096 * 4096)) {
    throw new InvalidArgumentError('Write it as width times height, such as 768x512; from 64x64 to 4096x4096.');
  }
  return area;
}

function secondPass(text: string): { scale: number; strength: number } {
  const [scale = '', strength = '0.4', ...rest] = text.split(':');
  const value = { scale: decimal(scale), strength: decimal(strength) };
  if (rest.length > 0 || !(value.scale > 1 && value.scale <= 4 && value.strength > 0 && value.strength <= 1)) {
    throw new InvalidArgumentError('Write it as a scale above 1 to 4, and a strength above 0 to 1: 1.5:0.4.');
  }
  return value;
}

function controlKind(text: string): ControlKind {
  const kind = controlKindOf(text);
  if (kind === null) throw new InvalidArgumentError(`There are: ${CONTROL_KINDS.join(', ')}.`);
  return kind;
}

function threshold(text: string): number {
  const value = decimal(text);
  if (Number.isNaN(value)) throw new InvalidArgumentError('It must be a number from 0 on.');
  return value;
}

function coarseness(text: string): number {
  const value = decimal(text);
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number of pixels above 0.');
  return value;
}

function port(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) throw new InvalidArgumentError('It must be from 0 to 65535.');
  return Number(text);
}

function rate(text: string): Rational {
  const value = parseRational(text);
  if (!value || value.num === 0)
    throw new InvalidArgumentError('Write it as a fraction: 25, or 24000/1001 for 23.976.');
  return value;
}

function sha256(text: string): string {
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new InvalidArgumentError('It must be 64 hexadecimal digits.');
  return text.toLowerCase();
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];
