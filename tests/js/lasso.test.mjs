import assert from "node:assert/strict";
import { test } from "node:test";
import { box, enclosed, encloses, simplified } from "../../gradio_ui/assets/map/lasso.js";
import { makeGrid, random } from "./points.mjs";

const grid = makeGrid(4000, 64);
const scan = (outline) => [...Array(4000).keys()].filter((i) => encloses(outline, grid.xy[2 * i], grid.xy[2 * i + 1]));

test("an outline encloses exactly the points that testing each one finds", () => {
  const next = random(9);
  for (let round = 0; round < 30; round++) {
    const outline = [], corners = 3 + Math.floor(next() * 30), cx = next() * 2 - 1, cy = next() * 2 - 1;
    for (let k = 0; k < corners; k++) {
      const angle = (k / corners) * 2 * Math.PI, radius = 0.05 + next() * 0.9;
      outline.push(cx + radius * Math.cos(angle), cy + radius * Math.sin(angle));
    }
    assert.deepEqual(enclosed(grid, outline), scan(outline));
  }
});

test("an outline that crosses itself follows the even-odd rule", () => {
  const bow = [-0.8, -0.8, 0.8, 0.8, 0.8, -0.8, -0.8, 0.8];
  assert.deepEqual(enclosed(grid, bow), scan(bow));
});

test("a box is the rectangle between its corners", () => {
  const outline = box(0.4, 0.3, -0.2, -0.5);
  assert.deepEqual(enclosed(grid, outline), scan(outline));
  assert.deepEqual(enclosed(grid, outline).sort((a, b) => a - b), grid.within([-0.2, -0.5, 0.4, 0.3]).sort((a, b) => a - b));
});

test("points that are not accepted are not selected", () => {
  assert.deepEqual(enclosed(grid, box(-1, -1, 1, 1), (i) => i < 5), [0, 1, 2, 3, 4]);
});

test("a line and an outline beside the map enclose nothing", () => {
  assert.deepEqual(enclosed(grid, [0, 0, 1, 1]), []);
  assert.deepEqual(enclosed(grid, box(3, 3, 4, 4)), []);
});

test("a long path keeps its shape in forty corners", () => {
  const circle = [];
  for (let k = 0; k < 500; k++) circle.push(0.5 * Math.cos((k / 500) * 2 * Math.PI), 0.5 * Math.sin((k / 500) * 2 * Math.PI));
  const short = simplified(circle);
  assert.ok(short.length <= 80);
  const one = new Set(enclosed(grid, circle)), other = enclosed(grid, short);
  // An inscribed polygon of 40 corners covers 99.6 % of its circle.
  assert.ok(other.length / one.size > 0.97 && other.every((i) => one.has(i)));
  assert.deepEqual(simplified([0, 0, 1, 0, 1, 1]), [0, 0, 1, 0, 1, 1]);
});
