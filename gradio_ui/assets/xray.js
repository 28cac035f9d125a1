// The X-ray: one search in an index of lists and codes, step by step, with the numbers of this very search.

import { button, debounced, h } from "./dom.js";
import { cellsView } from "./xray-cells.js";
import { scanView } from "./xray-scan.js";
import { stepText, STEP_NAMES } from "./xray-steps.js";
import { tableView } from "./xray-table.js";

const XRAYED = ["ivfpq", "opq-ivfpq", "lopq"];

/** Make the panel. `request(extra)` describes the query, `navigateView(changes)` moves the view in the URL. */
export function xrayPanel({ server, request, navigateView, problem }) {
  let data = null, asked = "", ticket = 0, view = null, tableOf = null, lists = new Map(), pointedAt = null;

  const index = h("select", { "aria-label": "Index", onchange: () => navigateView({ xray: index.value }) });
  const probes = h("input", { type: "range", min: "1", step: "1", "aria-label": "n_probe: lists that are opened", oninput: () => probe(Number(probes.value)) });
  const probesText = h("output", { class: "pm-xray-probes" });
  const dial = h("label", { class: "pm-xray-dial" }, h("span", {}, "n_probe ", probesText), probes);
  const facts = h("dl", { class: "pm-xray-facts", "aria-live": "polite" });
  const filtered = h("p", { class: "pm-xray-filtered", role: "status", hidden: true });
  const steps = h("ol", { class: "pm-xray-steps" });
  const trouble = h("div", { class: "pm-xray-cannot", hidden: true });
  const cells = cellsView({ point: (at) => pointAt(at) });
  const inside = h("div", { class: "pm-xray-inside" });
  const HINT = "Point at a list, or touch it, to see what is in it. From the middle outwards lists stand in the order of their distance; discs are as large as lists are full.";
  const cellsBlock = h("div", { class: "pm-xray-cellsblock" }, cells.element, inside);
  const lookup = tableView(), scan = scanView();
  const stage = h("div", { class: "pm-xray-visual" });
  const words = h("div", { class: "pm-xray-words", tabindex: "-1" });
  const back = button("Back", { onclick: () => toStep(view.step - 1) }), next = button("Next", { class: "pm-button pm-primary", onclick: () => toStep(view.step + 1) });
  const body = h("div", { class: "pm-xray-body" }, steps, h("div", { class: "pm-xray-two-sides" }, stage, h("div", { class: "pm-xray-side" }, words, h("div", { class: "pm-xray-walk" }, back, next))));
  const element = h("section", { class: "pm-xray", "aria-label": "X-ray of one search", hidden: true },
    h("div", { class: "pm-xray-controls" }, h("label", {}, "Index", index), dial, facts), filtered, trouble, body);

  const ask = debounced(() => load(), 60);

  function probe(n) {
    if (!data) return;
    const bounded = Math.min(data.n_lists_counted, Math.max(1, n));
    probes.value = String(bounded);
    probesText.textContent = `${bounded} of ${data.n_lists_counted}`;
    navigateView({ probes: bounded }, { replace: true });
  }

  function toStep(step) {
    navigateView({ step: Math.min(STEP_NAMES.length, Math.max(1, step)) });
    words.focus({ preventScroll: true });
  }

  /** Follow the view; `answer` is the comparison, which knows what indexes there are. */
  function follow(next_, answer) {
    const before = view;
    view = next_;
    index.replaceChildren(...answer.columns.map((one) => h("option", { value: one.index, selected: one.index === view.xray }, one.index)));
    const column = answer.columns.find((one) => one.index === view.xray);
    const why = !column ? `There is no index “${view.xray}”.` : column.reason ? `${view.xray} cannot be used here: ${column.reason}.`
      : XRAYED.includes(view.xray) ? "" : `${view.xray} has no lists of codes to look into.`;
    if (why) return cannot(why, answer);
    const key = JSON.stringify(request({ index: view.xray, n_probe: view.probes }));
    if (key === asked && data) {
      if (before?.step !== view.step) drawStep();
      return;
    }
    ask();
  }

  function cannot(why, answer) {
    data = null;
    asked = "";
    ticket++;
    scan.stop();
    body.hidden = true;
    facts.replaceChildren();
    filtered.hidden = true;
    const usable = XRAYED.filter((name) => answer.columns.some((one) => one.index === name && !one.reason));
    trouble.hidden = false;
    trouble.replaceChildren(h("h2", {}, "Nothing to look into"), h("p", {}, why),
      h("p", {}, "The X-ray shows inverted lists and product-quantiser codes of our own indexes: ivfpq, opq-ivfpq and lopq. Others keep their vectors, or do not tell what they do."),
      h("div", { class: "pm-compare-bar" }, usable.map((name) => button(`Look into ${name}`, { onclick: () => navigateView({ xray: name }) }))));
    dial.hidden = true;
  }

  async function load() {
    const wanted = request({ index: view.xray, n_probe: view.probes });
    const key = JSON.stringify(wanted), mine = ++ticket;
    element.setAttribute("aria-busy", "true");
    const found = await server.xray(wanted).catch((error) => (console.error(error), { error: "The page's server did not answer. Try again." }));
    if (mine !== ticket) return;
    element.removeAttribute("aria-busy");
    if (found.error) return problem("This search cannot be looked into", found.error);
    if (!data || data.index !== found.index || asked.replace(/"n_probe":[^,}]*/, "") !== key.replace(/"n_probe":[^,}]*/, "")) {
      lists = new Map();
      tableOf = null;
    }
    asked = key;
    data = found;
    trouble.hidden = true;
    body.hidden = dial.hidden = false;
    probes.max = String(found.n_lists_counted);
    probes.value = String(found.n_probe);
    probes.disabled = found.is_scanned;
    probesText.textContent = found.is_scanned ? `all ${found.n_probe}` : `${found.n_probe} of ${found.n_lists_counted}`;
    filtered.hidden = !found.is_filtered;
    filtered.textContent = found.is_filtered ? filterText(found) : "";
    drawFacts();
    drawStep();
  }

  function drawFacts() {
    const share = (100 * data.n_scanned) / data.n_vectors;
    const found = data.neighbours.filter((one) => one.verdict === "found").length;
    facts.replaceChildren(...[[data.is_filtered ? "codes scanned that pass" : "codes scanned", `${data.n_scanned.toLocaleString("en")} of ${data.n_vectors.toLocaleString("en")}`, `${share < 10 ? share.toFixed(1) : Math.round(share)} %`],
      ["put aside by bytes", data.course.n_pruned.toLocaleString("en"), ""], ["neighbours found", `${found} of ${data.neighbours.length}`, ""], ["searched in", `${data.search_ms.toFixed(data.search_ms < 0.1 ? 3 : 2)} ms`, ""]]
      .map(([name, value, more]) => h("div", {}, h("dt", {}, name), h("dd", {}, value, more ? h("small", {}, ` ${more}`) : null))));
  }

  function drawStep() {
    if (!data) return;
    const step = view.step;
    steps.replaceChildren(...STEP_NAMES.map((name, at) => h("li", {}, h("button", { type: "button", "aria-current": at + 1 === step ? "step" : null, onclick: () => toStep(at + 1) }, h("b", {}, String(at + 1)), " ", name))));
    const current = steps.querySelector("[aria-current]");
    steps.scrollLeft = current.offsetLeft - (steps.clientWidth - current.offsetWidth) / 2;
    back.disabled = step === 1;
    next.disabled = step === STEP_NAMES.length;
    if (step !== 4) scan.stop();
    const actions = { probe, table: pickTable, list: pointAt, play: () => cells.play(data.n_probe), step: toStep, tableOf: chosenTable() };
    const { text, visual } = stepText(step, data, actions);
    words.replaceChildren(h("h2", {}, `${step}. ${STEP_NAMES[step - 1]}`), ...text);
    const furthest = Math.max(data.n_probe, ...data.neighbours.map((one) => one.list_rank)) / data.cells.numbers.length;
    cells.show({ cells: data.cells, reach: step === 6 ? Math.min(1.06, 1.25 * Math.sqrt(furthest) + 0.05) : 1.06, lit: step === 1 ? 1 : data.n_probe, numbered: step === 2, neighbours: step === 6 ? data.neighbours : [],
      label: `${data.cells.numbers.length} lists around the query; ${step === 1 ? "the nearest is" : `the ${data.n_probe} nearest are`} lit` });
    if (step === 1 || step === 2) {
      cellsBlock.prepend(cells.element);
      stage.replaceChildren(cellsBlock);
      pointedAt = null; // what is probed may have changed
      pointAt(null);
    } else if (step === 6) {
      cells.mark(null);
      stage.replaceChildren(visual);
      words.append(h("div", { class: "pm-xray-small" }, h("p", { class: "pm-xray-key", "aria-hidden": "true" }, h("span", { class: "pm-exact-key" }, "found"), h("span", { class: "pm-lost-key" }, "lost"), h("span", { class: "pm-entered-key" }, "opened lists")), cells.element));
    } else if (step === 3) {
      stage.replaceChildren(lookup.element);
      drawTable();
    } else if (step === 4) {
      stage.replaceChildren(scan.element);
      scan.show(data);
    } else stage.replaceChildren(visual);
  }

  // --- lists ---

  /** Show what is in a list: its place, its size, and the pictures nearest to its centroid. */
  const pointAt = (at) => {
    cells.mark(at);
    const shown = at ?? 0; // at rest, the nearest
    if (shown === pointedAt) return;
    pointedAt = shown;
    const number = data.cells.numbers[shown], pictures = data.cells.sizes[shown];
    const said = `List ${number}: the ${shown ? `${ordinal(shown + 1)} ` : ""}nearest, at ${data.cells.distances[shown].toFixed(4)}; ${pictures === 1 ? "one picture" : `${pictures.toLocaleString("en")} pictures`}${data.is_filtered ? " that pass" : ""}; ${shown < data.n_probe ? "probed" : "not probed"}`;
    const draw = () => inside.replaceChildren(h("p", {}, said), strip(lists.get(number)), h("p", { class: "pm-quiet" }, HINT));
    draw();
    if (!lists.has(number)) askMembers(number, () => pointedAt === shown && draw());
  };

  const askMembers = debounced(async (number, draw) => {
    const found = await server.members(request({ index: data.index, list: number })).catch(() => ({ error: "no answer" }));
    if (found.error) return;
    lists.set(number, found.pictures);
    draw();
  }, 90);

  // --- tables ---

  function chosenTable() {
    const known = [...data.results.map((one) => one.id), ...data.neighbours.map((one) => one.image_id)];
    return known.includes(tableOf) ? tableOf : known[1] ?? known[0];
  }

  function pickTable(id) {
    tableOf = id;
    if (view.step !== 3) return toStep(3);
    drawStep();
  }

  async function drawTable() {
    const of = chosenTable(), mine = ticket;
    const found = await server.table(request({ index: data.index, of })).catch(() => ({ error: "The page's server did not answer." }));
    if (mine !== ticket || view.step !== 3 || of !== chosenTable()) return;
    if (found.error) return problem("This table cannot be shown", found.error);
    lookup.show(found);
    const named = words.querySelector("[data-table-list]");
    if (named) named.textContent = `list ${found.list}, the ${found.list_rank === 1 ? "" : `${ordinal(found.list_rank)} `}nearest`;
  }

  return { element, follow };
}

/** What a filter does to the search, in words. */
export function filterText({ n_gallery, n_vectors, is_scanned, n_lists, n_lists_counted }) {
  const kept = `The filters keep ${n_vectors.toLocaleString("en")} of ${n_gallery.toLocaleString("en")} pictures`;
  return is_scanned ? `${kept}, so few that all of their codes are scanned, whatever n_probe says.`
    : `${kept}, in ${n_lists_counted.toLocaleString("en")} of ${n_lists.toLocaleString("en")} lists: n_probe counts these only, and everything shown is among what passes.`;
}

function strip(pictures) {
  return h("div", { class: "pm-xray-strip" }, (pictures ?? []).map((card) => h("img", { src: card.thumbnail, alt: card.alt, title: card.alt })));
}

/** 1st, 2nd, 3rd, 4th. */
export function ordinal(number) {
  const ending = number % 100 >= 10 && number % 100 <= 20 ? "th" : ({ 1: "st", 2: "nd", 3: "rd" })[number % 10] ?? "th";
  return `${number}${ending}`;
}
