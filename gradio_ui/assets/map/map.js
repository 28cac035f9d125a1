// The map: owns the view and what is shown, asks a back end to draw, and turns the hand's wishes into changes.

import { Atlas } from "./atlas.js";
import { atlasSize, choosePictures, pictureSide, pointSize, showsDensity, spriteSize } from "./detail.js";
import { listen } from "./input.js";
import { enclosed, simplified } from "./lasso.js";
import { hiddenCodes } from "./legend.js";
import { Overlay } from "./overlay.js";
import { colours, ground, pixels, rgb } from "./palette.js";
import { FADED, HIDDEN, SHOWN } from "./scene.js";
import { SplatBackend } from "./splat.js";
import { wholeMap } from "./urlstate.js";
import { MOST_ZOOM, View } from "./view.js";
import { isSoftware, rendererName, WebglBackend } from "./webgl.js";

const LINES = {
  light: { ink: "#1B1B1A", accent: "#2B4C9B", ground: "#FAF8F4", warn: "#9A5B00" },
  dark: { ink: "#ECEAE4", accent: "#92ADF5", ground: "#141517", warn: "#E3B95B" },
};
const PICK_PX = 14;
const MOVE_MS = 150;

/**
 * @typedef {object} Listeners
 * @property {(i: number, x: number, y: number) => void} [hover] -1 when nothing is under the pointer
 * @property {(i: number) => void} [pick] -1 when nothing is picked any more
 * @property {(points: number[]|null) => void} [select]
 * @property {() => void} [change] view, colouring or filter changed and came to rest
 */

export class PictureMap {
  /**
   * @param {HTMLElement} stage a positioned, focusable element that is filled
   * @param {import("./data.js").MapData} data
   * @param {{theme: "light"|"dark", draw?: "splat"|"webgl"|"", listeners?: Listeners}} options
   */
  constructor(stage, data, { theme, draw = "", listeners = {} }) {
    this.stage = stage;
    this.data = data;
    this.theme = theme;
    this.wantedBackend = draw;
    this.listeners = listeners;
    this.mode = "pan";
    this.base = canvas(stage);
    this.over = canvas(stage);
    this.overlay = new Overlay(this.over, data);
    this.atlas = new Atlas(data, () => this.later());
    this.by = -1;
    /** @type {Uint8Array|null} */ this.codes = null;
    this.hidden = [];
    /** @type {Set<number>|null} points that stand out; the others fade */ this.matches = null;
    /** @type {number[]|null} */ this.selection = null;
    this.outline = [];
    /** @type {Uint8Array|null} */ this.states = null;
    this.marks = { hovered: -1, picked: -1, neighbours: [], placed: null, outline: [], path: [], crosshair: false };
    /** @type {import("./scene.js").Picture[]} */ this.pictures = [];
    this.frame = 0;
    this.stale = true; // the drawn picture does not show the current view at rest
    this.drawn = 0; // times the whole picture was drawn
    this.useBackend(draw === "webgl" ? "webgl" : "splat");
    this.measure();
    this.fit = View.fitting(this.width, this.height, this.bounds());
    this.view = this.fit;
    this.recolour();
    this.watchSize();
    this.listen();
    this.redraw();
    this.afterFirstPicture();
  }

  // --- what is shown ---

  bounds() {
    return this.data.n ? this.data.info.grid.bounds : [-1, -1, 1, 1];
  }

  /** Times the scale at which the whole map fits. */
  get zoom() {
    return this.view.scale / this.fit.scale;
  }

  /** Side of pictures now, in CSS pixels; 0 while there are points only. */
  get side() {
    return this.data.slots ? pictureSide(this.view.scale, this.data.info.spacing) : 0;
  }

  /** Colour by a field's number, -1 for none, and hide the legend rows of those numbers. */
  async colourBy(number, hidden = []) {
    const codes = number < 0 ? null : await this.data.column(number);
    this.by = number;
    this.codes = codes;
    this.hidden = hidden;
    this.recolour();
    this.restate();
    this.changed();
  }

  setTheme(theme) {
    this.theme = theme;
    this.recolour();
    this.redraw();
  }

  /** Let some points stand out and the others fade; null for all alike. */
  highlight(points) {
    this.matches = points && new Set(points);
    this.restate();
  }

  /** Select what an outline in page coordinates encloses; an empty one selects nothing. */
  select(outline) {
    this.outline = outline;
    this.marks.outline = outline;
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
    this.touch();
    if (i !== before) {
      this.listeners.pick?.(i);
      this.changed();
    }
  }

  /** Show a placed picture, or null. */
  setPlaced(placed) {
    this.marks.placed = placed;
    this.touch();
  }

  setMode(mode) {
    this.mode = mode;
    this.stage.dataset.mode = mode;
    this.stage.dispatchEvent(new Event("pm-mode"));
  }

  /** What the URL says. */
  get state() {
    const field = this.data.info.fields[this.by];
    const picked = this.marks.picked;
    return { x: this.view.x, y: this.view.y, zoom: this.zoom, by: field?.name ?? "", hidden: this.hidden,
      picked: picked < 0 ? null : this.data.ids[picked], outline: this.outline };
  }

  /** Show what a URL says, without moving. */
  async restore(state = wholeMap()) {
    this.view = this.view.centred(state.x, state.y, this.fit.scale * state.zoom).clamped(this.fit, this.bounds());
    await this.colourBy(this.data.fieldNumber(state.by), state.hidden);
    if (state.outline.length) this.select(state.outline);
    if (state.picked !== null) this.pick(this.data.point(state.picked));
    this.redraw();
  }

  isOpen(i) {
    return this.states === null || this.states[i] !== HIDDEN;
  }

  /** Points in view that are not hidden, up to `most`. */
  inView(most) {
    return this.data.grid.within(this.view.bounds(), most * 4).filter((i) => this.isOpen(i)).slice(0, most);
  }

  // --- moving ---

  /** Show the whole map. */
  showAll() {
    this.moveTo(this.fit);
  }

  /** Bring points into view: one is centred where pictures begin to be seen, several are framed. */
  show(points, margin = 120) {
    if (!points.length) return;
    const xs = points.map((i) => this.data.xy[2 * i]), ys = points.map((i) => this.data.xy[2 * i + 1]);
    this.frameBox([Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)], margin);
  }

  frameBox(box, margin = 120) {
    const near = 80 / Math.max(1e-9, this.data.info.spacing * 0.92); // scale at which pictures are 80 pixels
    const most = Math.max(this.fit.scale, Math.min(near, this.fit.scale * MOST_ZOOM));
    const target = View.fitting(this.width, this.height, box, margin);
    this.moveTo(target.centred(target.x, target.y, Math.min(target.scale, most)));
  }

  moveTo(target) {
    const from = this.view, to = target.clamped(this.fit, this.bounds()), began = performance.now();
    cancelAnimationFrame(this.moving);
    if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.view = to;
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
    this.stale = true;
    this.touch();
  }

  /** The hand has stopped: draw exactly what is in view. */
  settle() {
    this.redraw();
    this.changed();
  }

  // --- drawing ---

  /** Draw everything anew at the next frame. */
  redraw() {
    this.stale = true;
    this.full = true;
    this.touch();
  }

  /** Draw everything anew soon, however many ask for it. */
  later() {
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.redraw(), 30);
  }

  touch() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.paint());
  }

  paint() {
    this.frame = 0;
    if (!this.width) return;
    if (this.full || (this.stale && !this.backend.covers(this.view))) {
      this.backend.render(this.scene(), this.view);
      this.drawn++;
      this.stale = !this.full;
      this.full = false;
    } else {
      this.backend.present(this.view);
    }
    this.overlay.draw(this.view, this.marks, LINES[this.theme],
      { side: this.side, zoom: this.zoom, shape: (i) => this.drawnSize(i) });
  }

  /** @returns {import("./scene.js").Scene} */
  scene() {
    const { spacing } = this.data.info, { scale } = this.view;
    this.pictures = this.choose();
    return {
      xy: this.data.xy, codes: this.codes, states: this.states, hasFaded: this.hasFaded, table: this.table,
      ground: this.groundColour, runs: (rectangle) => this.data.grid.runs(rectangle), diameter: pointSize(scale, spacing),
      density: showsDensity(scale, spacing), pictures: this.pictures, side: this.side,
    };
  }

  /** Pictures to draw: those chosen whose page is here; the others follow when their pages arrive. */
  choose() {
    const side = this.side;
    if (!side) return [];
    const size = atlasSize(this.atlas.sizes, side, this.ratio), found = [];
    const open = (i) => this.isOpen(i) && this.atlas.has(i);
    const shown = (i) => open(i) && (this.states === null || this.states[i] === SHOWN);
    const margin = Math.max(0.1, this.backend.margin);
    const rectangle = this.view.bounds(margin), reach = side / this.view.scale;
    const chosen = choosePictures(this.data.grid, rectangle, reach, this.hasFaded ? shown : open);
    for (const i of chosen) {
      const sprite = this.atlas.best(i, size);
      if (!sprite.bitmap) continue;
      const [width, height] = spriteSize(this.data.shapes[i], sprite.size), [w, h] = this.drawnSize(i);
      found.push({ i, bitmap: sprite.bitmap, x: sprite.x, y: sprite.y, width, height, w, h });
    }
    return found;
  }

  /** Width and height in CSS pixels at which a point's picture is drawn. */
  drawnSize(i) {
    const side = this.side * 0.94, aspect = 2 ** ((this.data.shapes[i] - 128) / 32);
    return [side * Math.min(1, aspect), side * Math.min(1, 1 / aspect)];
  }

  recolour() {
    const field = this.by < 0 ? null : this.data.info.fields[this.by];
    this.colours = colours(field, this.theme);
    this.table = pixels(this.colours, this.theme);
    this.groundColour = rgb(ground(this.theme));
  }

  /** Work out which points are hidden, faded or shown. */
  restate() {
    const standing = this.matches ?? (this.selection && new Set(this.selection));
    const field = this.data.info.fields[this.by];
    this.hasFaded = standing !== null;
    if (!standing && !this.hidden.length) this.states = null;
    else {
      const off = this.hidden.length && field ? hiddenCodes(field, this.hidden) : null;
      const states = new Uint8Array(this.data.n).fill(standing ? FADED : SHOWN);
      if (standing) for (const i of standing) states[i] = SHOWN;
      if (off) for (let i = 0; i < states.length; i++) if (off[this.codes[i]]) states[i] = HIDDEN;
      this.states = states;
    }
    this.redraw();
  }

  // --- plumbing ---

  changed() {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.listeners.change?.(), 120);
  }

  measure() {
    this.width = this.stage.clientWidth;
    this.height = this.stage.clientHeight;
    this.ratio = Math.min(2, window.devicePixelRatio || 1);
    if (!this.width || !this.height) return;
    this.backend.resize(this.width, this.height, this.ratio);
    this.overlay.resize(this.width, this.height, this.ratio);
  }

  watchSize() {
    this.sizes = new ResizeObserver(() => {
      if (this.stage.clientWidth === this.width && this.stage.clientHeight === this.height) return;
      const whole = Math.abs(this.zoom - 1) < 1e-6;
      this.measure();
      if (!this.width) return; // the tab is hidden
      this.fit = View.fitting(this.width, this.height, this.bounds());
      this.view = whole ? this.fit : this.view.resized(this.width, this.height);
      this.redraw();
    });
    this.sizes.observe(this.stage);
  }

  useBackend(name) {
    this.backend?.dispose();
    if (this.backend) this.base = replaceCanvas(this.base);
    if (name === "webgl") {
      this.backend = new WebglBackend(this.base, {
        onRestored: () => this.redraw(),
        onGivenUp: () => this.switchTo("splat"),
      });
    } else {
      this.backend = new SplatBackend(this.base);
    }
    this.stage.dataset.draw = name;
  }

  switchTo(name) {
    this.useBackend(name);
    this.measure();
    this.redraw();
  }

  /** What is not needed for the first picture: where thumbnails lie, and whether there is a GPU. */
  afterFirstPicture() {
    setTimeout(async () => {
      await this.data.loadSlots();
      this.redraw();
      this.listeners.ready?.();
      if (!this.wantedBackend && !isSoftware(rendererName())) this.switchTo("webgl");
    }, 60);
  }

  listen() {
    listen(this.stage, {
      mode: () => this.mode,
      pan: (dx, dy) => {
        this.marks.crosshair = false;
        this.setView(this.view.panned(dx, dy));
      },
      zoom: (factor, x, y) => this.setView(this.view.zoomed(this.limited(factor), x, y)),
      hover: (x, y) => this.hover(x, y),
      leave: () => this.hover(-1e6, -1e6),
      click: (x, y) => this.pick(this.under(x, y)),
      draw: (path, done) => this.drawPath(path, done),
      key: (key, shift) => this.key(key, shift),
      rest: () => this.settle(),
    });
  }

  /** A zoom factor that stops at the limits, so that the point under the pointer stays there. */
  limited(factor) {
    const least = (this.fit.scale * 0.5) / this.view.scale, most = (this.fit.scale * MOST_ZOOM) / this.view.scale;
    return Math.min(Math.max(factor, least), most);
  }

  hover(x, y) {
    const i = this.under(x, y);
    if (i !== this.marks.hovered) {
      this.marks.hovered = i;
      this.stage.classList.toggle("is-over", i >= 0);
      this.touch();
    }
    this.listeners.hover?.(i, x, y);
  }

  /** The point under a screen position: a picture that covers it, or the nearest point; -1 for none. */
  under(x, y) {
    for (let k = this.pictures.length - 1; k >= 0; k--) {
      const { i } = this.pictures[k], [px, py] = this.view.toScreen(this.data.xy[2 * i], this.data.xy[2 * i + 1]);
      const [w, h] = this.drawnSize(i);
      if (this.side && Math.abs(px - x) <= w / 2 && Math.abs(py - y) <= h / 2) return i;
    }
    const [pageX, pageY] = this.view.toPage(x, y);
    return this.data.grid.nearest(pageX, pageY, PICK_PX / this.view.scale, (i) => this.isOpen(i));
  }

  drawPath(path, done) {
    this.marks.path = done ? [] : path;
    this.touch();
    if (!done) return;
    const outline = [];
    for (let k = 0; k < path.length; k += 2) outline.push(...this.view.toPage(path[k], path[k + 1]));
    this.select(simplified(outline).map((value) => Number(value.toFixed(4)))); // as the URL holds it
    this.setMode("pan");
  }

  key(key, shift) {
    const step = shift ? 160 : 40;
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (key in moves) {
      this.marks.crosshair = true;
      this.setView(this.view.panned(...moves[key]));
    } else if (key === "+" || key === "=") this.setView(this.view.zoomed(this.limited(1.3)));
    else if (key === "-" || key === "_") this.setView(this.view.zoomed(this.limited(1 / 1.3)));
    else if (key === "0" || key === "Home") this.showAll();
    else if (key === "Enter" || key === " ") this.pick(this.nearestToCentre());
    else if (key === "Escape") {
      if (this.outline.length) this.select([]);
      else this.pick(-1);
    } else return false;
    return true;
  }

  nearestToCentre() {
    const reach = Math.max(this.width, this.height) / this.view.scale;
    return this.data.grid.nearest(this.view.x, this.view.y, reach, (i) => this.isOpen(i));
  }

  dispose() {
    cancelAnimationFrame(this.frame);
    cancelAnimationFrame(this.moving);
    clearTimeout(this.soon);
    clearTimeout(this.telling);
    this.sizes.disconnect();
    this.backend.dispose();
    this.base.remove();
    this.over.remove();
  }
}

function canvas(stage) {
  const made = document.createElement("canvas");
  made.className = "pm-map-canvas";
  made.setAttribute("aria-hidden", "true");
  stage.append(made);
  return made;
}

function replaceCanvas(old) {
  const made = old.cloneNode();
  old.replaceWith(made);
  return made;
}
