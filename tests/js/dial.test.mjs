import assert from "node:assert/strict";
import { test } from "node:test";
import { call, frontier, indexes, lengths, milliseconds, nearest, ranges, settings, share, words } from "../../gradio_ui/assets/dial-model.js";

const point = (knobs, recall = 0.5, ms = 1) => ({ knobs, recall: { 10: recall }, p50_ms: ms });
const own = { ivfpq: 16 };
const curves = [
  { key: "flat", index: "flat", code_bytes: null, points: [point({})] },
  { key: "ivfpq-16", index: "ivfpq", code_bytes: 16, points: [1, 2, 4].flatMap((n) => [point({ n_probe: n }), point({ n_probe: n, n_rerank: 50 })]) },
  { key: "ivfpq", index: "ivfpq", code_bytes: null, points: [1, 2, 4, 8].map((n) => point({ n_probe: n })) },
  { key: "ivfpq-8", index: "ivfpq", code_bytes: 8, points: [point({ n_probe: 1 })] },
];

test("each index is listed once, with the code lengths that it can have", () => {
  assert.deepEqual(indexes(curves), ["flat", "ivfpq"]);
  assert.deepEqual(lengths(curves, own, "ivfpq"), [8, 16]);
  assert.deepEqual(lengths(curves, own, "flat"), []);
});

test("a setting that the gallery's own index has is taken from it, any other from a variant", () => {
  const entries = settings(curves, own, "ivfpq", 16);
  assert.equal(nearest(entries, { n_probe: 4 }).curve.key, "ivfpq");
  assert.equal(nearest(entries, { n_probe: 4, n_rerank: 50 }).curve.key, "ivfpq-16");
});

test("the knob that a hand is on gets its value, and the others follow to what was measured", () => {
  const entries = settings(curves, own, "ivfpq", 16);
  const { point: found } = nearest(entries, { n_probe: 8, n_rerank: 50 }, "n_rerank");
  assert.deepEqual(found.knobs, { n_probe: 4, n_rerank: 50 });
  assert.deepEqual(nearest(entries, { n_probe: 8, n_rerank: 50 }, "n_probe").point.knobs, { n_probe: 8 });
});

test("the values of each knob ascend, and none counts as 0", () => {
  assert.deepEqual([...ranges(settings(curves, own, "ivfpq", 16))], [["n_probe", [1, 2, 4, 8]], ["n_rerank", [0, 50]]]);
});

test("the frontier keeps what nothing beats", () => {
  const points = [point({ n: 1 }, 0.5, 1), point({ n: 2 }, 0.4, 2), point({ n: 3 }, 0.9, 3), point({ n: 4 }, 0.9, 4)];
  assert.deepEqual(frontier(points, 10, (one) => one.p50_ms).map((one) => one.knobs.n), [1, 3]);
});

test("numbers are written as people write them", () => {
  assert.deepEqual([0.95, 0.957, 1, 0, 0.9].map(share), [".95", ".957", "1", "0", ".9"]);
  assert.equal(milliseconds(0.03456), "0.035 ms");
  assert.equal(words("ivfpq-32", { n_probe: 12, n_rerank: 50 }), "ivfpq-32, n_probe 12, n_rerank 50");
});

test("no answer is an error in words", async () => {
  assert.match((await call(Promise.reject(new Error("gone")))).error, /did not answer/);
  assert.match((await call(Promise.resolve(undefined))).error, /did not answer/);
  assert.deepEqual(await call(Promise.resolve({ a: 1 })), { a: 1 });
});
