// Level of detail: when points become pictures, how large, which of them, and from which atlas.

export const LEAST_SIDE = 34; // CSS pixels; smaller pictures say less than points
export const MOST_SIDE = 128;
const FIRST_ROOM = 12; // CSS pixels that a point has to itself when the first pictures appear, one among several points
const MOST_PICTURES = 1500;
const MOST_PACKED = 20_000; // points; packing them takes some 15 ms

/**
 * Side in CSS pixels of the square that a picture gets, or 0 for points only.
 * @param {number} scale pixels per unit
 * @param {number} spacing side of the square that a point has to itself, in units
 */
export function pictureSide(scale, spacing) {
  const room = spacing * scale;
  return room < FIRST_ROOM ? 0 : Math.min(Math.max(1.15 * room, LEAST_SIDE), MOST_SIDE);
}

/** Size in pixels of the smallest atlas that is sharp for a side, or the largest there is. */
export function atlasSize(sizes, side, pixelRatio = 1) {
  return sizes.find((size) => size >= side * pixelRatio * 0.8) ?? sizes[sizes.length - 1];
}

/** Diameter of a point in CSS pixels: grows a little as one comes nearer, smaller where there are very many. */
export function pointSize(scale, spacing) {
  return Math.min(9, Math.max(2.5, 0.5 * spacing * scale));
}

/** True when points lie so close that only their density can be shown. */
export function showsDensity(scale, spacing) {
  return spacing * scale < 1.1;
}

/** Width and height of a picture in a cell of side `size`; the same rounding as the server's. */
export function spriteSize(shape, size) {
  const aspect = 2 ** ((shape - 128) / 32);
  return [Math.max(1, halfEven(size * Math.min(1, aspect))), Math.max(1, halfEven(size * Math.min(1, 1 / aspect)))];
}

/**
 * Choose which points are drawn as pictures, at most one where two would overlap. The choice depends on the map and
 * the zoom, not on where one looks, so pictures do not flicker while the map is dragged.
 *
 * @param {import("./grid.js").Grid} grid
 * @param {number[]} rectangle what must be covered, in page coordinates
 * @param {number} side of a picture in page units
 * @param {(i: number) => boolean} accepts
 * @returns {number[]} points; none lies within `side` of another that was chosen
 */
export function choosePictures(grid, rectangle, side, accepts) {
  const chosen = packed(side, accepts, grid, rectangle);
  const [x0, y0, x1, y1] = [rectangle[0] - side, rectangle[1] - side, rectangle[2] + side, rectangle[3] + side];
  return chosen.filter((i) => grid.xy[2 * i] >= x0 && grid.xy[2 * i] <= x1 && grid.xy[2 * i + 1] >= y0 && grid.xy[2 * i + 1] <= y1)
    .slice(0, MOST_PICTURES);
}

/** Of few points, as many pictures as find room anywhere on the map; of many, one for each square near the view. */
function packed(side, accepts, grid, rectangle) {
  const n = grid.xy.length / 2;
  const lattice = 2 ** (Math.ceil(Math.log2(side) * 8) / 8); // in steps, so that small zooms keep the choice
  return n <= MOST_PACKED ? allThatFit(grid.xy, n, lattice, accepts) : onePerSquare(grid, rectangle, lattice, side, accepts);
}

/** Take the points in a fixed order, each unless it overlaps one taken before. */
function allThatFit(xy, n, side, accepts) {
  const taken = new Map(), chosen = [];
  for (const i of shuffled(n)) {
    if (!accepts(i)) continue;
    const x = xy[2 * i], y = xy[2 * i + 1], key = Math.floor(x / side) * 65536 + Math.floor(y / side);
    let free = true;
    for (let dx = -1; dx <= 1 && free; dx++) {
      for (let dy = -1; dy <= 1 && free; dy++) {
        const other = taken.get(key + dx * 65536 + dy);
        free = other === undefined || Math.abs(xy[2 * other] - x) >= side || Math.abs(xy[2 * other + 1] - y) >= side;
      }
    }
    if (!free) continue;
    taken.set(key, i); // a square of this side holds one at most
    chosen.push(i);
  }
  return chosen;
}

/** The first point of each square near the view, unless a neighbouring square's overlaps it and goes before it. */
function onePerSquare(grid, rectangle, lattice, side, accepts) {
  const grown = [rectangle[0] - 2 * lattice, rectangle[1] - 2 * lattice, rectangle[2] + 2 * lattice, rectangle[3] + 2 * lattice];
  const runs = grid.runs(grown), xy = grid.xy, first = new Map(), chosen = [];
  for (let k = 0; k < runs.length; k += 2) {
    for (let i = runs[k]; i < runs[k + 1]; i++) {
      const key = Math.floor(xy[2 * i] / lattice) * 65536 + Math.floor(xy[2 * i + 1] / lattice);
      if (!first.has(key) && accepts(i)) first.set(key, i);
    }
  }
  for (const [key, i] of first) if (!isBeaten(first, key, i, xy, side)) chosen.push(i);
  return chosen;
}

/** True when a representative of a neighbouring square overlaps this one and goes before it. */
function isBeaten(first, key, i, xy, side) {
  for (let dx = -1; dx <= 1; dx++) {
    for (let dy = -1; dy <= 1; dy++) {
      const other = first.get(key + dx * 65536 + dy);
      if (other === undefined || other === i) continue;
      const close = Math.abs(xy[2 * other] - xy[2 * i]) < side && Math.abs(xy[2 * other + 1] - xy[2 * i + 1]) < side;
      if (close && rank(other) < rank(i)) return true;
    }
  }
  return false;
}

/** A fixed shuffling of the points: neighbours in the file must not win in a row. */
function rank(i) {
  let mixed = Math.imul(i ^ 0x9e3779b9, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

let order = new Uint32Array(0);

/** All points in the order of their ranks. */
function shuffled(n) {
  if (order.length !== n) order = Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => rank(a) - rank(b));
  return order;
}

/** Rounds halves to even, as Python does. */
function halfEven(value) {
  const down = Math.floor(value), rest = value - down;
  if (rest !== 0.5) return Math.round(value);
  return down % 2 === 0 ? down : down + 1;
}
