// Painting: keeps the two canvases, chooses a back end, and draws a view with the pictures that belong in it.

import { Atlas } from "./atlas.js";
import { atlasSize, choosePictures, pictureSide, pointSize, showsDensity, spriteSize } from "./detail.js";
import { Overlay } from "./overlay.js";
import { colours, ground, pixels, rgb } from "./palette.js";
import { HIDDEN, SHOWN } from "./scene.js";
import { SplatBackend } from "./splat.js";
import { isSoftware, rendererName, WebglBackend } from "./webgl.js";

const LINES = {
  light: { ink: "#1B1B1A", accent: "#2B4C9B", ground: "#FAF8F4", warn: "#9A5B00" },
  dark: { ink: "#ECEAE4", accent: "#92ADF5", ground: "#141517", warn: "#E3B95B" },
};

/**
 * @typedef {object} Look what is shown, apart from where one looks
 * @property {object|null} field that colours
 * @property {Uint8Array|null} codes
 * @property {Uint8Array|null} states
 * @property {boolean} hasFaded
 * @property {import("./overlay.js").Marks} marks
 */

export class Painter {
  /**
   * @param {HTMLElement} stage
   * @param {import("./data.js").MapData} data
   * @param {Look} look
   * @param {{theme: "light"|"dark", draw: string}} options
   * @param {() => void} onReady thumbnails can be drawn now
   */
  constructor(stage, data, look, { theme, draw }, onReady) {
    this.stage = stage;
    this.data = data;
    this.look = look;
    this.theme = theme;
    this.base = canvas(stage);
    this.over = canvas(stage);
    this.overlay = new Overlay(this.over, data);
    this.atlas = new Atlas(data, () => this.later());
    /** @type {import("./scene.js").Picture[]} */ this.pictures = [];
    /** @type {Set<number>} */ this.isPicture = new Set();
    this.frame = 0;
    this.drawn = 0; // times the whole picture was drawn
    this.useBackend(draw === "webgl" ? "webgl" : "splat");
    this.measure();
    this.recolour();
    this.afterFirstPicture(draw, onReady);
  }

  /** Side of pictures in a view, in CSS pixels; 0 while there are points only. */
  side(view) {
    return this.data.slots ? pictureSide(view.scale, this.data.info.spacing) : 0;
  }

  setTheme(theme) {
    this.theme = theme;
    this.recolour();
    this.redraw();
  }

  recolour() {
    this.colours = colours(this.look.field, this.theme);
    this.table = pixels(this.colours, this.theme);
    this.ground = rgb(ground(this.theme));
  }

  /** Show another view soon; cheap: the drawn picture is moved while it covers the canvas. */
  show(view) {
    this.view = view;
    this.stale = true;
    this.touch();
  }

  /** Draw everything anew at the next frame. */
  redraw() {
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
    if (!this.width || !this.view) return;
    if (this.full || (this.stale && !this.backend.covers(this.view))) {
      this.backend.render(this.scene(), this.view);
      this.drawn++;
      this.full = false;
    } else {
      this.backend.present(this.view);
    }
    this.stale = false;
    this.overlay.draw(this.view, this.look.marks, LINES[this.theme],
      { side: this.side(this.view), zoom: this.view.scale / this.fitScale, shape: (i) => (this.isPicture.has(i) ? this.drawnSize(i) : null) });
  }

  /** @returns {import("./scene.js").Scene} */
  scene() {
    const { spacing } = this.data.info, { scale } = this.view, { codes, states, hasFaded } = this.look;
    this.pictures = this.choose();
    return {
      xy: this.data.xy, codes, states, hasFaded, table: this.table, ground: this.ground,
      runs: (rectangle) => this.data.grid.runs(rectangle), diameter: pointSize(scale, spacing),
      density: showsDensity(scale, spacing), pictures: this.pictures, side: this.side(this.view),
    };
  }

  /** Pictures to draw: those chosen whose page is here; the others follow when their pages arrive. */
  choose() {
    const side = this.side(this.view), { states, hasFaded } = this.look;
    this.isPicture.clear();
    if (!side) return [];
    const size = atlasSize(this.atlas.sizes, side, this.ratio), found = [];
    const open = (i) => this.atlas.has(i) && (states === null || (hasFaded ? states[i] === SHOWN : states[i] !== HIDDEN));
    const rectangle = this.view.bounds(Math.max(0.1, this.backend.margin)), { marks } = this.look;
    const marked = new Set([...(marks.placed?.neighbours ?? []), ...marks.neighbours, marks.picked].filter((i) => i >= 0 && this.atlas.has(i)));
    const chosen = choosePictures(this.data.grid, rectangle, side / this.view.scale, open).filter((i) => !marked.has(i));
    for (const i of [...chosen, ...marked]) { // what lines lead to lies on top
      const sprite = this.atlas.best(i, size);
      if (!sprite.bitmap) continue;
      const [width, height] = spriteSize(this.data.shapes[i], sprite.size), [w, h] = this.drawnSize(i);
      this.isPicture.add(i);
      found.push({ i, bitmap: sprite.bitmap, x: sprite.x, y: sprite.y, width, height, w, h });
    }
    return found;
  }

  /** Width and height in CSS pixels at which a point's picture is drawn. */
  drawnSize(i) {
    const side = this.side(this.view) * 0.94, aspect = 2 ** ((this.data.shapes[i] - 128) / 32);
    return [side * Math.min(1, aspect), side * Math.min(1, 1 / aspect)];
  }

  /** The point whose picture covers a screen position, or -1. */
  pictureAt(x, y) {
    if (!this.side(this.view)) return -1;
    for (let k = this.pictures.length - 1; k >= 0; k--) {
      const { i } = this.pictures[k], [px, py] = this.view.toScreen(this.data.xy[2 * i], this.data.xy[2 * i + 1]);
      const [w, h] = this.drawnSize(i);
      if (Math.abs(px - x) <= w / 2 && Math.abs(py - y) <= h / 2) return i;
    }
    return -1;
  }

  /** Take the stage's size; false while it is hidden. */
  measure() {
    this.width = this.stage.clientWidth;
    this.height = this.stage.clientHeight;
    this.ratio = Math.min(2, window.devicePixelRatio || 1);
    if (!this.width || !this.height) return false;
    this.backend.resize(this.width, this.height, this.ratio);
    this.overlay.resize(this.width, this.height, this.ratio);
    this.full = true;
    return true;
  }

  useBackend(name) {
    this.backend?.dispose();
    if (this.backend) this.renewCanvas();
    this.backend = null;
    if (name === "webgl") {
      try {
        this.backend = new WebglBackend(this.base, { onRestored: () => this.redraw(), onGivenUp: () => this.switchTo("splat") });
      } catch (error) {
        console.warn("WebGL cannot be used, the map is drawn without it:", error);
        this.renewCanvas();
      }
    }
    this.backend ??= new SplatBackend(this.base);
    this.stage.dataset.draw = this.backend.name;
  }

  /** A canvas keeps its first kind of context: another kind needs another canvas. */
  renewCanvas() {
    const fresh = this.base.cloneNode();
    this.base.replaceWith(fresh);
    this.base = fresh;
  }

  switchTo(name) {
    this.useBackend(name);
    this.measure();
    this.redraw();
  }

  /** What is not needed for the first picture: where thumbnails lie, and whether there is a GPU. */
  afterFirstPicture(draw, onReady) {
    this.waiting = setTimeout(async () => {
      await this.data.loadSlots();
      this.redraw();
      onReady();
      if (!draw && !isSoftware(rendererName())) this.switchTo("webgl");
    }, 60);
  }

  dispose() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.soon);
    clearTimeout(this.waiting);
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
