// Selecting with an outline: cells of the grid that no edge crosses are in or out as a whole, so only few points are
// tested one by one.

const MOST_CORNERS = 40;

/**
 * An outline with at most 40 corners that follows a drawn path; what is selected is what it encloses.
 * @param {number[]} path x, y, x, y ...
 */
export function simplified(path) {
  const count = path.length / 2;
  if (count <= MOST_CORNERS) return path.slice();
  const kept = [];
  let length = 0;
  for (let i = 1; i < count; i++) length += Math.hypot(path[2 * i] - path[2 * i - 2], path[2 * i + 1] - path[2 * i - 1]);
  let walked = 0, next = 0;
  for (let i = 0; i < count; i++) {
    if (i) walked += Math.hypot(path[2 * i] - path[2 * i - 2], path[2 * i + 1] - path[2 * i - 1]);
    if (walked >= next && kept.length < 2 * MOST_CORNERS) {
      kept.push(path[2 * i], path[2 * i + 1]);
      next += length / MOST_CORNERS;
    }
  }
  return kept;
}

/** The outline of a box with two opposite corners. */
export function box(x0, y0, x1, y1) {
  return [x0, y0, x1, y0, x1, y1, x0, y1];
}

/** Even-odd rule. */
export function encloses(outline, x, y) {
  let inside = false;
  for (let j = 0, k = outline.length - 2; j < outline.length; k = j, j += 2) {
    const yj = outline[j + 1], yk = outline[k + 1];
    if (yj > y !== yk > y && x < ((outline[k] - outline[j]) * (y - yj)) / (yk - yj) + outline[j]) inside = !inside;
  }
  return inside;
}

/**
 * Points that an outline encloses, in their order.
 * @param {import("./grid.js").Grid} grid
 * @param {number[]} outline x, y, x, y ... in page coordinates, closed by itself
 * @param {(i: number) => boolean} [accepts]
 * @returns {number[]}
 */
export function enclosed(grid, outline, accepts) {
  const found = [];
  if (outline.length < 6) return found;
  let x0 = Infinity, y0 = Infinity, x1 = -Infinity, y1 = -Infinity;
  for (let j = 0; j < outline.length; j += 2) {
    x0 = Math.min(x0, outline[j]), x1 = Math.max(x1, outline[j]);
    y0 = Math.min(y0, outline[j + 1]), y1 = Math.max(y1, outline[j + 1]);
  }
  if (grid.misses([x0, y0, x1, y1])) return found;
  const left = grid.column(x0), right = grid.column(x1), top = grid.row(y0), bottom = grid.row(y1);
  const across = right - left + 1;
  const crossed = markCrossed(grid, outline, left, top, across, bottom - top + 1);
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      const cell = row * grid.side + column, from = grid.starts[cell], to = grid.starts[cell + 1];
      if (from === to) continue;
      const exact = crossed[(row - top) * across + column - left];
      const whole = !exact && encloses(outline,
        grid.bounds[0] + (column + 0.5) / grid.perX, grid.bounds[1] + (row + 0.5) / grid.perY);
      if (!exact && !whole) continue;
      for (let i = from; i < to; i++) {
        if ((whole || encloses(outline, grid.xy[2 * i], grid.xy[2 * i + 1])) && (!accepts || accepts(i))) found.push(i);
      }
    }
  }
  return found;
}

/** Mark each cell that an edge may cross, one cell more on each side to be safe from rounding. */
function markCrossed(grid, outline, left, top, across, down) {
  const marks = new Uint8Array(across * down);
  for (let j = 0, k = outline.length - 2; j < outline.length; k = j, j += 2) {
    let ax = (outline[k] - grid.bounds[0]) * grid.perX, ay = (outline[k + 1] - grid.bounds[1]) * grid.perY;
    let bx = (outline[j] - grid.bounds[0]) * grid.perX, by = (outline[j + 1] - grid.bounds[1]) * grid.perY;
    if (ay > by) [ax, ay, bx, by] = [bx, by, ax, ay];
    const last = Math.min(Math.floor(by + 1e-3), top + down - 1);
    for (let row = Math.max(Math.floor(ay - 1e-3), top); row <= last; row++) {
      const steep = by - ay > 1e-12;
      const at = (y) => (steep ? ax + ((bx - ax) * (Math.min(Math.max(y, ay), by) - ay)) / (by - ay) : ax);
      const one = steep ? at(row) : ax, other = steep ? at(row + 1) : bx;
      const from = Math.max(Math.floor(Math.min(one, other) - 1e-3), left);
      const to = Math.min(Math.floor(Math.max(one, other) + 1e-3), left + across - 1);
      for (let column = from; column <= to; column++) marks[(row - top) * across + column - left] = 1;
    }
  }
  return marks;
}
