// Justified rows: nothing is lost, full rows are full, heights stay near what was asked.

import assert from "node:assert/strict";
import { test } from "node:test";

import { justify } from "../../gradio_ui/assets/justify.js";

function random(seed) {
  let state = seed;
  return () => (state = (state * 1664525 + 1013904223) % 4294967296) / 4294967296;
}

test("every picture is in exactly one row, in order, and full rows are as wide as the page", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const next = random(seed);
    const ratios = Array.from({ length: 1 + Math.floor(next() * 60) }, () => 0.3 + next() * 3);
    const [width, target, gap] = [300 + next() * 1200, 120 + next() * 150, 12];
    const rows = justify(ratios, width, target, gap);
    assert.deepEqual(rows.flatMap((row) => row.items.map((item) => item.index)), ratios.map((_, index) => index));
    rows.forEach((row, at) => {
      const used = row.items.reduce((sum, item) => sum + item.width, 0) + gap * (row.items.length - 1);
      assert.ok(used <= width + 1e-6, `row ${at} is ${used} wide, the page ${width}`);
      if (at < rows.length - 1) assert.ok(used > width - row.items.length - 1, `row ${at} leaves ${width - used} pixels`);
    });
  }
});

test("heights stay near the target, and the last row is not stretched", () => {
  const rows = justify(Array(31).fill(1.3), 1000, 200, 12);
  for (const row of rows) assert.ok(row.height > 140 && row.height < 290, String(row.height));
  assert.ok(rows.at(-1).height <= 200);
});

test("pictures keep their shape unless they are extreme", () => {
  const [row] = justify([0.05, 1, 20], 2000, 200, 0);
  const shapes = row.items.map((item) => item.width / row.height);
  assert.ok(Math.abs(shapes[0] - 0.35) < 0.01);
  assert.ok(Math.abs(shapes[1] - 1) < 0.01);
});

test("nothing gives no rows", () => {
  assert.deepEqual(justify([], 1000, 200, 12), []);
});
