import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeState, parseState, wholeMap } from "../../gradio_ui/assets/map/urlstate.js";

test("what is written is read again", () => {
  const state = { x: 0.1234, y: -0.5, zoom: 12.5, by: "climate_band", hidden: [1, 255], picked: 4711, outline: [0, 0, 0.5, 0, 0.25, 0.5] };
  assert.deepEqual(parseState(encodeState(state)), state);
});

test("the whole map is short", () => {
  assert.equal(encodeState(wholeMap()), "0,0,1");
});

test("the text needs few escapes in a URL", () => {
  const text = encodeState({ ...wholeMap(), by: "label", hidden: [2], picked: 1, outline: [0, 0, 1, 0, 1, 1] });
  assert.match(text, /^[A-Za-z0-9.,:~_-]+$/);
});

test("nonsense is no state", () => {
  for (const text of ["", "x", "1,2", "1,2,0", "1,2,-3", "NaN,0,1", undefined, null]) assert.equal(parseState(text), null);
});

test("parts that make no sense are left out", () => {
  const state = parseState("0,0,2~by:<script>~hide:a,b~pick:-4~in:1,2,3~what:5");
  assert.deepEqual(state, { ...wholeMap(), zoom: 2 });
});

test("the deeper the zoom, the more digits the centre has", () => {
  const centre = parseState(encodeState({ ...wholeMap(), x: 0.123456789, zoom: 300 })).x;
  assert.ok(Math.abs(centre - 0.123456789) < 1e-6);
});
