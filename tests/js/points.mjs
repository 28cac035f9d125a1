// Points in a grid, as the server makes it, for the tests of picking, lasso and level of detail.

import { Grid } from "../../gradio_ui/assets/map/grid.js";

/** A repeatable random number generator (mulberry32). */
export function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function makeGrid(n, side, seed = 1) {
  const next = random(seed), cells = [];
  for (let i = 0; i < n; i++) {
    const x = Math.fround(next() * 2 - 1), y = Math.fround((next() + next()) - 1);
    cells.push([x, y, Math.min(side - 1, Math.floor(((y + 1) / 2) * side)) * side + Math.min(side - 1, Math.floor(((x + 1) / 2) * side))]);
  }
  cells.sort((a, b) => a[2] - b[2]);
  const xy = new Float32Array(2 * n), starts = new Uint32Array(side * side + 1);
  cells.forEach(([x, y, cell], i) => {
    xy[2 * i] = x;
    xy[2 * i + 1] = y;
    starts[cell + 1]++;
  });
  for (let cell = 0; cell < side * side; cell++) starts[cell + 1] += starts[cell];
  return new Grid(side, [-1, -1, 1, 1], starts, xy);
}
