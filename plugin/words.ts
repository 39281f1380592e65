/** Every word that the panel shows, ready to translate. */
export const words = {
  product: 'Pentimento',
  views: { paint: 'Paint', queue: 'Queue' },
  unexpected: 'Try once more; if it happens again, run “pentimento doctor” and report what it says.',

  shot: {
    title: 'Shot',
    none: 'Nothing is selected',
    noneHint: { timeline: 'Select one or more clips in the timeline.', files: 'Choose a movie or a folder of images.' },
    noTimeline: {
      premiere: 'Open a sequence and select a clip.',
      'after-effects': 'Open a composition and select a layer.',
    },
    whole: 'All frames',
    frames: (count: number) => (count === 1 ? '1 frame' : `${count} frames`),
    rate: (rate: string) => `${rate} fps`,
    range: (from: number, last: number) => `${from}–${last}`,
    version: 'A painted version: painting again starts from the original clip.',
    useSettings: 'Use its settings',
    unreadable: 'The editor does not tell what is selected.',
    unreadableHint: 'Save the project, close this panel and open it again.',
    cannot: 'Cannot be painted as it is',
    more: (count: number) => `and ${count} more`,
    choose: 'Choose…',
    chooseOther: 'Choose another…',
  },
  files: {
    up: '‹ Back',
    useFolder: 'Use this folder of images',
    empty: 'Nothing to paint here.',
    noRoots: 'No folder is allowed yet: start with “pentimento serve --allow FOLDER”.',
  },
  notices: {
    effects: (names: string) =>
      `Its effects (${names}) are not painted. Render and Replace the clip first if they matter.`,
    proxy: 'This is the proxy. Detach it to paint the full picture.',
    'rate-differs': (rate: string) => `Painted at its own ${rate} fps; the editor conforms it like the clip.`,
    disabled: 'The clip is disabled.',
  },

  style: {
    title: 'Style',
    names: { oil: 'Oil', ink: 'Ink', poster: 'Poster', prompt: 'Describe', own: 'My images' },
    hints: {
      oil: 'Thick strokes that follow the forms.',
      ink: 'Black lines and washes on paper.',
      poster: 'Flat areas of few colours.',
      prompt: 'Stable Diffusion paints what you write.',
      own: 'You paint some frames; the rest follows them.',
    },
    prompt: 'What it should look like',
    promptHint: 'oil painting of a woman at the sea, golden light',
    model: 'Model',
    noModel: 'No model yet: add one with “pentimento models add FILE”.',
    strength: 'Strength',
    ownKeys: 'Folder of my images',
    ownKeysHint: 'Path of the folder; names end with the frame number',
  },
  keys: {
    title: 'Key frames',
    auto: 'Where the shot changes',
    'every-12': 'Every 12 frames',
    'every-24': 'Every 24 frames',
    all: 'Every frame (slow)',
  },
  quality: { title: 'Quality', fast: 'Fast', small: 'Low memory', quality: 'Best' },
  more: {
    open: 'More',
    close: 'Less',
    negative: 'What to avoid',
    negativeHint: 'blurry, text',
    steps: 'Steps',
    guidance: 'Guidance',
    seed: 'Seed',
    codec: 'Result',
    prores4444: 'ProRes 4444',
    h264: 'H.264',
  },
  paint: {
    button: (shots: number, frames: number | null) => {
      if (shots > 1) return `Paint ${shots} shots`;
      return frames === null ? 'Paint' : `Paint ${frames} ${frames === 1 ? 'frame' : 'frames'}`;
    },
    missing: { model: 'Choose a model first.', 'own-keys': 'Choose the folder of your images first.' },
  },

  queue: {
    empty: 'Nothing painted yet',
    emptyHint: 'What you paint appears here, and goes on when this panel is closed.',
    states: {
      sending: 'Waiting for the bridge',
      queued: 'Waiting',
      running: 'Starting',
      done: 'Done',
      failed: 'Failed',
      cancelled: 'Cancelled',
      interrupted: 'Interrupted',
      refused: 'Refused',
    },
    stages: {
      probe: 'Reading the clip',
      track: 'Following details',
      analyse: 'Following the motion',
      keys: 'Choosing key frames',
      look: 'Painting key frames',
      match: 'Matching',
      propagate: 'Painting between the keys',
      measure: 'Measuring the stability',
      deliver: 'Writing the result',
    },
    of: (done: number, total: number) => `${done} of ${total}`,
    left: (text: string) => `${text} left`,
    result: (frames: number, duration: string) => `${frames} frames in ${duration}`,
    keyCount: (count: number) => (count === 1 ? '1 key frame' : `${count} key frames`),
    frame: (frame: number) => `Frame ${frame}`,
    placed: (where: string) => `On ${where}`,
    placing: 'Going to the timeline',
    cancel: 'Cancel',
    resume: 'Go on',
    placeAgain: 'Place on timeline',
    forget: 'Remove',
    details: 'Details',
    hide: 'Hide',
  },

  duration: {
    seconds: (n: number) => `${n} s`,
    minutes: (n: number) => `${n} min`,
    hours: (h: number, m: number) => `${h} h ${m} min`,
  },

  /** Why the panel and the bridge are not talking, and what to do. */
  connection: {
    looking: 'Looking for Pentimento…',
    connected: (version: string) => `Connected, version ${version}`,
    again: 'Look again',
    pair: 'Pair',
    code: 'Code',
    ports: (ports: string) => `Another program answers on port ${ports}.`,
    'not-running': {
      sentence: 'Pentimento is not running.',
      remedy: 'Start it with “pentimento serve” in a terminal. This panel connects by itself.',
    },
    'ports-taken': {
      sentence: 'Other programs use all ports that Pentimento needs.',
      remedy: 'Close what listens on 41741 to 41744, then start “pentimento serve”.',
    },
    'not-paired': {
      sentence: 'This panel is not paired yet.',
      remedy: 'Run “pentimento pair” in a terminal and type the code it shows.',
    },
    'pairing-refused': {
      sentence: 'That code is wrong or too old.',
      remedy: 'Run “pentimento pair” again and type the new code.',
    },
    'wrong-version': {
      sentence: 'The panel and Pentimento have different versions.',
      remedy: 'Update both, then restart “pentimento serve” and this panel.',
    },
    'permission-missing': {
      sentence: 'The editor does not let this panel reach the network.',
      remedy: 'Install the panel again and allow it to use the network.',
    },
    'editor-refused': {
      sentence: 'Pentimento does not accept connections from this editor.',
      remedy: 'Update Pentimento; if it is new, report the name and version of the editor.',
    },
    'too-many-connections': {
      sentence: 'Too many panels are connected.',
      remedy: 'Close the others.',
    },
    lost: { sentence: 'The connection was lost.', remedy: 'It is tried again by itself; jobs go on meanwhile.' },
  },
  crash: { sentence: 'The panel made a mistake.', remedy: 'Reload it. Jobs are not affected.', reload: 'Reload' },

  /** Why a clip, or the editor, cannot serve: what is wrong, and what to do about it. */
  host: {
    'adjustment-layer': {
      sentence: 'An adjustment layer has no picture of its own.',
      remedy: 'Select the clip below it.',
    },
    generated: {
      sentence: 'This clip is generated by the editor: there is no file to read.',
      remedy: 'Use Clip > Render and Replace, then select the result.',
    },
    multicam: {
      sentence: 'This is a multicam clip.',
      remedy: 'Use Clip > Multi-Camera > Flatten, then select it again.',
    },
    nested: {
      sentence: 'This clip is a sequence of its own.',
      remedy: 'Use Clip > Render and Replace, or open it and select the clips inside.',
    },
    precomp: {
      sentence: 'This layer is a composition of its own.',
      remedy: 'Open it and select the footage inside, or pre-render it.',
    },
    offline: { sentence: 'The file of this clip is offline.', remedy: 'Relink it, then select it again.' },
    still: { sentence: 'This clip is a single image.', remedy: 'Select a movie or an image sequence.' },
    reversed: {
      sentence: 'This clip plays backwards.',
      remedy: 'Use Clip > Render and Replace, then select the result.',
    },
    retimed: {
      sentence: 'The speed of this clip was changed.',
      remedy: 'Use Clip > Render and Replace, then select the result.',
    },
    'layer-retimed': {
      sentence: 'The time of this layer is stretched or remapped.',
      remedy: 'Pre-render it, then select the result.',
    },
    'no-picture': { sentence: 'This layer has no picture from a file.', remedy: 'Select a footage layer.' },
    'other-editor': {
      sentence: 'This shot belongs to another editor.',
      remedy: 'Open the panel in the editor where you started it.',
    },
    'project-closed': {
      sentence: 'The project of this clip is not open.',
      remedy: 'Open it, then choose Place on timeline.',
    },
    'sequence-gone': {
      sentence: 'The timeline of this clip is gone.',
      remedy: 'The result is in the project, under Pentimento: drag it where you want it.',
    },
    'clip-gone': {
      sentence: 'The clip is no longer on the timeline, or its speed was changed.',
      remedy: 'The result is in the project, under Pentimento: drag it where you want it.',
    },
    'bin-failed': {
      sentence: 'The editor did not make the Pentimento bin.',
      remedy: 'Make a bin named Pentimento, then choose Place on timeline.',
    },
    'import-failed': {
      sentence: 'The editor did not import the result.',
      remedy: 'Import the finished file by hand; its path is below.',
    },
    'placing-failed': {
      sentence: 'The editor did not put the result on the timeline.',
      remedy:
        'Unlock the tracks above the clip and choose Place on timeline, or drag it there from the Pentimento bin.',
    },
    'placed-wrongly': {
      sentence: 'The editor put the result on the timeline with another length.',
      remedy: 'Undo once, then drag it there from the Pentimento bin.',
    },
  },
} as const;
