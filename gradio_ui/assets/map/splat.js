// The back end for machines without a GPU: points are written as pixels, pictures drawn by Canvas 2-D, into a picture
// larger than the canvas. While the map is dragged, that picture is moved and scaled; it is drawn anew when it no longer
// covers the canvas, and at rest. Some ten times faster than WebGL in software.

import { FADED, HIDDEN } from "./scene.js";

const TONE = Uint16Array.from({ length: 256 }, (_, count) => 256 * (1 - 0.55 * Math.exp(-0.28 * (count - 1))));

export class SplatBackend {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.name = "splat";
    this.margin = 0.25;
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.cache = document.createElement("canvas");
    this.cached = this.cache.getContext("2d", { alpha: false, willReadFrequently: true });
    /** @type {import("./view.js").View|null} */ this.view = null;
    this.ground = [255, 255, 255];
  }

  resize(width, height, ratio) {
    this.ratio = ratio;
    this.width = this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.height = this.canvas.height = Math.max(1, Math.round(height * ratio));
    this.fullWidth = this.cache.width = Math.round(this.width * (1 + 2 * this.margin));
    this.fullHeight = this.cache.height = Math.round(this.height * (1 + 2 * this.margin));
    this.image = this.cached.createImageData(this.fullWidth, this.fullHeight);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.view = null;
  }

  /** @param {import("./scene.js").Scene} scene @param {import("./view.js").View} view */
  render(scene, view) {
    const [r, g, b] = (this.ground = scene.ground);
    this.view = view;
    this.pixels.fill(((255 << 24) | (b << 16) | (g << 8) | r) >>> 0);
    const runs = scene.runs(view.bounds(this.margin));
    if (scene.density) this.density(scene, view, runs);
    else this.points(scene, view, runs);
    this.cached.putImageData(this.image, 0, 0);
    this.pictures(scene, view);
    this.present(view);
  }

  /** Discs with soft edges, the faded ones first. */
  points(scene, view, runs) {
    const { xy, codes, states, table } = scene, width = this.fullWidth, pixels = this.pixels;
    const mask = disc(scene.diameter * this.ratio, width);
    const [ax, bx, ay, by] = this.transform(view);
    const least = mask.reach, mostX = width - mask.reach - 1, mostY = this.fullHeight - mask.reach - 1;
    const { offsets, alphas } = mask, count = offsets.length;
    for (let pass = scene.hasFaded ? 0 : 1; pass < 2; pass++) {
      const wanted = pass === 0 ? FADED : 2;
      for (let k = 0; k < runs.length; k += 2) {
        for (let i = runs[k], end = runs[k + 1]; i < end; i++) {
          if (states !== null && states[i] !== wanted) continue;
          const x = (xy[2 * i] * ax + bx) | 0, y = (xy[2 * i + 1] * ay + by) | 0;
          if (x < least || y < least || x > mostX || y > mostY) continue;
          const colour = table[(codes === null ? 0 : codes[i]) + (wanted === FADED ? 256 : 0)], at = y * width + x;
          for (let m = 0; m < count; m++) {
            const alpha = alphas[m], to = at + offsets[m];
            pixels[to] = alpha === 256 ? colour : blend(pixels[to], colour, alpha);
          }
        }
      }
    }
  }

  /** One pixel per point; the more points, the stronger, in the mean of their colours. */
  density(scene, view, runs) {
    const { xy, codes, states, table } = scene, width = this.fullWidth, height = this.fullHeight;
    const size = width * height;
    if (this.counts?.length !== size) {
      this.counts = new Uint16Array(size);
      this.sums = new Uint32Array(size * 3);
    }
    const counts = this.counts.fill(0), sums = this.sums, [ax, bx, ay, by] = this.transform(view);
    for (let k = 0; k < runs.length; k += 2) {
      for (let i = runs[k], end = runs[k + 1]; i < end; i++) {
        const state = states === null ? 2 : states[i];
        if (state === HIDDEN) continue;
        const x = (xy[2 * i] * ax + bx) | 0, y = (xy[2 * i + 1] * ay + by) | 0;
        if (x < 0 || y < 0 || x >= width || y >= height) continue;
        const colour = table[(codes === null ? 0 : codes[i]) + (state === FADED ? 256 : 0)], at = y * width + x;
        if (counts[at] === 65535) continue;
        if (counts[at]++ === 0) {
          sums[3 * at] = colour & 255, sums[3 * at + 1] = (colour >>> 8) & 255, sums[3 * at + 2] = (colour >>> 16) & 255;
        } else {
          sums[3 * at] += colour & 255, sums[3 * at + 1] += (colour >>> 8) & 255, sums[3 * at + 2] += (colour >>> 16) & 255;
        }
      }
    }
    for (let at = 0; at < size; at++) {
      const count = counts[at];
      if (count === 0) continue;
      const colour = (255 << 24) | ((sums[3 * at + 2] / count) << 16) | ((sums[3 * at + 1] / count) << 8) | (sums[3 * at] / count);
      this.pixels[at] = blend(this.pixels[at], colour, TONE[count > 255 ? 255 : count]);
    }
  }

  pictures(scene, view) {
    const context = this.cached, [ax, bx, ay, by] = this.transform(view), ratio = this.ratio;
    context.imageSmoothingEnabled = true;
    for (const { i, bitmap, x, y, width, height, w, h } of scene.pictures) {
      const left = Math.round(scene.xy[2 * i] * ax + bx - (w * ratio) / 2), top = Math.round(scene.xy[2 * i + 1] * ay + by - (h * ratio) / 2);
      const faded = scene.states !== null && scene.states[i] === FADED, edge = Math.max(1, Math.round(1.5 * ratio));
      const across = Math.round(w * ratio), down = Math.round(h * ratio);
      context.fillStyle = css(scene.table[(scene.codes === null ? 0 : scene.codes[i]) + (faded ? 256 : 0)]);
      if (scene.codes !== null) context.fillRect(left - edge, top - edge, across + 2 * edge, down + 2 * edge);
      if (faded) context.globalAlpha = 0.16;
      context.drawImage(bitmap, x, y, width, height, left, top, across, down);
      context.globalAlpha = 1;
    }
  }

  /** @param {import("./view.js").View} view */
  present(view) {
    if (!this.view) return;
    const by = view.scale / this.view.scale, ratio = this.ratio;
    const x = ((this.view.x - view.x) * view.scale + view.width / 2) * ratio - (this.fullWidth * by) / 2;
    const y = ((this.view.y - view.y) * view.scale + view.height / 2) * ratio - (this.fullHeight * by) / 2;
    if (!this.covers(view)) {
      this.context.fillStyle = `rgb(${this.ground})`;
      this.context.fillRect(0, 0, this.width, this.height);
    }
    this.context.imageSmoothingEnabled = by !== 1;
    this.context.drawImage(this.cache, Math.round(x), Math.round(y), Math.round(this.fullWidth * by), Math.round(this.fullHeight * by));
  }

  covers(view) {
    if (!this.view) return false;
    const [x0, y0, x1, y1] = view.bounds(), [u0, v0, u1, v1] = this.view.bounds(this.margin);
    return x0 >= u0 && y0 >= v0 && x1 <= u1 && y1 <= v1;
  }

  /** Page to pixels of the large picture: x * ax + bx, y * ay + by, half a pixel added for truncation. */
  transform(view) {
    const a = view.scale * this.ratio;
    return [a, this.fullWidth / 2 - view.x * a + 0.5, a, this.fullHeight / 2 - view.y * a + 0.5];
  }

  dispose() {
    this.cache.width = this.cache.height = 0;
  }
}

/** Pixels of a disc around its centre: offsets in the picture and how much each is covered, of 256. */
function disc(diameter, width) {
  const radius = Math.max(0.5, diameter / 2), reach = Math.ceil(radius), offsets = [], alphas = [];
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      const covered = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(x, y)));
      if (covered > 0.03) offsets.push(y * width + x), alphas.push(Math.round(covered * 256));
    }
  }
  return { reach, offsets: Int32Array.from(offsets), alphas: Int32Array.from(alphas) };
}

function blend(under, over, alpha) {
  const rest = 256 - alpha;
  const redBlue = ((Math.imul(over & 0xff00ff, alpha) + Math.imul(under & 0xff00ff, rest)) >>> 8) & 0xff00ff;
  const green = ((Math.imul(over & 0xff00, alpha) + Math.imul(under & 0xff00, rest)) >>> 8) & 0xff00;
  return (0xff000000 | redBlue | green) >>> 0;
}

function css(pixel) {
  return `rgb(${pixel & 255} ${(pixel >>> 8) & 255} ${(pixel >>> 16) & 255})`;
}
