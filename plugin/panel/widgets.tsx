import { createElement, useEffect, useRef, useState, type ReactNode } from 'react';

/**
 * The editors' own Spectrum widgets. React 18 knows neither their events nor their properties, so both are set by hand; a boolean
 * attribute is there or not; every element is closed by a tag of its own. In a browser, stand-ins.ts defines the same elements.
 */
type Props = Readonly<Record<string, string | number | boolean | undefined>>;

function useWidget(events: Readonly<Record<string, (target: HTMLElement & Value) => void>>, properties: Props = {}) {
  const ref = useRef<HTMLElement & Value>(null);
  const latest = useRef(events);
  latest.current = events;
  const names = Object.keys(events).join(' ');
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const forget = names.split(' ').map((name) => {
      const listener = (): void => latest.current[name]?.(element);
      element.addEventListener(name, listener);
      return () => element.removeEventListener(name, listener);
    });
    return () => forget.forEach((one) => one());
  }, [names]);
  useEffect(() => {
    const element = ref.current as Record<string, unknown> | null;
    if (!element) return;
    for (const [name, value] of Object.entries(properties)) if (element[name] !== value) element[name] = value;
  });
  return ref;
}

type Value = { value: string; checked: boolean; selectedIndex: number };

const flag = (on: boolean | undefined): true | undefined => (on ? true : undefined);

export function Button(props: {
  readonly kind?: 'cta' | 'secondary';
  readonly disabled?: boolean;
  readonly wide?: boolean;
  readonly onPress: () => void;
  readonly children: ReactNode;
}) {
  const { kind = 'secondary', disabled, wide, onPress, children } = props;
  const ref = useWidget({ click: () => disabled || onPress() });
  const attributes = { ref, variant: kind, class: wide ? 'wide' : '', disabled: flag(disabled) };
  return createElement('sp-button', attributes, children);
}

/** A button without a frame, for what is said in passing. `title` says what a sign on it means. */
export function QuietButton(props: {
  readonly title?: string;
  readonly disabled?: boolean;
  readonly onPress: () => void;
  readonly children: ReactNode;
}) {
  const { title, disabled, onPress, children } = props;
  const ref = useWidget({ click: () => disabled || onPress() });
  const attributes = { ref, quiet: true, class: 'quiet', title, 'aria-label': title, disabled: flag(disabled) };
  return createElement('sp-action-button', attributes, children);
}

type TextProps = {
  readonly label: string;
  readonly value: string;
  readonly placeholder?: string;
  readonly onChange: (value: string) => void;
};

/** A text of one line. */
export const TextField = textWidget('sp-textfield');

/** A text of several lines. */
export const TextArea = textWidget('sp-textarea');

function textWidget(tag: 'sp-textfield' | 'sp-textarea') {
  return ({ label, value, placeholder = '', onChange }: TextProps) => {
    const ref = useWidget({ input: (target) => onChange(target.value) }, { value });
    return (
      <div className="field">
        <div className="label">{label}</div>
        {createElement(tag, { ref, placeholder, 'aria-label': label, class: 'wide' })}
      </div>
    );
  };
}

export function NumberField(props: {
  readonly label: string;
  readonly value: number;
  readonly least: number;
  readonly most: number;
  readonly whole?: boolean;
  readonly onChange: (value: number) => void;
}) {
  const { label, value, least, most, whole, onChange } = props;
  // What is being typed stays whatever else is drawn anew meanwhile.
  const [typed, setTyped] = useState<string | null>(null);
  const take = (target: Value): void => {
    const number = Number(target.value.replace(',', '.'));
    const fits = Number.isFinite(number) && target.value.trim() !== '';
    const bounded = Math.min(most, Math.max(least, whole ? Math.round(number) : number));
    if (fits) onChange(bounded);
    // What does not fit goes back to what was.
    target.value = String(fits ? bounded : value);
    setTyped(null);
  };
  const ref = useWidget({ input: (target) => setTyped(target.value), change: take }, { value: typed ?? String(value) });
  return (
    <div className="field narrow">
      <div className="label">{label}</div>
      {createElement('sp-textfield', { ref, 'aria-label': label, class: 'number' })}
    </div>
  );
}

/** A whole number, by dragging. */
export function Slider(props: {
  readonly label: string;
  readonly value: number;
  readonly least: number;
  readonly most: number;
  /** How the value reads. */
  readonly show: (value: number) => string;
  readonly onChange: (value: number) => void;
}) {
  const { label, value, least, most, show, onChange } = props;
  const ref = useWidget({ input: (target) => onChange(Number(target.value)) }, { value: String(value) });
  return (
    <div className="field">
      <div className="row between">
        <div className="label">{label}</div>
        <div className="label">{show(value)}</div>
      </div>
      {createElement('sp-slider', { ref, min: least, max: most, 'aria-label': label, class: 'wide' })}
    </div>
  );
}

export function Choice<T extends string>(props: {
  readonly label: string;
  readonly value: T;
  readonly options: readonly { readonly value: T; readonly name: string }[];
  readonly onChange: (value: T) => void;
}) {
  const { label, value, options, onChange } = props;
  const selectedIndex = options.findIndex((option) => option.value === value);
  const ref = useWidget(
    {
      change: (target) => {
        const chosen = options[target.selectedIndex];
        if (chosen) onChange(chosen.value);
      },
    },
    { selectedIndex },
  );
  const items = options.map((option) =>
    createElement(
      'sp-menu-item',
      { key: option.value, value: option.value, selected: flag(option.value === value) },
      option.name,
    ),
  );
  return (
    <div className="field">
      <div className="label">{label}</div>
      {createElement(
        'sp-dropdown',
        { ref, 'aria-label': label, class: 'wide' },
        createElement('sp-menu', { slot: 'options' }, items),
      )}
    </div>
  );
}

/** Something that is so or not. */
export function Toggle(props: {
  readonly label: string;
  readonly on: boolean;
  readonly onChange: (on: boolean) => void;
}) {
  const { label, on, onChange } = props;
  const ref = useWidget({ change: (target) => onChange(target.checked) }, { checked: on });
  return createElement('sp-checkbox', { ref, checked: flag(on), class: 'toggle' }, label);
}

/** A heading that opens what is below it; `summary` tells what is there while it is closed. */
export function Disclosure(props: {
  readonly title: string;
  readonly summary?: string;
  readonly open: boolean;
  readonly onToggle: () => void;
  readonly children: ReactNode;
}) {
  const { title, summary = '', open, onToggle, children } = props;
  return (
    <div className="disclosure">
      <Pressable className="row between heading" expanded={open} onPress={onToggle}>
        <div>{`${open ? '▾' : '▸'} ${title}`}</div>
        <div className="dim name">{open ? '' : summary}</div>
      </Pressable>
      {open ? <div className="disclosed">{children}</div> : null}
    </div>
  );
}

/** `done` of `total`; both 0 while nothing can be told. */
export function ProgressBar({ done, total }: { readonly done: number; readonly total: number }) {
  const part = total > 0 ? Math.round((1000 * done) / total) / 10 : 0;
  const ref = useWidget({}, { value: part });
  return createElement('sp-progressbar', { ref, max: 100, value: part, class: 'wide' });
}

/** Something to press that is no button: a picture, a line. Pressed by mouse, Enter and the space bar. */
export function Pressable(props: {
  readonly className: string;
  readonly title?: string;
  readonly pressed?: boolean;
  readonly expanded?: boolean;
  readonly onPress: () => void;
  readonly children: ReactNode;
}) {
  const { className, title, pressed, expanded, onPress, children } = props;
  return (
    <div
      className={className}
      title={title}
      role="button"
      aria-pressed={pressed}
      aria-expanded={expanded}
      tabIndex={0}
      onClick={onPress}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return;
        event.preventDefault();
        onPress();
      }}
    >
      {children}
    </div>
  );
}
