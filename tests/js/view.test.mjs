import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_ZOOM, View } from "../../gradio_ui/assets/map/view.js";

const close = (one, other, within = 1e-9) => assert.ok(Math.abs(one - other) <= within, `${one} is not ${other}`);
const view = new View(1000, 600, 0.2, -0.1, 400);

test("screen and page coordinates are each other's inverse", () => {
  for (const [x, y] of [[0, 0], [999, 3], [512, 300]]) {
    const [sx, sy] = view.toScreen(...view.toPage(x, y));
    close(sx, x, 1e-6);
    close(sy, y, 1e-6);
  }
});

test("zooming keeps the point under the pointer", () => {
  const before = view.toPage(130, 470), zoomed = view.zoomed(3.7, 130, 470), after = zoomed.toPage(130, 470);
  close(after[0], before[0]);
  close(after[1], before[1]);
  close(zoomed.scale, 400 * 3.7, 1e-6);
});

test("panning moves what was under the pointer with it", () => {
  const before = view.toPage(300, 200), after = view.panned(25, -40).toPage(325, 160);
  close(after[0], before[0]);
  close(after[1], before[1]);
});

test("a fitting view shows its bounds whole", () => {
  for (const size of [[1440, 700], [390, 600], [80, 60]]) {
    const fit = View.fitting(...size, [-1, -0.4, 1, 0.4]), [x0, y0, x1, y1] = fit.bounds();
    assert.ok(x0 <= -1 && x1 >= 1 && y0 <= -0.4 && y1 >= 0.4);
  }
});

test("a fitting view of a single point is finite", () => {
  const fit = View.fitting(800, 600, [0.3, 0.3, 0.3, 0.3]);
  assert.ok(Number.isFinite(fit.scale) && fit.scale > 0);
});

test("a clamped view stays on the map and within the limits of zoom", () => {
  const fit = View.fitting(800, 600, [-1, -1, 1, 1]);
  const far = fit.centred(50, -50, fit.scale / 100).clamped(fit, [-1, -1, 1, 1]);
  assert.deepEqual([far.x, far.y, far.scale], [1, -1, fit.scale / 2]);
  assert.equal(fit.centred(0, 0, fit.scale * 1e6).clamped(fit, [-1, -1, 1, 1]).scale, fit.scale * MOST_ZOOM);
});

test("a move ends where it should and passes through the middle", () => {
  const target = view.centred(0.9, 0.4, 1600), end = view.towards(target, 1);
  close(end.x, 0.9);
  close(end.scale, 1600, 1e-6);
  close(view.towards(view.centred(1, 1), 0.5).x, 0.6);
});
