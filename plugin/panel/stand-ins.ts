/**
 * The editors' widgets for a browser, where nobody else defines them: the same tags, attributes, properties and events, as far as
 * widgets.tsx uses them. Not part of the editors' packages.
 */
const CSS = {
  common: `:host { display: inline-block; box-sizing: border-box; font: inherit; }
    :host([disabled]) { opacity: .4; pointer-events: none; }
    * { box-sizing: border-box; font: inherit; }
    :focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }`,
  button: `button { width: 100%; height: 32px; padding: 0 14px; border-radius: 16px; border: 2px solid var(--line-strong);
      background: none; color: var(--text); font-weight: 600; cursor: pointer; white-space: nowrap; }
    button:hover { background: var(--hover); }
    :host([variant=cta]) button { background: var(--accent); border-color: var(--accent); color: #fff; }
    :host([variant=cta]) button:hover { background: var(--accent-hover); border-color: var(--accent-hover); }
    :host([quiet]) button { height: 24px; padding: 0 8px; border: 0; border-radius: 4px; font-weight: 400; color: var(--dim); }
    :host([quiet]) button:hover { color: var(--text); }`,
  field: `input, textarea, select { width: 100%; height: 32px; padding: 0 10px; border-radius: 4px; color: var(--text);
      border: 1px solid var(--line-strong); background: var(--field); }
    textarea { height: 68px; padding: 7px 10px; resize: vertical; display: block; line-height: 18px; }
    ::placeholder { color: var(--dim); opacity: .8; }
    input:hover, textarea:hover, select:hover { border-color: var(--dim); }
    :is(input, textarea, select):focus { outline: 2px solid var(--accent); outline-offset: -1px; }
    select { appearance: none; padding-right: 26px; cursor: pointer; background: var(--field) no-repeat right 10px center/9px
      url("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 6'%3E%3Cpath d='M1 1l3.5 3.5L8 1' fill='none' stroke='%23888' stroke-width='1.5'/%3E%3C/svg%3E"); }
    option { background: var(--field); color: var(--text); }`,
  slider: `input { appearance: none; display: block; width: 100%; height: 16px; margin: 2px 0 0; background: none; cursor: pointer; }
    input::-webkit-slider-runnable-track { height: 2px; border-radius: 1px;
      background: linear-gradient(to right, var(--accent) var(--part), var(--line-strong) var(--part)); }
    input::-webkit-slider-thumb { appearance: none; width: 14px; height: 14px; margin-top: -6px; border-radius: 7px;
      border: 2px solid var(--accent); background: var(--back); }
    input::-moz-range-track { height: 2px; border-radius: 1px; background: var(--line-strong); }
    input::-moz-range-progress { height: 2px; border-radius: 1px; background: var(--accent); }
    input::-moz-range-thumb { width: 10px; height: 10px; border-radius: 7px; border: 2px solid var(--accent);
      background: var(--back); }`,
  check: `label { display: flex; align-items: center; min-height: 24px; cursor: pointer; }
    input { width: 14px; height: 14px; margin: 0 8px 0 1px; flex-shrink: 0; accent-color: var(--accent); cursor: pointer; }`,
  bar: `div { height: 6px; border-radius: 3px; background: var(--track); overflow: hidden; }
    i { display: block; height: 100%; border-radius: 3px; background: var(--accent); }`,
};

abstract class Widget<E extends HTMLElement> extends HTMLElement {
  protected readonly inner: E;

  constructor(css: string, html: string) {
    super();
    const root = this.attachShadow({ mode: 'open', delegatesFocus: true });
    root.innerHTML = `<style>${CSS.common}${css}</style>${html}`;
    this.inner = root.querySelector('[part]') as E;
  }

  connectedCallback(): void {
    for (const name of ['placeholder', 'min', 'max', 'aria-label', 'title']) {
      const value = this.getAttribute(name);
      if (value !== null) this.inner.setAttribute(name, value);
    }
  }

  /** Shadow roots let `input` pass and stop `change`. */
  protected forwardChange(): void {
    this.inner.addEventListener('change', () => this.dispatchEvent(new Event('change')));
  }
}

class Button extends Widget<HTMLButtonElement> {
  constructor() {
    super(CSS.button, '<button part="button" type="button"><slot></slot></button>');
  }
}

class Input extends Widget<HTMLInputElement> {
  constructor(css: string, html: string) {
    super(css, html);
    this.forwardChange();
  }

  get value(): string {
    return this.inner.value;
  }

  set value(value: string) {
    this.inner.value = value;
  }
}

class Checkbox extends Widget<HTMLInputElement> {
  constructor() {
    super(CSS.check, '<label><input part="box" type="checkbox"><slot></slot></label>');
    this.forwardChange();
  }

  get checked(): boolean {
    return this.inner.checked;
  }

  set checked(checked: boolean) {
    this.inner.checked = checked;
  }
}

class Slider extends Input {
  constructor() {
    super(CSS.slider, '<input part="field" type="range">');
    this.inner.addEventListener('input', () => this.#fill());
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#fill();
  }

  override get value(): string {
    return super.value;
  }

  override set value(value: string) {
    super.value = value;
    this.#fill();
  }

  /** The part before the thumb has another colour. */
  #fill(): void {
    const { min, max, value } = this.inner;
    const part = (Number(value) - Number(min || 0)) / (Number(max || 100) - Number(min || 0));
    this.inner.style.setProperty('--part', `${100 * part}%`);
  }
}

class Dropdown extends Widget<HTMLSelectElement> {
  #selected = -1;

  constructor() {
    super(CSS.field, '<select part="field"></select>');
    this.forwardChange();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    // The items come after this element.
    queueMicrotask(() => this.#fill());
    new MutationObserver(() => this.#fill()).observe(this, { childList: true, subtree: true, characterData: true });
  }

  #fill(): void {
    const items = [...this.querySelectorAll('sp-menu-item')];
    this.inner.replaceChildren(...items.map((item) => new Option(item.textContent, item.getAttribute('value') ?? '')));
    this.inner.selectedIndex = this.#selected;
  }

  get selectedIndex(): number {
    return this.inner.selectedIndex;
  }

  set selectedIndex(index: number) {
    this.#selected = index;
    this.inner.selectedIndex = index;
  }
}

class ProgressBar extends Widget<HTMLElement> {
  constructor() {
    super(CSS.bar, '<div><i part="bar"></i></div>');
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.setAttribute('role', 'progressbar');
  }

  set value(value: number) {
    this.inner.style.width = `${value}%`;
    if (this.isConnected) this.setAttribute('aria-valuenow', String(value));
  }
}

export function defineStandIns(): void {
  const define = (name: string, widget: CustomElementConstructor): void => {
    if (!customElements.get(name)) customElements.define(name, widget);
  };
  define('sp-button', Button);
  define('sp-action-button', class extends Button {});
  define(
    'sp-textfield',
    class extends Input {
      constructor() {
        super(CSS.field, '<input part="field" type="text" spellcheck="false">');
      }
    },
  );
  define(
    'sp-textarea',
    class extends Input {
      constructor() {
        super(CSS.field, '<textarea part="field" spellcheck="false"></textarea>');
      }
    },
  );
  define('sp-checkbox', Checkbox);
  define('sp-slider', Slider);
  define('sp-dropdown', Dropdown);
  define('sp-progressbar', ProgressBar);
}
