// The recall dial: turn bytes per vector, lists probed and re-ranking, and see what that does to one query and on average.

import { call, codeBytes, indexes, lengths, milliseconds, nearest, ranges, settings, share, title, words } from "./dial-model.js";
import { button, bytes, debounced, h } from "./dom.js";
import { previewOf } from "./intake.js";
import { chosen, state } from "./store.js";

const TARGETS = [0.8, 0.9, 0.95, 0.98, 0.99, 1];
const READ_AFTER_MS = 120;

/** Make a dial. `use(entry)` searches with a setting; `build(advice)` builds it first; `turned(entry)` is told each move. */
export function dial({ server, use, build, turned }) {
  let data = null, entry = null, ticket = 0, asked = 0;
  const pick = h("select", { "aria-label": "Index", onchange: () => turnTo(first(pick.value)) });
  const knobs = h("div", { class: "pm-dial-knobs" });
  const table = h("tbody");
  const ask = h("span", { class: "pm-dial-query" });
  const status = h("p", { class: "pm-bench-quiet pm-dial-status", role: "status" });
  const useIt = button("Search with this", { class: "pm-button", onclick: () => (isOwn() ? use(entry) : build(entry)) });

  const target = h("select", { "aria-label": "Recall wanted", onchange: advise }, TARGETS.map((value) => h("option", { value, selected: value === 0.95 }, share(value))));
  const depth = h("select", { "aria-label": "Of how many nearest", onchange: advise });
  const cheapest = h("select", { "aria-label": "Cheapest by", onchange: advise }, h("option", { value: "time" }, "quickest"), h("option", { value: "memory" }, "smallest"));
  const advice = h("div", { class: "pm-dial-advice", "aria-live": "polite" });

  const element = h("section", { class: "pm-dial", "aria-label": "Recall dial" },
    h("div", { class: "pm-dial-ask" },
      h("p", { class: "pm-dial-wish" }, "For a recall of ", target, " of the ", depth, " nearest, the ", cheapest, " setting is"),
      advice),
    h("div", { class: "pm-dial-board" },
      h("div", { class: "pm-dial-hands" }, h("label", { class: "pm-dial-field" }, h("span", {}, "Index"), pick), knobs, h("div", { class: "pm-dial-use" }, useIt)),
      h("div", { class: "pm-dial-readings" },
        h("table", { class: "pm-bench-table" },
          h("thead", {}, h("tr", {}, h("th", { scope: "col" }, ""), h("th", { scope: "col" }, ask), h("th", { scope: "col" }, "On average"))), table),
        status)));

  function isOwn() {
    return entry.curve.code_bytes === null;
  }

  function first(index) {
    const own = data.own_bytes[index] ?? null;
    return nearest(settings(data.curves, data.own_bytes, index, own), { n_probe: 8, n_candidates: 200, ef_search: 64, k_factor: 8 });
  }

  /** Turn to a measured setting {curve, point}. */
  function turnTo(next) {
    entry = next;
    draw();
    read();
    turned(entry);
  }

  function draw() {
    const length = codeBytes(entry.curve, data.own_bytes);
    const entries = settings(data.curves, data.own_bytes, entry.curve.index, length);
    pick.value = entry.curve.index;
    const choices = lengths(data.curves, data.own_bytes, entry.curve.index);
    const sliders = [];
    if (choices.length > 1) {
      sliders.push(["code_bytes", slider("bytes per vector", "in the code", choices, length, (value) =>
        turnTo(nearest(settings(data.curves, data.own_bytes, entry.curve.index, value), entry.point.knobs)))]);
    }
    for (const [name, values] of ranges(entries)) {
      sliders.push([name, slider(name, title(name), values, entry.point.knobs[name] ?? 0, (value) =>
        turnTo(nearest(entries, { ...entry.point.knobs, [name]: value }, name)))]);
    }
    const focused = knobs.contains(document.activeElement) ? document.activeElement.name : null;
    knobs.replaceChildren(...sliders.map(([name, made]) => (made.querySelector("input").name = name, made)));
    if (!sliders.length) knobs.append(h("p", { class: "pm-bench-quiet" }, "This index has nothing to turn."));
    if (focused) knobs.querySelector(`input[name="${focused}"]`)?.focus();
    useIt.textContent = isOwn() ? "Search with this" : "Build this and search with it";
    useIt.title = isOwn() ? "" : `The gallery's ${entry.curve.index} is built again with codes of ${entry.curve.code_bytes} bytes`;
    readings(null);
  }

  function slider(name, note, values, value, turn) {
    const at = Math.max(0, values.indexOf(value));
    const output = h("output", {}, String(values[at]));
    const input = h("input", { type: "range", min: "0", max: String(values.length - 1), step: "1", value: String(at), "aria-label": name, "aria-valuetext": String(values[at]),
      disabled: values.length < 2, oninput: () => turn(values[Number(input.value)]) });
    return h("label", { class: "pm-dial-field" }, h("span", {}, name, h("small", {}, note)), input, output);
  }

  function readings(one) {
    const { point } = entry;
    const rows = Object.keys(point.recall).map((k) => [`Recall of the ${k === "1" ? "nearest" : `${k} nearest`}`,
      one ? share(one.recall[k] ?? 0) : "…", `${share(point.recall[k])} ± ${share(point.error[k])}`]);
    rows.push(["Time of a query", one ? milliseconds(one.search_ms) : "…", `${milliseconds(point.p50_ms)} (95 % below ${milliseconds(point.p95_ms)})`]);
    rows.push(["Memory", "", `${bytes(point.bytes)}, ${Math.round(point.bytes / data.count)} bytes a picture`]);
    table.replaceChildren(...rows.map(([name, mine, all]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, mine), h("td", {}, all))));
    if (one) status.textContent = `Compared with all ${data.count.toLocaleString("en")} pictures for this query just now, which took ${milliseconds(one.exact_ms)}.`;
  }

  /** The query of the Search tab; else the first example of the gallery. */
  function question() {
    const now = state();
    const picture = now.id !== null || now.upload ? { id: now.id, path: now.upload?.path ?? null, region: now.region, quarter_turns: now.turns, mirrored: now.mirrored }
      : { id: chosen()?.examples[0]?.id ?? null, path: null };
    return { gallery: data.gallery, key: entry.curve.key, knobs: entry.point.knobs, ...picture };
  }

  const read = debounced(async () => {
    const mine = ++ticket;
    const request = question();
    const answer = await call(server.dial_read(request));
    if (mine !== ticket) return;
    if (answer.error) {
      status.textContent = answer.error;
      return;
    }
    const source = answer.query ? answer.query.thumbnail : previewOf(request.path);
    ask.replaceChildren(source ? h("img", { src: source, alt: answer.query?.alt ?? "your picture" }) : "", h("span", {}, "This query"));
    readings(answer);
  }, READ_AFTER_MS);

  async function advise() {
    const mine = ++asked;
    const answer = await call(server.dial_advice({ gallery: data.gallery, target: Number(target.value), k: Number(depth.value), cheapest: cheapest.value }));
    if (mine !== asked) return;
    if (answer.error) return advice.replaceChildren(h("p", { role: "alert" }, answer.error));
    const { best, built } = answer;
    const lines = [];
    if (built) lines.push(line(built, built.reached ? "" : "Of the indexes that are built, none reaches that. The nearest is "));
    if (best && best.key !== built?.key && best.reached) lines.push(line(best, "With an index built for it: "));
    advice.replaceChildren(...lines);
  }

  function line(found, before) {
    const to = () => {
      const curve = data.curves.find((one) => one.key === found.key);
      return { curve, point: curve.points.find((one) => JSON.stringify(one.knobs) === JSON.stringify(found.knobs)) ?? nearest(curve.points.map((point) => ({ point })), found.knobs).point };
    };
    return h("p", {}, before, h("strong", {}, words(found.key, found.knobs)), `: ${milliseconds(found.p50_ms)}, ${bytes(found.bytes)}, recall ${share(found.recall)} ± ${share(found.error)} `,
      h("span", { class: "pm-dial-actions" },
        button("Turn the dial to it", { onclick: () => turnTo(to()) }),
        found.is_built ? button("Use it", { class: "pm-button pm-primary", onclick: () => use(to()) }) : button("Build and use it", { class: "pm-button", onclick: () => build(to()) })));
  }

  return {
    element,
    /** Show a gallery's curves. */
    show(found) {
      data = found;
      const known = Object.keys(found.curves[0].points[0].recall);
      const before = depth.value || "10";
      depth.replaceChildren(...known.map((k) => h("option", { value: k, selected: k === before }, k)));
      pick.replaceChildren(...indexes(found.curves).map((name) => h("option", { value: name }, name)));
      const wished = indexes(found.curves).includes("ivfpq") ? "ivfpq" : found.curves[0].index;
      turnTo(first(wished));
      advise();
    },
    turnTo,
    /** Read again, for the query has changed. */
    refresh: () => data && read(),
    depth: () => Number(depth.value),
  };
}
