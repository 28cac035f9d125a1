import assert from "node:assert/strict";
import { test } from "node:test";
import { addToUrl, isSteered, isWeighed, NOT_STEERED, pressed, readFromUrl, signOf, steerRequest, upTo } from "../../gradio_ui/assets/steer-state.js";

function throughUrl(state) {
  const next = { ...NOT_STEERED };
  addToUrl(state, (name, value) => assert.ok(readFromUrl(next, name, String(value))));
  return next;
}

test("pressing again takes a step back, the other sign replaces it", () => {
  let steps = pressed([], 7, 1);
  steps = pressed(steps, 9, -1);
  assert.deepEqual(steps, [[7, 1], [9, -1]]);
  assert.deepEqual(pressed(steps, 7, 1), [[9, -1]]);
  assert.deepEqual(pressed(steps, 7, -1), [[9, -1], [7, -1]]);
  assert.equal(signOf(steps, 9), -1);
  assert.equal(signOf(steps, 8), 0);
});

test("undo and redo keep all steps in order", () => {
  const steps = [[1, 1], [2, -1], [3, 1]];
  const undone = upTo(1, steps, []);
  assert.deepEqual(undone, { steps: [[1, 1]], undone: [[2, -1], [3, 1]] });
  assert.deepEqual(upTo(3, undone.steps, undone.undone), { steps, undone: [] });
});

test("what is steered comes back from the URL", () => {
  const state = { also: [{ id: 4 }, { id: 9 }], steps: [[12, 1], [45, -1]], undone: [[7, 1]], weights: [0.5, 0.35, 0], variety: 0.3, nodup: true };
  assert.deepEqual(throughUrl(state), state);
  assert.deepEqual(throughUrl({ ...NOT_STEERED, undone: [[7, -1]] }), { ...NOT_STEERED, undone: [[7, -1]] });
  const nothing = [];
  addToUrl(NOT_STEERED, (name) => nothing.push(name));
  assert.deepEqual(nothing, []);
});

test("nonsense in the URL steers nothing", () => {
  for (const [name, value] of [["steer", "a,0,--3,1e9"], ["also", "x"], ["variety", "7"], ["colour", "-1"], ["content", "0"], ["duplicates", "no"]]) {
    const next = { ...NOT_STEERED };
    assert.ok(readFromUrl(next, name, value));
    assert.deepEqual(next, { ...NOT_STEERED }, name);
    assert.ok(!isSteered(next));
  }
  assert.ok(!readFromUrl({ ...NOT_STEERED }, "other", "1"));
});

test("the server is asked with ids, uploads by their path, and weights only where they count", () => {
  const state = { ...NOT_STEERED, also: [{ id: 4 }, { upload: { path: "/a.jpg", name: "a.jpg" } }], steps: [[12, 1], [45, -1]] };
  assert.deepEqual(steerRequest(state), {
    also: [{ id: 4 }, { path: "/a.jpg" }], plus: [12], minus: [45], weights: {}, variety: 0, hide_duplicates: false });
  const weighed = { ...state, weights: [1, 0.5, 0] };
  assert.ok(isWeighed(weighed));
  assert.deepEqual(steerRequest(weighed).weights, { content: 1, colour: 0.5, texture: 0 });
});
