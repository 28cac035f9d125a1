// The server's grid over the points: culling, picking and counting look only at the cells concerned.

export class Grid {
  /**
   * @param {number} side cells along each side
   * @param {number[]} bounds [x0, y0, x1, y1] of the grid
   * @param {Uint32Array} starts where each cell begins, side * side + 1
   * @param {Float32Array} xy coordinates in the order of the cells
   */
  constructor(side, bounds, starts, xy) {
    this.side = side;
    this.bounds = bounds;
    this.starts = starts;
    this.xy = xy;
    this.perX = side / (bounds[2] - bounds[0]);
    this.perY = side / (bounds[3] - bounds[1]);
  }

  column(x) {
    return clamp(Math.floor((x - this.bounds[0]) * this.perX), this.side - 1);
  }

  row(y) {
    return clamp(Math.floor((y - this.bounds[1]) * this.perY), this.side - 1);
  }

  /** True when a rectangle and the grid have nothing in common. */
  misses([x0, y0, x1, y1]) {
    return x1 < this.bounds[0] || y1 < this.bounds[1] || x0 > this.bounds[2] || y0 > this.bounds[3];
  }

  /**
   * Runs of points [from, to, from, to ...] that hold everything in a rectangle, and the rest of the cells it touches.
   * @param {number[]} rectangle [x0, y0, x1, y1]
   */
  runs(rectangle) {
    const found = [];
    if (this.misses(rectangle)) return found;
    const left = this.column(rectangle[0]), right = this.column(rectangle[2]), last = this.row(rectangle[3]);
    for (let row = this.row(rectangle[1]); row <= last; row++) {
      const from = this.starts[row * this.side + left], to = this.starts[row * this.side + right + 1];
      if (to === from) continue;
      if (found.length && found[found.length - 1] === from) found[found.length - 1] = to;
      else found.push(from, to);
    }
    return found;
  }

  /** Points in a rectangle, exactly, at most `most` of them. */
  within(rectangle, most = Infinity) {
    const [x0, y0, x1, y1] = rectangle, found = [], runs = this.runs(rectangle), xy = this.xy;
    for (let k = 0; k < runs.length; k += 2) {
      for (let i = runs[k]; i < runs[k + 1]; i++) {
        if (xy[2 * i] >= x0 && xy[2 * i] <= x1 && xy[2 * i + 1] >= y0 && xy[2 * i + 1] <= y1) {
          found.push(i);
          if (found.length >= most) return found;
        }
      }
    }
    return found;
  }

  /**
   * The nearest point within a radius, or -1.
   * @param {number} x
   * @param {number} y
   * @param {number} radius
   * @param {(i: number) => boolean} [accepts]
   */
  nearest(x, y, radius, accepts) {
    const runs = this.runs([x - radius, y - radius, x + radius, y + radius]), xy = this.xy;
    let best = -1, least = radius * radius;
    for (let k = 0; k < runs.length; k += 2) {
      for (let i = runs[k]; i < runs[k + 1]; i++) {
        const dx = xy[2 * i] - x, dy = xy[2 * i + 1] - y, squared = dx * dx + dy * dy;
        if (squared <= least && (!accepts || accepts(i))) {
          least = squared;
          best = i;
        }
      }
    }
    return best;
  }
}

function clamp(value, most) {
  return value < 0 ? 0 : value > most ? most : value;
}
