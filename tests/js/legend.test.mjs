import assert from "node:assert/strict";
import { test } from "node:test";
import { hiddenCodes, rows } from "../../gradio_ui/assets/map/legend.js";
import { colours, pixels, QUALITATIVE, rgb } from "../../gradio_ui/assets/map/palette.js";

const choice = { kind: "choice", values: [["oil", 3], ["ink", 2]] };
const range = { kind: "range", low: 1500, high: 1900 };

test("a choice has a row for each value, and one for points without", () => {
  const found = rows(choice, Uint8Array.from([0, 0, 1, 255, 0, 1]));
  assert.deepEqual(found.map(({ label, count }) => [label, count]), [["oil", 3], ["ink", 2], ["no value", 1]]);
});

test("a range has eight rows that hold every point once", () => {
  const codes = Uint8Array.from({ length: 255 }, (_, code) => code), found = rows(range, codes);
  assert.equal(found.length, 8);
  assert.equal(found.reduce((sum, row) => sum + row.count, 0), 255);
  assert.equal(found[0].label, "1500 to 1550");
});

test("hiding a row hides exactly its codes", () => {
  assert.deepEqual([...hiddenCodes(choice, [1])].map((off, code) => (off ? code : -1)).filter((code) => code >= 0), [1]);
  const off = hiddenCodes(range, [0, 255]), codes = Uint8Array.from({ length: 255 }, (_, code) => code);
  assert.equal(off.reduce((sum, one) => sum + one, 0), rows(range, codes)[0].count + 1);
});

// Matrices of severity 1 from Machado, Oliveira and Fernandes, IEEE TVCG 2009.
const EYES = {
  normal: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
};

function oklab(hex, eye) {
  const linear = rgb(hex).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  const [r, g, b] = eye.map((row) => Math.min(1, Math.max(0, row[0] * linear[0] + row[1] * linear[1] + row[2] * linear[2])));
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b), m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}

test("any two colours differ for normal, red-blind and green-blind eyes", () => {
  for (const theme of ["light", "dark"]) {
    for (const eye of Object.values(EYES)) {
      const seen = QUALITATIVE[theme].map((hex) => oklab(hex, eye));
      seen.forEach((one, i) => seen.slice(0, i).forEach((other) => {
        const distance = Math.hypot(...one.map((value, k) => value - other[k]));
        assert.ok(distance >= 0.07, `${theme}: ${distance.toFixed(3)}`); // some seven just noticeable differences
      }));
    }
  }
});

test("every code has a colour, faded ones are nearer the ground", () => {
  for (const theme of ["light", "dark"]) {
    for (const field of [null, choice, range]) {
      const table = colours(field, theme), packed = pixels(table, theme);
      assert.equal(table.length, 256);
      assert.equal(packed.length, 512);
      assert.ok(packed.every((pixel) => pixel >>> 24 === 255));
    }
  }
});
