// The map: owns the view and what is shown, and turns the hand's wishes into changes.

import { control } from "./control.js";
import { enclosed } from "./lasso.js";
import { hiddenCodes } from "./legend.js";
import { Painter } from "./painter.js";
import { FADED, HIDDEN, SHOWN } from "./scene.js";
import { wholeMap } from "./urlstate.js";
import { MOST_ZOOM, View } from "./view.js";

const MOVE_MS = 150;

/**
 * @typedef {object} Listeners
 * @property {(i: number, x: number, y: number) => void} [hover] -1 when nothing is under the pointer
 * @property {(i: number) => void} [pick] -1 when nothing is picked any more
 * @property {(points: number[]|null) => void} [select]
 * @property {() => void} [change] view, colouring or filter changed and came to rest
 * @property {() => void} [ready] thumbnails can be drawn
 */

export class PictureMap {
  /**
   * @param {HTMLElement} stage a positioned, focusable element that is filled
   * @param {import("./data.js").MapData} data
   * @param {object} options
   * @param {"light"|"dark"} options.theme
   * @param {"splat"|"webgl"|""} [options.draw] back end, or chosen
   * @param {() => number[]} [options.insets] pixels at the left and the right that panels cover
   * @param {Listeners} [options.listeners]
   */
  constructor(stage, data, { theme, draw = "", insets = () => [0, 0], listeners = {} }) {
    this.stage = stage;
    this.data = data;
    this.insets = insets;
    this.listeners = listeners;
    this.mode = "pan";
    this.by = -1;
    this.hidden = [];
    /** @type {Set<number>|null} points that stand out; the others fade */ this.matches = null;
    /** @type {number[]|null} */ this.selection = null;
    this.outline = [];
    this.marks = { hovered: -1, picked: -1, neighbours: [], placed: null, outline: [], path: [], crosshair: false };
    this.look = { field: null, codes: null, states: null, hasFaded: false, marks: this.marks };
    this.painter = new Painter(stage, data, this.look, { theme, draw }, () => this.listeners.ready?.());
    this.refit();
    this.setView(this.fit);
    this.watchSize();
    control(this);
  }

  get width() {
    return this.painter.width;
  }

  get height() {
    return this.painter.height;
  }

  get atlas() {
    return this.painter.atlas;
  }

  /** Colour of each code, as [r, g, b]. */
  get colours() {
    return this.painter.colours;
  }

  /** Codes of the field that colours, or null. */
  get codes() {
    return this.look.codes;
  }

  /** Times the scale at which the whole map fits. */
  get zoom() {
    return this.view.scale / this.fit.scale;
  }

  bounds() {
    return this.data.n ? this.data.info.grid.bounds : [-1, -1, 1, 1];
  }

  // --- what is shown ---

  /** Colour by a field's number, -1 for none, and hide the legend rows of those numbers. */
  async colourBy(number, hidden = []) {
    const codes = number < 0 ? null : await this.data.column(number);
    this.by = number;
    this.hidden = hidden;
    this.look.codes = codes;
    this.look.field = number < 0 ? null : this.data.info.fields[number];
    this.painter.recolour();
    this.restate();
    this.changed();
  }

  setTheme(theme) {
    this.painter.setTheme(theme);
  }

  /** Let some points stand out and the others fade; null for all alike. */
  highlight(points) {
    this.matches = points && new Set(points);
    this.restate();
  }

  /** Select what an outline in page coordinates encloses; an empty one selects nothing. */
  select(outline) {
    this.outline = this.marks.outline = outline;
    this.selection = outline.length ? enclosed(this.data.grid, outline, (i) => this.isOpen(i)) : null;
    this.restate();
    this.listeners.select?.(this.selection);
    this.changed();
  }

  /** Pick a point; lines lead to `neighbours`. */
  pick(i, neighbours = []) {
    const before = this.marks.picked;
    this.marks.picked = i;
    this.marks.neighbours = neighbours.filter((point) => point >= 0);
    this.painter.redraw();
    if (i !== before) {
      this.listeners.pick?.(i);
      this.changed();
    }
  }

  /** Show a placed picture, or null. */
  setPlaced(placed) {
    this.marks.placed = placed;
    this.painter.redraw();
  }

  setMode(mode) {
    this.mode = mode;
    this.stage.dataset.mode = mode;
    this.stage.dispatchEvent(new Event("pm-mode"));
  }

  /** What the URL says. */
  get state() {
    const { picked } = this.marks;
    return { x: this.view.x, y: this.view.y, zoom: this.zoom, by: this.look.field?.name ?? "", hidden: this.hidden,
      picked: picked < 0 ? null : this.data.ids[picked], outline: this.outline };
  }

  /** Show what a URL says, without moving. */
  async restore(state = wholeMap()) {
    this.setView(this.view.centred(state.x, state.y, this.fit.scale * state.zoom));
    await this.colourBy(this.data.fieldNumber(state.by), state.hidden);
    if (state.outline.length || this.outline.length) this.select(state.outline);
    this.pick(state.picked === null ? -1 : this.data.point(state.picked));
    this.painter.redraw();
  }

  isOpen(i) {
    return this.look.states === null || this.look.states[i] !== HIDDEN;
  }

  /** Points in view that are not hidden, up to `most`. */
  inView(most) {
    return this.data.grid.within(this.view.bounds(), most * 4).filter((i) => this.isOpen(i)).slice(0, most);
  }

  /** Work out which points are hidden, faded or shown. */
  restate() {
    const standing = this.matches ?? (this.selection && new Set(this.selection)), { field, codes } = this.look;
    this.look.hasFaded = standing !== null;
    this.look.states = null;
    if (standing || this.hidden.length) {
      const states = new Uint8Array(this.data.n).fill(standing ? FADED : SHOWN);
      if (standing) for (const i of standing) states[i] = SHOWN;
      if (field && this.hidden.length) {
        const off = hiddenCodes(field, this.hidden);
        for (let i = 0; i < states.length; i++) if (off[codes[i]]) states[i] = HIDDEN;
      }
      this.look.states = states;
    }
    this.painter.redraw();
  }

  // --- moving ---

  /** Show the whole map. */
  showAll() {
    this.moveTo(this.fit);
  }

  /** Bring points into view. */
  show(points) {
    if (!points.length) return;
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (const i of points) {
      const x = this.data.xy[2 * i], y = this.data.xy[2 * i + 1];
      box[0] = Math.min(box[0], x), box[1] = Math.min(box[1], y), box[2] = Math.max(box[2], x), box[3] = Math.max(box[3], y);
    }
    this.frameBox(box);
  }

  /** Bring a box into view, not nearer than where pictures are 80 pixels. */
  frameBox(box) {
    const near = 80 / Math.max(1e-9, this.data.info.spacing);
    this.moveTo(this.fitting(box, 120, Math.max(this.fit.scale, Math.min(near, this.fit.scale * MOST_ZOOM))));
  }

  /** Centre on a point where pictures can be told apart. */
  goTo(i, side = 64) {
    const scale = Math.max(this.fit.scale, this.view.scale, side / Math.max(1e-9, this.data.info.spacing));
    this.moveTo(this.view.centred(this.data.xy[2 * i], this.data.xy[2 * i + 1], scale));
  }

  moveTo(target) {
    const from = this.view, to = target.clamped(this.fit, this.bounds()), began = performance.now();
    cancelAnimationFrame(this.moving);
    if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.setView(to);
      this.settle();
      return;
    }
    const step = (now) => {
      const t = Math.min(1, Math.max(0, (now - began) / MOVE_MS));
      this.setView(t === 1 ? to : from.towards(to, t * (2 - t)));
      if (t < 1) this.moving = requestAnimationFrame(step);
      else this.settle();
    };
    this.moving = requestAnimationFrame(step);
  }

  setView(view) {
    this.view = view.clamped(this.fit, this.bounds());
    this.painter.show(this.view);
  }

  /** The hand has stopped: draw exactly what is in view. */
  settle() {
    this.painter.redraw();
    this.changed();
  }

  /** The view of a box, between the panels. */
  fitting(box, margin, most = Infinity) {
    const [left, right] = this.insets(), view = View.fitting(Math.max(200, this.width - left - right), this.height, box, margin);
    const scale = Math.min(view.scale, most);
    return new View(this.width, this.height, view.x - (left - right) / 2 / scale, view.y, scale);
  }

  refit() {
    this.fit = this.fitting(this.bounds(), 48);
    this.painter.fitScale = this.fit.scale;
  }

  /** A zoom factor that stops at the limits, so that the point under the pointer stays there. */
  limited(factor) {
    const least = (this.fit.scale * 0.5) / this.view.scale, most = (this.fit.scale * MOST_ZOOM) / this.view.scale;
    return Math.min(Math.max(factor, least), most);
  }

  // --- plumbing ---

  changed() {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.listeners.change?.(), 120);
  }

  watchSize() {
    this.sizes = new ResizeObserver(() => {
      if (this.stage.clientWidth === this.width && this.stage.clientHeight === this.height) return;
      const wasHidden = !this.width, whole = wasHidden || Math.abs(this.zoom - 1) < 1e-6;
      if (!this.painter.measure()) return;
      this.refit();
      this.setView(whole ? this.fit : this.view.resized(this.width, this.height));
      this.painter.redraw();
    });
    this.sizes.observe(this.stage);
  }

  dispose() {
    cancelAnimationFrame(this.moving);
    clearTimeout(this.telling);
    this.sizes.disconnect();
    this.painter.dispose();
  }
}
