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
  'ffmpeg-missing': ({ name, path, setting }: { name: string; path: string | null; setting: string }) => ({
    sentence: path === null ? `There is no ${name} on this machine.` : `The ${name} at ${path} cannot be run.`,
    remedy: `Install ffmpeg, or set ${setting} to a working ${name}.`,
  }),
  'media-not-a-file': ({ path }: { path: string }) => ({
    sentence: `${path} is neither a file nor a folder.`,
    remedy: 'Give a movie file, or a folder of numbered images.',
  }),
  'media-empty': ({ path }: { path: string }) => ({
    sentence: `${path} is empty.`,
    remedy: 'Export or copy the clip again.',
  }),
  'media-unreadable': ({ path }: { path: string }) => ({
    sentence: `${path} is not a movie that can be read.`,
    remedy: 'Export the clip as ProRes, H.264 or a folder of numbered images, and use that.',
  }),
  'media-playlist': ({ path }: { path: string }) => ({
    sentence: `${path} is a text that points to other files, not a movie.`,
    remedy: 'Give the movie itself.',
  }),
  'media-truncated': ({ path, frames }: { path: string; frames: number }) => ({
    sentence: `${path} is cut off: its end is missing.`,
    remedy:
      'Copy or export the clip again, and let it finish' +
      (frames > 1 ? `; or use only its first ${frames} frames.` : '.'),
  }),
  'media-still': ({ path }: { path: string }) => ({
    sentence: `${path} is a single image, not a movie.`,
    remedy: 'Give the folder of numbered images that it belongs to.',
  }),
  'media-damaged': ({ path, frame }: { path: string; frame: number }) => ({
    sentence: `${path} is damaged: frame ${frame} cannot be decoded.`,
    remedy: 'Copy or export the clip again, or choose a range without that frame.',
  }),
  'media-no-picture': ({ path }: { path: string }) => ({
    sentence: `There are no pictures in ${path}, only sound or data.`,
    remedy: 'Choose a clip that has video.',
  }),
  'media-encrypted': ({ path }: { path: string }) => ({
    sentence: `${path} is encrypted.`,
    remedy: 'Export an unprotected copy from where it came from.',
  }),
  'media-pixels-unknown': ({ path, format }: { path: string; format: string }) => ({
    sentence: `${path} stores its pixels as ${format}, which Pentimento does not read.`,
    remedy: 'Export the clip as ProRes or as a folder of 16-bit PNGs, and use that.',
  }),
  'range-outside': (facts: { path: string; from: number; to: number; first: number; end: number }) => ({
    sentence: `The range ${facts.from} to ${facts.to} is not in ${facts.path}, which has frames ${facts.first} to ${facts.end}.`,
    remedy: `Choose --from and --to within ${facts.first} and ${facts.end}.`,
  }),
  'image-unreadable': ({ path }: { path: string }) => ({
    sentence: `${path} is not an image that can be read.`,
    remedy: 'Save it again as PNG, TIFF, JPEG or WebP.',
  }),
  'images-none': ({ folder }: { folder: string }) => ({
    sentence: `There are no numbered images in ${folder}.`,
    remedy: 'Name them with their frame number, such as shot_0001.png (PNG, TIFF, JPEG or WebP).',
  }),
  'images-same-number': ({ folder, number, names }: { folder: string; number: number; names: readonly string[] }) => ({
    sentence: `${names.join(' and ')} in ${folder} both have the number ${number}.`,
    remedy: 'Keep one image for each frame number.',
  }),
  'images-missing-number': ({ folder, number }: { folder: string; number: number }) => ({
    sentence: `Image number ${number} is missing in ${folder}.`,
    remedy: 'Add it, or choose a range without it.',
  }),
  'images-mixed': ({ path, first }: { path: string; first: string }) => ({
    sentence: `${path} has another size, or other channels, than ${first}.`,
    remedy: 'Save all images of the sequence alike.',
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
  'frame-outside': ({ frame, from, to }: { frame: number; from: number; to: number }) => ({
    sentence: `There is no frame ${frame}: the frames are ${from} to ${to - 1}.`,
    remedy: 'Ask for one of those.',
  }),
  'frame-missing': ({ frame }: { frame: number }) => ({
    sentence: `Nothing is made of frame ${frame} yet.`,
    remedy: 'Wait until the job has come to it.',
  }),
  'report-missing': ({ id }: { id: string }) => ({
    sentence: `Job ${id} is not done, so that there is nothing to report.`,
    remedy: 'Wait until it is.',
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
  'panel-not-built': () => ({
    sentence: 'The panel is not built yet.',
    remedy: 'Run `npm run build` once in the folder of Pentimento.',
  }),
  'bridge-absent': () => ({
    sentence: 'The bridge does not run.',
    remedy: 'Start it with `pentimento serve`.',
  }),
  'register-unknown': ({ platform }: { platform: string }) => ({
    sentence: `Pentimento does not know how ${platform} starts programs from an address.`,
    remedy: 'Start the bridge with `pentimento serve`, by hand or at login.',
  }),
  'register-failed': ({ program }: { program: string }) => ({
    sentence: `${program}, with which the system learns of programs, did not work.`,
    remedy: `Install or repair ${program}, then run the same command again; until then start the bridge with \`pentimento serve\`.`,
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
  'vocabulary-unfit': ({ path, known, words }: { path: string; known: number; words: number }) => ({
    sentence: `The text encoder of ${path} knows ${known} words, its vocabulary has ${words}.`,
    remedy: 'Give the model as a folder with the tokenizer it was made with (tokenizer/vocab.json and merges.txt).',
  }),
  'weights-tensor': ({ path, tensor }: { path: string; tensor: string }) => ({
    sentence: `${path} lacks the tensor ${tensor}, which this kind of network needs.`,
    remedy: 'The file is incomplete or of another architecture; run `pentimento inspect` on it, or get it again.',
  }),
  'weights-config': ({ path, reason }: { path: string; reason: string }) => ({
    sentence: `The model configuration ${path} cannot be used: ${reason}.`,
    remedy: 'Restore the config.json that came with the model.',
  }),
  'lora-algorithm': ({ path, algorithm }: { path: string; algorithm: string }) => ({
    sentence: `${path} is of the kind ${algorithm}, which Pentimento does not read.`,
    remedy: 'Use a LoRA, LoHa or LoKr; many authors offer theirs in several of these forms.',
  }),
  'lora-unmatched': ({ path, model, modules }: { path: string; model: string; modules: number }) => ({
    sentence: `0 of ${modules} modules of the LoRA ${path} have a place in the model ${model}.`,
    remedy: 'It was made for another kind of model; `pentimento inspect` says what the file is.',
  }),
  'model-kind': ({ path, kind, role }: { path: string; kind: string; role: FileRole }) => ({
    sentence: `${path} cannot be used as the ${ROLES[role]}: it is a file of the kind ${kind}.`,
    remedy: `Give a ${ROLES[role]}${role === 'model' ? ' (a checkpoint)' : ''} there; \`pentimento inspect\` says what each file is.`,
  }),
  'model-family': (facts: { path: string; family: string; model: string; modelFamily: string }) => ({
    sentence: `${facts.path} is made for ${facts.family}, and the model ${facts.model} is ${facts.modelFamily}.`,
    remedy: `Use one for ${facts.modelFamily}, or a model of the family ${facts.family}.`,
  }),
  'control-union': ({ path }: { path: string }) => ({
    sentence: `${path} is a union ControlNet, several kinds in one network, which Pentimento does not run.`,
    remedy: 'Use a ControlNet for one kind of control map.',
  }),
  'control-unfit': ({ path, model, reason }: { path: string; model: string; reason: string }) => ({
    sentence: `The ControlNet ${path} has other sizes than the model ${model}: ${reason}.`,
    remedy: 'Use a ControlNet that was trained for this model; `pentimento inspect` says what each file is.',
  }),
  'motion-attention': ({ attention }: { attention: string }) => ({
    sentence: `Motion modules and the cross-frame attention "${attention}" are two ways to the same end, and were not made for each other.`,
    remedy: 'Leave one of them out: --motion, or --consistency attention=own.',
  }),
  'vae-latents': ({ path, model }: { path: string; model: string }) => ({
    sentence: `The VAE ${path} was made for other latents than those of the model ${model}.`,
    remedy: 'Use a VAE of the same family as the model, or leave it out: the model has its own.',
  }),
  'look-and-model': ({ look, option }: { look: string; option: string }) => ({
    sentence: `Keys are painted either by --look ${look} or by a model (${option}).`,
    remedy: `Leave out --look to paint with the model, or ${option} to paint with the look.`,
  }),
  'keys-and-model': ({ option }: { option: string }) => ({
    sentence: `With --keys your own images are the keys, and no model (${option}) paints any.`,
    remedy: `Leave out --keys to let the model paint them, or ${option} to use yours.`,
  }),
  'control-not-said': ({ kind, names }: { kind: string; names: readonly string[] }) => ({
    sentence:
      names.length === 0
        ? `There is no ControlNet for ${kind} maps and this model in the store.`
        : `There are several ControlNets for ${kind} maps and this model in the store: ${names.join(', ')}.`,
    remedy: `Give its file, as in --control ${kind}:1:FILE.`,
  }),
  'model-not-said': ({ option, names }: { option: string; names: readonly string[] }) => ({
    sentence:
      names.length === 0
        ? `${option} needs a model to paint with, and there is none in the store.`
        : `${option} needs a model to paint with, and the store has ${names.length}.`,
    remedy:
      names.length === 0
        ? 'Give one with --model FILE, or fetch one, for example with `pentimento models add sd15`.'
        : `Say which with --model: ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}.`,
  }),
  // models
  'model-source-unknown': ({ source }: { source: string }) => ({
    sentence: `${source} is no file or folder here, no https address, no repository (owner/name) and not in the catalogue.`,
    remedy: 'Check how it is spelled; `pentimento models list --catalogue` shows the catalogue.',
  }),
  'model-unknown': ({ name }: { name: string }) => ({
    sentence: `There is no model ${name} in the store.`,
    remedy: 'See `pentimento models list` for those there are.',
  }),
  'model-ambiguous': ({ name, paths }: { name: string; paths: readonly string[] }) => ({
    sentence: `Several models are called ${name}: ${paths.join(', ')}.`,
    remedy: 'Give the path of the one you mean.',
  }),
  'model-not-ours': ({ path, folder }: { path: string; folder: string }) => ({
    sentence: `${path} was not downloaded by Pentimento, so it is not deleted; it is found because it lies in ${folder}.`,
    remedy: 'Delete or move the file yourself, or remove that folder from the store if you registered it.',
  }),
  'model-needed': ({ path, job, work }: { path: string; job: string; work: string }) => ({
    sentence: `Job ${job}, which ${work}, still needs ${path}.`,
    remedy: 'Let that job end or cancel it, then remove the model.',
  }),
  'model-there': ({ path }: { path: string }) => ({
    sentence: `There is already another model at ${path}.`,
    remedy: 'Remove that one first with `pentimento models remove`.',
  }),
  'model-hash': ({ path, expected, actual }: { path: string; expected: string; actual: string }) => ({
    sentence: `${path} is not the file it should be: its SHA-256 is ${actual}, not ${expected}.`,
    remedy: 'Get it again; if it stays, the checksum belongs to another version, or the file was tampered with.',
  }),
  'models-unusable': ({ path, reason }: { path: string; reason: string }) => ({
    sentence: `The list of models in ${path} cannot be used: ${reason}.`,
    remedy:
      'Check that the disk is writable and has room; if the file is damaged, delete it and add your folders again.',
  }),
  'download-offline': ({ url }: { url: string }) => ({
    sentence: `${url} is not downloaded, because Pentimento is set to stay offline.`,
    remedy: 'Run `pentimento settings offline off`, or download the file yourself and add it by its path.',
  }),
  'download-insecure': ({ url }: { url: string }) => ({
    sentence: `${url} is not a plain https address, and nothing else is downloaded from.`,
    remedy:
      'Find the same file at an address that begins with https://, or download it yourself and add it by its path.',
  }),
  'download-private': ({ host, address }: { host: string; address: string }) => ({
    sentence: `${host} leads to ${address}, which is not on the public internet; nothing is downloaded from there.`,
    remedy: 'Copy the file from that machine yourself, and add it by its path.',
  }),
  'download-refused': ({ url, reason }: { url: string; reason: string }) => ({
    sentence: `${url} cannot be downloaded: ${reason}.`,
    remedy: 'Check the address in a browser; a file that you can download there can be added by its path.',
  }),
  'download-interrupted': ({ url, reason }: { url: string; reason: string }) => ({
    sentence: `The download of ${url} broke off: ${reason}.`,
    remedy: 'Check the connection, then run the same command again: it goes on where it stopped if the server can.',
  }),
  'download-too-large': ({ url, maximumBytes }: { url: string; maximumBytes: number }) => ({
    sentence: `${url} is larger than ${bytesInWords(maximumBytes)}, more than any model that Pentimento runs.`,
    remedy: 'Check that it is the file you meant.',
  }),
  'download-length': ({ url, expected, actual }: { url: string; expected: number; actual: number }) => ({
    sentence: `${url} should have ${expected} bytes, but has ${actual}.`,
    remedy:
      'The file was changed, or something on the way answers for the server; try again later, or from another network.',
  }),
  'download-disk-small': ({ path, needed, free }: { path: string; needed: number; free: number }) => ({
    sentence: `The download needs ${bytesInWords(needed)} in ${path}, and ${bytesInWords(free)} are free.`,
    remedy: 'Make room there; PENTIMENTO_HOME can move the install to another disk.',
  }),
  'repository-unreadable': ({ repository, reason }: { repository: string; reason: string }) => ({
    sentence: `The list of files of ${repository} cannot be used: ${reason}.`,
    remedy: 'Check the name, or give the https address of the file itself.',
  }),
  'repository-without-weights': ({ repository, pickles }: { repository: string; pickles: boolean }) => ({
    sentence: `${repository} has no .safetensors model${pickles ? ', only PyTorch pickles, which can run any program' : ''}.`,
    remedy: 'Look for a repository that has the model as .safetensors.',
  }),
  'repository-ambiguous': ({ repository, files }: { repository: string; files: readonly string[] }) => ({
    sentence: `${repository} has several models: ${files.join(', ')}.`,
    remedy: `Say which, as in \`pentimento models add ${repository}/${files[0] ?? ''}\`.`,
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
  // diffusion
  'prompt-lora': ({ tag }: { tag: string }) => ({
    sentence: `The prompt has ${tag}, which does not say which LoRA and how much of it.`,
    remedy: 'Write <lora:name> or <lora:name:0.8>; a plain < is written \\<.',
  }),
  'vocabulary-unusable': ({ reason }: { reason: string }) => ({
    sentence: `The vocabulary of this model cannot be used: ${reason}.`,
    remedy: 'Fetch the model folder again, or use the single-file version of the model.',
  }),
  'memory-short': ({
    profile,
    neededBytes,
    freeBytes,
  }: {
    profile: string;
    neededBytes: number;
    freeBytes: number;
  }) => ({
    sentence: `This needs about ${bytesInWords(neededBytes)} of memory in the profile ${profile}, and ${bytesInWords(freeBytes)} are free.`,
    remedy:
      profile === 'small'
        ? 'Work at a smaller size, or close other programs.'
        : 'Choose the profile small, or close other programs.',
  }),
  'train-model': ({ path, kind }: { path: string; kind: string }) => ({
    sentence: `No LoRA can be trained on ${path}: it is ${kind}.`,
    remedy: 'Train on the base model that it was made from; the LoRA then works with it, too.',
  }),
  'train-memory': (facts: { width: number; height: number; neededBytes: number; freeBytes: number }) => ({
    sentence: `Training at ${Math.round(facts.width)}x${Math.round(facts.height)} needs about ${bytesInWords(facts.neededBytes)} of memory, and ${bytesInWords(facts.freeBytes)} are free.`,
    remedy: 'Train at a smaller --size or --rank, or close other programs.',
  }),
  'train-subject': () => ({
    sentence: 'The subject was found in none of the frames.',
    remedy: 'Show where it is in more frames, or give masks that are white where it is.',
  }),
  'examples-unreadable': ({ path, line }: { path: string; line: number | null }) => ({
    sentence:
      line === null
        ? `${path} names no frames to train on.`
        : `Line ${line} of ${path} names no frame to train on, or one twice.`,
    remedy: 'Each line needs a clip (counted from 1), a frame, and may have a caption: 1 24 a photo of a dog',
  }),
  'example-frame': ({ clip, frame }: { clip: number; frame: number }) => ({
    sentence: `There is no frame ${frame} in clip ${clip} to train on.`,
    remedy: 'Leave it out of the examples, or take the clip further.',
  }),
  'train-other': ({ path }: { path: string }) => ({
    sentence: `${path} holds another training that has not ended.`,
    remedy: 'Give its settings again to go on with it, give another --out, or delete that folder.',
  }),
  'runtime-crashed': ({ network, how }: { network: string; how: string }) => ({
    sentence: `The process that runs the ${network} ended twice (${how}).`,
    remedy: 'Most often memory ran out: choose the profile small or a smaller size, or close other programs.',
  }),
  'scheduler-unsupported': ({ kind, setting }: { kind: string; setting: string }) => ({
    sentence: `The scheduler ${kind} cannot be run with ${setting}.`,
    remedy: 'Choose another scheduler, or leave this setting out of the scheduler_config.json beside the model.',
  }),
  // control
  'control-maps-none': ({ folder }: { folder: string }) => ({
    sentence: `There are no numbered images in ${folder}.`,
    remedy:
      'Name each control map after its source frame, for example map_0012.png for frame 12; one holds until the next.',
  }),
  'control-map-shape': (facts: {
    path: string;
    width: number;
    height: number;
    clipWidth: number;
    clipHeight: number;
  }) => ({
    sentence: `${facts.path} is ${facts.width}x${facts.height}, which is not the shape of the clip (${facts.clipWidth}x${facts.clipHeight}).`,
    remedy: `Export the control map again at ${facts.clipWidth}x${facts.clipHeight}, or smaller or larger in the same proportion.`,
  }),
  'annotator-undescribed': ({ network, path }: { network: string; path: string }) => ({
    sentence: `${network} cannot be used, because there is no description of it at ${path}.`,
    remedy: 'Write that file: docs/annotators.md says what stands in it, with an example for each kind.',
  }),
  'annotator-description': ({ path, problem }: { path: string; problem: string }) => ({
    sentence: `The description ${path} cannot be used: ${problem}.`,
    remedy: 'Correct it; docs/annotators.md says what stands in it, with an example for each kind.',
  }),
  'annotator-unusable': ({ path, reason }: { path: string; reason: string }) => ({
    sentence: `The annotator ${path} cannot be used: ${reason}.`,
    remedy: 'Export the network again as one .onnx file from one picture to one map, and check its description.',
  }),
  'annotator-output': ({ path, wanted, shape }: { path: string; wanted: string; shape: string }) => ({
    sentence: `The annotator ${path} answers with ${shape}, but its description wants ${wanted}.`,
    remedy: 'Check that the description is of this network: its kind, and the name and layout of its output.',
  }),
  'annotator-missing': ({ kind }: { kind: string }) => ({
    sentence: `A ${kind} map needs an annotator network, and there is none for it in the model store.`,
    remedy: 'Add a folder that has one (.onnx with its .json beside it) by `pentimento models add`, or give the file.',
  }),
  'annotator-ambiguous': ({ kind, paths }: { kind: string; paths: readonly string[] }) => ({
    sentence: `There are several annotator networks for ${kind} maps: ${paths.join(', ')}.`,
    remedy: 'Give the file of the one you mean.',
  }),
  // jobs
  'job-unknown': ({ id }: { id: string }) => ({
    sentence: `There is no job ${id}.`,
    remedy: 'See `pentimento jobs` for those there are.',
  }),
  'job-kind': ({ id, kind }: { id: string; kind: string }) => ({
    sentence: `Job ${id} is no ${kind}.`,
    remedy: 'See `pentimento jobs` for what each of them is.',
  }),
  'training-picture': ({ what }: { what: string }) => ({
    sentence: `The training has no ${what}.`,
    remedy: 'Ask for one that it lists.',
  }),
  'job-not-queued': ({ id }: { id: string }) => ({
    sentence: `Job ${id}, or the one it was to go before, does not wait in the queue any more.`,
    remedy: 'Look at the queue again.',
  }),
  'job-interrupted': ({ id }: { id: string }) => ({
    sentence: `Job ${id} was interrupted before it was finished.`,
    remedy: `Run \`pentimento resume ${id}\` to go on from the last finished frame.`,
  }),
  'keys-none': ({ folder }: { folder: string }) => ({
    sentence: `There are no numbered images in ${folder}.`,
    remedy: 'Name each key after its source frame, for example key_0012.png for frame 12.',
  }),
  'keys-outside': (facts: { folder: string; first: number; last: number; from: number; to: number }) => ({
    sentence: `The keys in ${facts.folder} are for frames ${facts.first} to ${facts.last}, and none is among the frames to render, ${facts.from} to ${facts.to - 1}.`,
    remedy: 'Number them by their source frames, counted from 0, or render frames that have some.',
  }),
  'key-frame': ({ frame, from, to }: { frame: number; from: number; to: number | null }) => ({
    sentence: `Frame ${frame} is to be a key, but the frames to render ${to === null ? `begin at ${from}` : `are ${from} to ${to - 1}`}.`,
    remedy: 'Leave that key out, or render a range that has it.',
  }),
  'key-seed': ({ frame, look }: { frame: number; look: string }) => ({
    sentence: `The key at frame ${frame} is to be painted with a seed of its own, but the look ${look} has none.`,
    remedy: 'Paint with a model, or leave the seed out.',
  }),
  'image-size': (facts: { path: string; width: number; height: number; clipWidth: number; clipHeight: number }) => ({
    sentence: `${facts.path} is ${facts.width}x${facts.height}, the clip is ${facts.clipWidth}x${facts.clipHeight}.`,
    remedy: `Export it again at ${facts.clipWidth}x${facts.clipHeight}.`,
  }),
  'image-changed': ({ path }: { path: string }) => ({
    sentence: `${path} was changed while the job ran.`,
    remedy: 'Run the same command again: it uses the image as it is now.',
  }),
  'masks-none': ({ folder }: { folder: string }) => ({
    sentence: `There are no numbered images in ${folder}.`,
    remedy: 'Name each mask after its source frame; one alone holds for the whole clip.',
  }),
  'mask-without-alpha': ({ path }: { path: string }) => ({
    sentence: `${path} has no alpha that could be the mask.`,
    remedy: 'Export it with its alpha, or give masks in grey.',
  }),
  'prompt-outside': ({ frame, from, to }: { frame: number; from: number; to: number }) => ({
    sentence: `A prompt begins at frame ${frame}, but the range is frames ${from} to ${to - 1}.`,
    remedy: `Put it at a frame from ${from} to ${to - 1}, or leave it out.`,
  }),
  'detail-frame': ({ frame, from, to }: { frame: number; from: number; to: number }) => ({
    sentence: `A detail is marked at frame ${frame}, but the range is frames ${from} to ${to - 1}.`,
    remedy: `Mark it at a frame from ${from} to ${to - 1}.`,
  }),
  'detail-box': (f: {
    frame: number;
    x: number;
    y: number;
    width: number;
    height: number;
    clipWidth: number;
    clipHeight: number;
  }) => ({
    sentence: `The box ${f.x},${f.y},${f.width}x${f.height} of frame ${f.frame} is not inside the picture, which is ${f.clipWidth}x${f.clipHeight}.`,
    remedy: 'Give the left and top edge, then width and height, in pixels of the clip.',
  }),
  'output-is-input': ({ path }: { path: string }) => ({
    sentence: `The result would be written over what it is made from, at ${path}.`,
    remedy: 'Choose another output.',
  }),
  'output-folder-missing': ({ path }: { path: string }) => ({
    sentence: `There is no folder ${path} to write to.`,
    remedy: 'Make it, or check that its disk is connected, then run the same command again.',
  }),
  'output-unknown': ({ out }: { out: string }) => ({
    sentence: `${out} says neither by its extension nor by a separator at its end what to write.`,
    remedy: 'End it in .mov (ProRes 4444) or .mp4 (H.264), or in / for a folder of PNGs.',
  }),
  'setting-unknown': ({ name, names }: { name: string; names: string }) => ({
    sentence: `There is no setting ${name}.`,
    remedy: `There are: ${names}.`,
  }),
  'output-not-folder': ({ path }: { path: string }) => ({
    sentence: `The result is to be a folder of images, but ${path} is a file.`,
    remedy: 'Choose another output.',
  }),
  'output-not-file': ({ path }: { path: string }) => ({
    sentence: `The result is to be a movie, but ${path} is a folder.`,
    remedy: 'Give the movie a file name, or end the path with a separator for a folder of images.',
  }),
  'disk-small': ({ path, needed, free }: { path: string; needed: number; free: number }) => ({
    sentence: `The job needs about ${bytesInWords(needed)} at ${path}, and ${bytesInWords(free)} are free.`,
    remedy: 'Make room there, or ask for less: a shorter range, a LoRA of a lower rank or with fewer samples.',
  }),
  'disk-full': ({ path }: { path: string }) => ({
    sentence: `The disk is full: ${path} could not be written.`,
    remedy: 'Make room, then run the same command again: a job goes on from where it was.',
  }),
  'path-refused': ({ path }: { path: string }) => ({
    sentence: `The system does not let Pentimento use ${path}.`,
    remedy: 'Check that the disk is not read-only and that the folder is yours, then run the same command again.',
  }),
  'path-gone': ({ path }: { path: string }) => ({
    sentence: `${path} could not be reached.`,
    remedy:
      'Check that its disk is connected and not read-only and that its folder exists, then run the same command again.',
  }),
  'cache-unsound': ({ path }: { path: string }) => ({
    sentence: `What was written to ${path} keeps coming back changed.`,
    remedy: 'Check that disk; PENTIMENTO_HOME can move the cache to another one.',
  }),
  'store-unusable': ({ path, reason }: { path: string; reason: string }) => ({
    sentence: `The list of jobs in ${path} cannot be used: ${reason}.`,
    remedy: 'Check that the disk is writable and has room; if the file is damaged, delete it: no clip is lost by that.',
  }),
  'store-newer': ({ path }: { path: string }) => ({
    sentence: `The list of jobs in ${path} was written by a newer Pentimento.`,
    remedy: 'Update this one, or set PENTIMENTO_HOME to another folder.',
  }),
  internal: ({ reason }: { reason: string }) => ({
    sentence: `Something went wrong inside Pentimento: ${reason}.`,
    remedy: 'Run the same command again; if it stays, please report it with this sentence.',
  }),
  // propagation
  'key-budget': ({ budget, shots }: { budget: number; shots: number }) => ({
    sentence: `The range has ${shots} shots and each needs a key of its own, but the budget is ${budget}.`,
    remedy: `Allow at least ${shots} keys, or render the shots one by one.`,
  }),
  'shot-without-key': ({ from, last }: { from: number; last: number }) => ({
    sentence: `Frames ${from} to ${last} are a shot of their own, and none of them is a key frame.`,
    remedy: 'Add a key frame in that shot, or let the key frames be chosen.',
  }),
  'key-size': ({ frame, is, wanted }: { frame: number; is: string; wanted: string }) => ({
    sentence: `The key image of frame ${frame} is ${is}, but the clip is ${wanted}.`,
    remedy: 'Export the key image again at the size of the clip.',
  }),
  // measure
  'measure-size': (facts: { path: string; size: string; source: string; sourceSize: string }) => ({
    sentence: `${facts.path} is ${facts.size} pixels, but ${facts.source} is ${facts.sourceSize}.`,
    remedy: 'Measure clips of the same size: nothing is scaled to fit.',
  }),
  'measure-length': (facts: { path: string; frames: number; source: string; sourceFrames: number }) => ({
    sentence: `${facts.path} has ${facts.frames} frames, but the source ${facts.source} has ${facts.sourceFrames}.`,
    remedy: 'Give the part of the source that it shows by --from and --to.',
  }),
  'measure-outside': (facts: { path: string; first: number; last: number; otherFirst: number; otherLast: number }) => ({
    sentence: `${facts.path} has the frames ${facts.first} to ${facts.last}, which do not fit the frames ${facts.otherFirst} to ${facts.otherLast} they are measured against.`,
    remedy: "Name the images by the source's frame numbers.",
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

/** Any error as one that a user can act on. What the file system refuses has its own words; the rest is a fault of ours. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error as Failure;
  const { code = '', path } = error as NodeJS.ErrnoException;
  const where = path ?? 'the disk';
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new Failure('disk-full', { path: where }, error);
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return new Failure('path-refused', { path: where }, error);
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EIO':
    case 'ESTALE':
      return new Failure('path-gone', { path: where }, error);
    default:
      return new Failure('internal', { reason: error instanceof Error ? error.message : String(error) }, error);
  }
}

/** What a file was given as. */
const ROLES = {
  model: 'model',
  lora: 'LoRA',
  vae: 'VAE',
  embedding: 'embedding',
  control: 'ControlNet',
  motion: 'motion module',
};
export type FileRole = keyof typeof ROLES;

/** Small amounts, too, so that what is lacking never reads like what is there. */
export function bytesInWords(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes >= 1e6 ? `${Math.round(bytes / 1e6)} MB` : `${Math.round(bytes / 1e3)} kB`;
}
