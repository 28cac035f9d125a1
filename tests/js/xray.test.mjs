import assert from "node:assert/strict";
import { test } from "node:test";
import { filterText } from "../../gradio_ui/assets/xray.js";
import { middle, voronoi } from "../../gradio_ui/assets/xray-cells.js";
import { heapAfter } from "../../gradio_ui/assets/xray-scan.js";

const area = (corners) => Math.abs(corners.reduce((sum, [x, y], at) => {
  const [nx, ny] = corners[(at + 1) % corners.length];
  return sum + x * ny - nx * y;
}, 0)) / 2;

function random(seed) {
  return () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
}

test("cells hold what is nearest to their place, and fill the disc", () => {
  const next = random(7);
  const places = Array.from({ length: 60 }, () => {
    const [radius, angle] = [Math.sqrt(next()), 2 * Math.PI * next()];
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
  const cells = voronoi(places);
  cells.forEach((corners, at) => {
    for (const [x, y] of corners) {
      const own = (x - places[at][0]) ** 2 + (y - places[at][1]) ** 2;
      for (const [ox, oy] of places) assert.ok(own <= (x - ox) ** 2 + (y - oy) ** 2 + 1e-9);
    }
  });
  const whole = cells.reduce((sum, corners) => sum + area(corners), 0);
  assert.ok(Math.abs(whole - Math.PI * 1.03 ** 2) < 0.01, String(whole)); // 72 corners of a circle
});

test("the middle of a cell is that of its area, whichever way round its corners go", () => {
  const corners = [[0, 0], [4, 0], [4, 2], [0, 2]];
  assert.deepEqual(middle(corners), [2, 1]);
  assert.deepEqual(middle([...corners].reverse()), [2, 1]);
});

test("a single list is the whole disc", () => {
  assert.equal(voronoi([[0, 0]])[0].length, 72);
});

test("the heap is the nearest of what entered so far", () => {
  const entered = [[0, 11, 0.5], [1, 12, 0.4], [3, 13, 0.6], [7, 14, 0.1]];
  assert.deepEqual(heapAfter(entered, 3, 2).map((one) => one[1]), [12, 11]);
  assert.deepEqual(heapAfter(entered, 7, 2).map((one) => one[1]), [14, 12]);
  assert.deepEqual(heapAfter(entered, 0, 2).map((one) => one[1]), [11]);
});

test("what a filter does is said: lists that count, or a scan of all that passes", () => {
  const data = { n_gallery: 10000, n_vectors: 3000, n_lists: 400, n_lists_counted: 120, is_scanned: false };
  assert.match(filterText(data), /^The filters keep 3,000 of 10,000 pictures, in 120 of 400 lists: n_probe counts these only/);
  assert.match(filterText({ ...data, n_vectors: 57, is_scanned: true }), /keep 57 of 10,000 pictures, so few that all of their codes are scanned/);
});
