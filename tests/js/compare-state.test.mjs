import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeView, parseView, plainView } from "../../gradio_ui/assets/compare-state.js";

test("what is written is read again", () => {
  const view = { k: 20, columns: ["flat", "faiss-ivfpq"], sort: "recall", xray: "lopq", probes: 12, step: 4 };
  assert.deepEqual(parseView(encodeView(view)), view);
});

test("the plain view is nothing in the address", () => {
  assert.equal(encodeView(plainView()), "");
  assert.deepEqual(parseView(""), plainView());
  assert.deepEqual(parseView(undefined), plainView());
});

test("probes and steps belong to the X-ray", () => {
  assert.equal(encodeView({ ...plainView(), probes: 3, step: 2 }), "");
});

test("no column at all is not the same as every column", () => {
  assert.deepEqual(parseView(encodeView({ ...plainView(), columns: [] })).columns, []);
});

test("what makes no sense is left out", () => {
  assert.deepEqual(parseView("k:0~by:beauty~xray:<b>~probe:-1~step:9~what"), plainView());
  assert.equal(parseView("k:9999").k, 50);
});
