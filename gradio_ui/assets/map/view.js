// Where one looks: a centre in page coordinates and a scale in pixels per unit. Immutable arithmetic, no drawing.

export const MOST_ZOOM = 400; // times the scale at which the whole map fits

export class View {
  /**
   * @param {number} width of the canvas in CSS pixels
   * @param {number} height
   * @param {number} x centre, in page coordinates
   * @param {number} y
   * @param {number} scale CSS pixels per unit
   */
  constructor(width, height, x, y, scale) {
    this.width = width;
    this.height = height;
    this.x = x;
    this.y = y;
    this.scale = scale;
  }

  /** The view that shows `bounds` [x0, y0, x1, y1] whole, with a margin in pixels. */
  static fitting(width, height, [x0, y0, x1, y1], margin = 48) {
    const inner = Math.max(40, Math.min(margin * 2, Math.min(width, height) * 0.3));
    const scale = Math.min((width - inner) / Math.max(x1 - x0, 1e-6), (height - inner) / Math.max(y1 - y0, 1e-6));
    return new View(width, height, (x0 + x1) / 2, (y0 + y1) / 2, Math.max(1e-3, Math.min(scale, 1e6)));
  }

  /** Page to screen: [x, y] in CSS pixels. */
  toScreen(x, y) {
    return [(x - this.x) * this.scale + this.width / 2, (y - this.y) * this.scale + this.height / 2];
  }

  /** Screen to page. */
  toPage(sx, sy) {
    return [(sx - this.width / 2) / this.scale + this.x, (sy - this.height / 2) / this.scale + this.y];
  }

  /** What is seen, grown by `margin` times its size on every side: [x0, y0, x1, y1]. */
  bounds(margin = 0) {
    const halfWidth = (this.width / 2 / this.scale) * (1 + 2 * margin);
    const halfHeight = (this.height / 2 / this.scale) * (1 + 2 * margin);
    return [this.x - halfWidth, this.y - halfHeight, this.x + halfWidth, this.y + halfHeight];
  }

  /** Moved by screen pixels: what was under the pointer stays under it. */
  panned(dx, dy) {
    return new View(this.width, this.height, this.x - dx / this.scale, this.y - dy / this.scale, this.scale);
  }

  /** Zoomed by a factor, the page point under (sx, sy) staying where it is. */
  zoomed(factor, sx = this.width / 2, sy = this.height / 2) {
    const [x, y] = this.toPage(sx, sy);
    const scale = this.scale * factor;
    return new View(this.width, this.height,
      x - (sx - this.width / 2) / scale, y - (sy - this.height / 2) / scale, scale);
  }

  /** Centred on a page point. */
  centred(x, y, scale = this.scale) {
    return new View(this.width, this.height, x, y, scale);
  }

  /** Of another size, with the same centre and scale. */
  resized(width, height) {
    return new View(width, height, this.x, this.y, this.scale);
  }

  /** Kept within sense: not farther than half of `fit`, not nearer than MOST_ZOOM of it, the centre on the map. */
  clamped(fit, [x0, y0, x1, y1]) {
    const scale = Math.min(Math.max(this.scale, fit.scale * 0.5), fit.scale * MOST_ZOOM);
    return new View(this.width, this.height,
      Math.min(Math.max(this.x, Math.min(x0, fit.x)), Math.max(x1, fit.x)),
      Math.min(Math.max(this.y, Math.min(y0, fit.y)), Math.max(y1, fit.y)), scale);
  }

  /** The view a share `t` of the way to another: centre and logarithm of the scale change evenly on the screen. */
  towards(other, t) {
    const scale = this.scale * (other.scale / this.scale) ** t;
    // The centre moves with the inverse of the scale, so that a zoom about a point stays about that point.
    const part = Math.abs(other.scale / this.scale - 1) < 1e-6
      ? t : (1 / scale - 1 / this.scale) / (1 / other.scale - 1 / this.scale);
    return new View(this.width, this.height,
      this.x + (other.x - this.x) * part, this.y + (other.y - this.y) * part, scale);
  }
}
