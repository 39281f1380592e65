import { Command, CommanderError, Help, Option } from 'commander';
import {
  amount,
  coarseness,
  collect,
  consistency,
  controlKind,
  controls,
  count,
  details,
  factor,
  featherReach,
  frame,
  growth,
  keyAt,
  loras,
  part,
  pixels,
  port,
  promptsAt,
  rate,
  regions,
  secondPass,
  seed,
  seedAt,
  sha256,
  share,
  subjectMasks,
  subjects,
  threshold,
} from './commands/arguments.ts';
import { sayFailure } from './commands/say.ts';
import { CONTROL_KINDS, type ControlKind } from './control/kinds.ts';
import { Failure, asFailure } from './errors.ts';
import { EXIT, exitCodeOf } from './exit.ts';
import type { ControlOptions } from './commands/control.ts';
import type { TrainOptions } from './commands/train.ts';
import type { MeasureOptions } from './commands/measure.ts';
import type { RenderOptions } from './commands/render.ts';
import type { ServeOptions } from './commands/serve.ts';
import { SCHEDULERS } from './diffusion/schedulers/kinds.ts';
import { VERSION } from './version.ts';

/** What several commands are told alike; an option of its own for each, since it belongs to a group of its command's. */
const common = {
  from: () => new Option('--from <frame>', 'first source frame').argParser(frame),
  to: () => new Option('--to <frame>', 'source frame to stop before').argParser(frame),
  rate: () => new Option('--rate <n/d>', 'frames a second to conform to, such as 25 or 24000/1001').argParser(rate),
  alpha: () =>
    new Option('--alpha <kind>', "how the source's alpha is stored")
      .choices(['straight', 'premultiplied'])
      .default('straight'),
  workers: () => new Option('--workers <n>', 'threads that compute (changes nothing but the time)').argParser(count),
  progress: () => new Option('--json', 'progress as JSON lines on stderr, the result as JSON on stdout').default(false),
  json: () => new Option('--json', 'as JSON').default(false),
};

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
    .addOption(common.from())
    .addOption(common.to())
    .addOption(common.rate())
    .addOption(common.alpha())
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
    .addOption(common.workers())
    .addOption(common.progress())
    .action(async (input: string, options: RenderOptions) =>
      (await import('./commands/render.ts')).render(input, options),
    );

  program
    .command('control')
    .description('write what a ControlNet is shown of a clip as images named by source frame')
    .argument('<kind>', CONTROL_KINDS.join(', '), controlKind)
    .argument('<input>', 'a movie, or a folder of numbered images')
    .requiredOption('-o, --out <folder>', 'folder of PNGs')
    .addOption(common.from())
    .addOption(common.to())
    .addOption(common.rate())
    .addOption(common.alpha())
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
    .addOption(common.workers())
    .addOption(common.progress())
    .action(async (kind: ControlKind, input: string, options: ControlOptions) =>
      (await import('./commands/control.ts')).control(kind, input, options),
    );

  program
    .command('train')
    .description('train a LoRA of the subject of clips')
    .argument('<clip...>', 'movies, or folders of numbered images')
    .requiredOption('--model <file>', 'the base model: a file, a model folder, or a name in the store')
    .requiredOption('--trigger <word>', 'the word that will call up the subject, best one that means nothing else')
    .addOption(
      new Option(
        '-o, --out <file>',
        'the LoRA, a .safetensors file (default: it is kept in the model store)',
      ).conflicts('name'),
    )
    .option('--name <name>', 'what it is called in the model store (default: the word)')
    .option('--caption <text>', 'what the pictures show; {trigger} stands for the word', 'a photo of {trigger}')
    .addOption(common.from())
    .addOption(common.to())
    .option('--frames <n>', 'train on at most so many frames of the clips', count, 20)
    .option(
      '--examples <file>',
      'train on these instead: NAME.training/examples.txt of another training, as you edited it',
    )
    .option(
      '--subject <[clip:]frame=x,y,wxh>',
      'where the subject is in a clip, the first or the n-th (or several boxes, joined by +); it is followed',
      subjects,
      [],
    )
    .option(
      '--subject-mask <[clip:]folder>',
      'masks named by source frame, white where the subject is in a clip, the first or the n-th',
      subjectMasks,
      [],
    )
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
    .addOption(common.workers())
    .addOption(common.progress())
    .action(async (clips: string[], options: TrainOptions) =>
      (await import('./commands/train.ts')).trainCommand(clips, options),
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
    .addOption(common.workers())
    .option('--json', 'as JSON, with progress as JSON lines on stderr', false)
    .action(async (options: MeasureOptions) => (await import('./commands/measure.ts')).measureCommand(options));

  program
    .command('jobs')
    .description('list the jobs of this install, newest first')
    .option('--limit <n>', 'how many', count, 20)
    .addOption(common.json())
    .action(async (options: { limit: number; json: boolean }) => (await import('./commands/jobs.ts')).jobs(options));

  program
    .command('resume')
    .description('go on with a job that was paused, interrupted or cancelled, or that failed')
    .argument('<job>')
    .addOption(common.workers())
    .addOption(common.progress())
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
    .addOption(common.json())
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
    .addOption(common.progress())
    .action(async (source: string, options: { sha256?: string; json: boolean }) =>
      (await import('./commands/models.ts')).addModel(source, options),
    );
  models
    .command('verify')
    .description('compare models with their recorded checksums; without names, all of them')
    .argument('[model...]')
    .addOption(common.json())
    .action(async (names: string[], options: { json: boolean }) =>
      (await import('./commands/models.ts')).verifyModels(names, options),
    );
  models
    .command('remove')
    .description('delete a model that was downloaded or trained here, or forget a registered file or folder')
    .argument('<model>')
    .addOption(common.json())
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
    .addOption(common.json())
    .action(async (options: { json: boolean }) => (await import('./commands/pair.ts')).pair(options));

  program
    .command('register')
    .description('let panels start the bridge')
    .option('--remove', 'take that back', false)
    .action(async (options: { remove: boolean }) => (await import('./commands/register.ts')).register(options));

  program
    .command('doctor')
    .description('check what Pentimento needs')
    .addOption(common.json())
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
