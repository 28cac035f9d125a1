import assert from "node:assert/strict";
import { test } from "node:test";
import { makeGrid, random } from "./points.mjs";

const grid = makeGrid(3000, 32), n = 3000;

test("the points within a rectangle are those that a scan finds", () => {
  const next = random(5);
  for (let round = 0; round < 40; round++) {
    const x0 = next() * 2.4 - 1.2, y0 = next() * 2.4 - 1.2, x1 = x0 + next(), y1 = y0 + next();
    const scan = [];
    for (let i = 0; i < n; i++) {
      const x = grid.xy[2 * i], y = grid.xy[2 * i + 1];
      if (x >= x0 && x <= x1 && y >= y0 && y <= y1) scan.push(i);
    }
    assert.deepEqual(grid.within([x0, y0, x1, y1]), scan);
  }
});

test("the nearest point is the one that a scan finds", () => {
  const next = random(6);
  for (let round = 0; round < 200; round++) {
    const x = next() * 2.2 - 1.1, y = next() * 2.2 - 1.1, radius = next() * 0.1;
    let best = -1, least = radius * radius;
    for (let i = 0; i < n; i++) {
      const squared = (grid.xy[2 * i] - x) ** 2 + (grid.xy[2 * i + 1] - y) ** 2;
      if (squared <= least) least = squared, best = i;
    }
    assert.equal(grid.nearest(x, y, radius), best);
  }
});

test("a point that is not accepted is never the nearest", () => {
  const x = grid.xy[20], y = grid.xy[21];
  assert.equal(grid.nearest(x, y, 0.2), 10);
  const other = grid.nearest(x, y, 0.2, (i) => i !== 10);
  assert.ok(other >= 0 && other !== 10);
});

test("runs of whole rows are joined, and nothing is outside the grid", () => {
  assert.deepEqual(grid.runs([-2, -2, 2, 2]), [0, n]);
  assert.deepEqual(grid.runs([1.5, 0, 2, 1]), []);
  assert.equal(grid.nearest(40, 40, 1), -1);
});

test("a limit stops the search", () => {
  assert.equal(grid.within([-1, -1, 1, 1], 7).length, 7);
});
