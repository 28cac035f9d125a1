// A look-up table as a heat map: a row for each part of the vector, a column for each codeword; and one code's sum.

import { h } from "./dom.js";

const ROW_PX = 18;

/** Make the view. `show(answer)` draws what `server.table` gave. */
export function tableView() {
  const canvas = h("canvas", { class: "pm-xray-heat", role: "img" });
  const tip = h("p", { class: "pm-xray-tip", "aria-live": "off" });
  const sums = h("ol", { class: "pm-xray-sums" });
  const total = h("p", { class: "pm-xray-total" });
  const element = h("div", { class: "pm-xray-lookup" }, canvas, tip, sums, total);
  let shown = null;

  canvas.addEventListener("pointermove", (event) => {
    if (!shown) return;
    const box = canvas.getBoundingClientRect();
    const row = Math.min(shown.table.length - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * shown.table.length)));
    const column = Math.min(shown.table[0].length - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * shown.table[0].length)));
    tip.textContent = `part ${row + 1}, codeword ${column}: ${shown.table[row][column].toFixed(5)}`;
  });
  canvas.addEventListener("pointerleave", () => shown && rest());
  new ResizeObserver(() => shown && draw()).observe(element);
  new MutationObserver(() => shown && draw()).observe(document.body, { attributes: true, attributeFilter: ["class"] });

  function rest() {
    const all = shown.table.flat();
    tip.textContent = `${shown.table.length} × ${shown.table[0].length} distances, from ${Math.min(...all).toFixed(5)} (strong) to ${Math.max(...all).toFixed(5)} (pale); the marks are this picture's code`;
  }

  function draw() {
    const width = element.clientWidth;
    if (!width) return;
    const { table, code } = shown, scale = devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(table.length * ROW_PX * scale);
    canvas.style.height = `${table.length * ROW_PX}px`;
    const context = canvas.getContext("2d");
    const style = getComputedStyle(element);
    const all = table.flat();
    const least = Math.max(1e-9, quantile(all, 0.02)), span = Math.log(Math.max(...all) / least) || 1; // of magnitudes
    const cell = canvas.width / table[0].length, row = canvas.height / table.length;
    context.fillStyle = style.getPropertyValue("--pm-surface");
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = style.getPropertyValue("--pm-accent");
    table.forEach((line, m) => line.forEach((value, at) => {
      context.globalAlpha = 0.03 + 0.9 * (1 - Math.log(Math.max(value, least) / least) / span);
      context.fillRect(at * cell, m * row, cell + 0.5, row - scale);
    }));
    context.globalAlpha = 1;
    context.strokeStyle = style.getPropertyValue("--pm-mark");
    context.lineWidth = 2 * scale;
    code.forEach((at, m) => context.strokeRect(at * cell - 2 * scale, m * row + scale, Math.max(cell, scale) + 4 * scale, row - 3 * scale));
  }

  function quantile(values, share) {
    return [...values].sort((one, other) => one - other)[Math.floor(share * (values.length - 1))];
  }

  return {
    element,
    show(answer) {
      shown = answer;
      const parts = answer.code.map((at, m) => answer.table[m][at]);
      const largest = Math.max(...parts, 1e-12);
      canvas.setAttribute("aria-label", `Look-up table of list ${answer.list}: ${answer.table.length} parts by ${answer.table[0].length} codewords`);
      sums.replaceChildren(...parts.map((value, m) => h("li", {}, h("span", {}, `${m + 1}`), h("span", { class: "pm-xray-code" }, String(answer.code[m])),
        h("span", { class: "pm-xray-bar", "aria-hidden": "true" }, h("span", { style: `width:${(100 * value) / largest}%` })), h("span", {}, value.toFixed(5)))));
      const error = answer.approximate - answer.exact;
      total.replaceChildren(`Added up${answer.left_out ? `, with ${answer.left_out.toFixed(5)} that the rotation leaves out` : ""}: `,
        h("b", {}, answer.approximate.toFixed(4)), `. The true distance is `, h("b", {}, answer.exact.toFixed(4)), `: the code is ${Math.abs(error).toFixed(4)} too ${error > 0 ? "far" : "near"}.`);
      rest();
      draw();
    },
  };
}
