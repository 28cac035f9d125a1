import assert from "node:assert/strict";
import { test } from "node:test";
import { atlasSize, choosePictures, LEAST_SIDE, MOST_SIDE, pictureSide, pointSize, showsDensity, spriteSize } from "../../gradio_ui/assets/map/detail.js";
import { makeGrid } from "./points.mjs";

const grid = makeGrid(3000, 32), everything = () => true;

test("there are points only from afar, and pictures grow up to a limit", () => {
  assert.equal(pictureSide(300, 0.01), 0);
  assert.equal(pictureSide(1300, 0.01), LEAST_SIDE);
  assert.ok(pictureSide(6000, 0.01) > LEAST_SIDE);
  assert.equal(pictureSide(1e9, 0.01), MOST_SIDE);
});

test("points never vanish, and very many become a density", () => {
  assert.ok(pointSize(1, 0.001) >= 2);
  assert.ok(showsDensity(300, 0.002));
  assert.ok(!showsDensity(3000, 0.002));
});

test("the smallest atlas that is sharp is taken", () => {
  assert.equal(atlasSize([32, 64, 128], 30), 32);
  assert.equal(atlasSize([32, 64, 128], 30, 2), 64);
  assert.equal(atlasSize([32, 64, 128], 500), 128);
  assert.equal(atlasSize([32], 100), 32);
});

test("chosen pictures do not overlap", () => {
  const side = 0.08, chosen = choosePictures(grid, [-0.5, -0.5, 0.5, 0.5], side, everything);
  assert.ok(chosen.length > 20);
  for (const a of chosen) {
    for (const b of chosen) {
      if (a === b) continue;
      const dx = Math.abs(grid.xy[2 * a] - grid.xy[2 * b]), dy = Math.abs(grid.xy[2 * a + 1] - grid.xy[2 * b + 1]);
      assert.ok(dx >= side || dy >= side);
    }
  }
});

test("the choice does not change while the map is dragged", () => {
  const side = 0.07, middle = (i) => Math.abs(grid.xy[2 * i]) < 0.3 && Math.abs(grid.xy[2 * i + 1]) < 0.3;
  const one = choosePictures(grid, [-0.6, -0.6, 0.6, 0.6], side, everything).filter(middle);
  const other = choosePictures(grid, [-0.41, -0.55, 0.79, 0.65], side, everything).filter(middle);
  assert.deepEqual(one.sort((a, b) => a - b), other.sort((a, b) => a - b));
});

test("of few points, every one that is not chosen overlaps one that is", () => {
  const side = 2 ** -4, chosen = choosePictures(grid, [-2, -2, 2, 2], side, everything), taken = new Set(chosen);
  for (let i = 0; i < 3000; i++) {
    const overlaps = chosen.some((other) => Math.abs(grid.xy[2 * other] - grid.xy[2 * i]) < side && Math.abs(grid.xy[2 * other + 1] - grid.xy[2 * i + 1]) < side);
    assert.ok(taken.has(i) || overlaps);
  }
});

test("of very many points too, chosen pictures do not overlap", () => {
  const many = makeGrid(30000, 64, 3), side = 0.03, chosen = choosePictures(many, [-0.3, -0.3, 0.3, 0.3], side, everything);
  assert.ok(chosen.length > 50);
  chosen.forEach((a, k) => chosen.slice(0, k).forEach((b) =>
    assert.ok(Math.abs(many.xy[2 * a] - many.xy[2 * b]) >= side || Math.abs(many.xy[2 * a + 1] - many.xy[2 * b + 1]) >= side)));
});

test("points that are hidden are not chosen", () => {
  assert.ok(choosePictures(grid, [-1, -1, 1, 1], 0.1, (i) => i % 2 === 0).every((i) => i % 2 === 0));
});

test("a sprite has the size that the server gave it", () => {
  assert.deepEqual(spriteSize(128, 64), [64, 64]);
  assert.deepEqual(spriteSize(160, 64), [64, 32]);
  assert.deepEqual(spriteSize(96, 32), [16, 32]);
  assert.deepEqual(spriteSize(255, 32), [32, 2]);
});
