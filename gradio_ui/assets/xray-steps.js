// The words of the X-ray's steps: what happens, why, and this search's own numbers.

import { button, h } from "./dom.js";
import { lostList } from "./xray-lost.js";

export const STEP_NAMES = ["Coarse assignment", "Probing", "Look-up tables", "Scanning codes", "Re-ranking", "What was lost"];

const FEW = 12; // lists in the table beside the cells

/** Return {text: nodes, visual: node or "cells"} of a step for what `server.xray` gave. */
export function stepText(step, data, actions) {
  return [assignment, probing, tables, scanning, reranking, lost][step - 1](data, actions);
}

function assignment(data, { list }) {
  const each = data.n_gallery / data.n_lists;
  return { text: [
    p(`When the index was built, k-means put ${n(data.n_gallery)} pictures into ${n(data.n_lists)} lists, about ${n(Math.round(each))} in each. A list is known by its centroid, the mean of what is in it, and a picture is in the list whose centroid is nearest.`),
    p("The query ", me(), ` is compared with the ${n(data.n_lists)} centroids only, not with ${n(data.n_gallery)} pictures. The nearest ${data.is_filtered ? "that holds a picture which passes the filters " : ""}is list ${data.cells.numbers[0]}, at a squared distance of ${d(data.cells.distances[0])}.`),
    nearest(data, FEW, list),
    quiet("All distances are squared L2; of vectors of length 1 that is 2 − 2 × cosine."),
  ] };
}

function probing(data, { list, play, step }) {
  const unopened = data.neighbours.filter((one) => one.list_rank > data.n_probe).length;
  const share = (100 * data.n_scanned) / data.n_vectors;
  if (data.is_scanned) return { text: [
    p(`The filters keep ${count(data.n_vectors, "one picture", "pictures")} of ${n(data.n_gallery)}. To scan so few takes less than a millisecond, and probing could lose some of them: so every list that holds one is opened, ${n(data.n_lists_counted)} in all, and n_probe does not count.`),
    p("No neighbour can be lost with its list here. What is still lost is lost by its code."),
    h("div", { class: "pm-compare-bar" }, button("Open them one by one", { onclick: play })),
    nearest(data, Math.min(FEW, data.cells.numbers.length), list),
  ] };
  return { text: [
    p(`The ${count(data.n_probe, "nearest list is", "nearest lists are")} opened, nearest first. Together they hold ${n(data.n_scanned)} of ${n(data.n_vectors)} codes${data.is_filtered ? " that pass the filters" : ""}: ${share.toFixed(share < 10 ? 1 : 0)} % of ${data.is_filtered ? "them" : "the gallery"} is looked at, the rest never.`),
    p(unopened ? [`That is quick, and a risk: ${unopened} of the ${data.neighbours.length} true neighbours `, unopened === 1 ? "is" : "are", " in lists that stay closed. A near picture can be just across the border of a cell. "]
      : `All ${data.neighbours.length} true neighbours are in lists that were opened.`, " Move n_probe above, and see the light grow."),
    h("div", { class: "pm-compare-bar" }, button("Open them one by one", { onclick: play }), unopened ? button("Which ones?", { onclick: () => step(6) }) : null),
    nearest(data, Math.min(FEW, data.cells.numbers.length), list),
  ] };
}

function tables(data, { table, tableOf }) {
  const code = (data.n_subspaces * data.n_bits) / 8, whole = 4 * data.dim;
  const rotated = { opq: " One rotation for all lists was learned first, so that parts that vary together meet.", local: " Each list has a rotation of its own, so that its codes fit what is in it." }[data.rotation] ?? "";
  const shown = [...data.results.map((one) => one.id), ...data.neighbours.filter((one) => one.verdict !== "found").map((one) => one.image_id)];
  return { text: [
    p(`A picture's vector has ${n(data.dim)} numbers, ${n(whole)} bytes. The index keeps ${n(code)} bytes of it: what is left after subtracting the centroid is cut into ${data.n_subspaces} parts, and each part is replaced by the number of the most similar of ${data.n_codewords} codewords.${rotated}`),
    p(`For the query, the distance of each of its ${data.n_subspaces} parts to each of the ${data.n_codewords} codewords is worked out once for a list: this table. The distance to a picture is then ${data.n_subspaces} look-ups and their sum, without its vector.`),
    p("Shown is ", h("b", { "data-table-list": "" }, "its list"), ", with the code of the picture chosen here:"),
    h("div", { class: "pm-xray-pickrow" }, shown.map((id) => h("button", { type: "button", class: "pm-xray-thumb", "aria-pressed": String(id === tableOf), "aria-label": `Code of ${data.pictures[id].alt}`, onclick: () => table(id) },
      h("img", { src: data.pictures[id].thumbnail, alt: "" })))),
    quiet("The compiled search adds up the same distances in another order, so that one table serves all lists."),
  ] };
}

function scanning(data) {
  const { course } = data, rest = course.n - course.n_pruned;
  return { text: [
    p(`List after list, the codes are scanned. The ${count(course.n_kept, "best one", "best ones")} so far ${course.n_kept === 1 ? "is" : "are"} kept in a heap; the worst of them is the `, mark("cut-off"), ". Whatever is beyond it can be forgotten at once."),
    p(`Of ${n(course.n)} codes, ${n(course.n_pruned)} were put aside by their bytes alone: a table rounded down to 8 bits shows that they cannot come below the cut-off. ${n(rest)} were added up exactly, and ${n(course.n_entered)} entered the heap; ${n(course.n_entered - Math.min(course.n_kept, course.n_entered))} of these were pushed out again by nearer ones.`),
    p("Drag the slider, or play it: the cut-off sinks fast, since the nearest lists come first."),
    h("p", { class: "pm-xray-key", "aria-hidden": "true" }, h("span", { class: "pm-entered-key" }, "entered the heap"), h("span", { class: "pm-summed-key" }, "added up"), h("span", { class: "pm-aside-key" }, "put aside"), h("span", { class: "pm-cutoff-key" }, "cut-off")),
    course.step > 1 ? quiet(`The chart shows each ${course.step}th code, and all that entered.`) : null,
    quiet("Replayed code by code; the compiled scan takes 64 at a time and returns the same."),
  ].filter(Boolean) };
}

function reranking(data) {
  const curve = data.reranking, first = curve[0], last = curve.find((one) => one[1] === curve.at(-1)[1]);
  const chart = h("ol", { class: "pm-xray-curve" }, curve.map(([candidates, recall]) => h("li", {},
    h("span", {}, candidates === data.n_scanned ? `all ${n(candidates)}` : `${n(candidates)} candidates`), h("span", { class: "pm-xray-bar", "aria-hidden": "true" }, h("span", { style: `width:${100 * recall}%` })), h("span", {}, `${Math.round(recall * data.k)} of ${data.k}`))));
  const gained = Math.round((last[1] - first[1]) * data.k);
  const closed = data.neighbours.filter((one) => one.list_rank > data.n_probe).length;
  return { visual: h("div", { class: "pm-xray-rerank" }, h("h3", {}, `True neighbours among the ${data.k} returned, if so many candidates were compared again`), chart), text: [
    p(data.stores_vectors ? "This index also keeps finer vectors: the best candidates by code can be compared again with them." : `This index keeps codes and no vectors, so that its search ends with the order that the codes give: ${Math.round(first[1] * data.k)} of ${data.k}.`),
    p(gained > 0 ? `Had the nearest ${n(last[0])} by code been compared again with their exact vectors, ${gained} more of the true neighbours would be back: ${Math.round(last[1] * data.k)} of ${data.k}.`
      : first[1] === 1 ? "Here that would change nothing: the codes found them all." : "Here that would change nothing: what is missing is not among the codes that were scanned."),
    closed && last[1] < 1 ? p(`${closed === 1 ? "One neighbour is in a list that stays closed, which no re-ranking opens" : `${closed} neighbours are in lists that stay closed, which no re-ranking opens`}: only a larger n_probe does.`) : null,
    quiet("Computed for this query from the gallery's vectors. faiss-ivfpqfs re-ranks by default; build an IVFPQ with store=\"sq8\" or \"float16\" for n_rerank. The pictures on the Search tab are always put in the order of exact similarity."),
  ].filter(Boolean) };
}

function lost(data, { probe, table, step }) {
  const gone = data.neighbours.filter((one) => one.verdict !== "found");
  const by = (verdict) => gone.filter((one) => one.verdict === verdict).length;
  const enough = Math.max(0, ...gone.filter((one) => one.verdict === "list").map((one) => one.list_rank));
  const sentence = gone.length ? `${data.neighbours.length - gone.length} of ${data.neighbours.length} true neighbours were found. ${[[by("list"), "in a list that was not probed"], [by("code"), "by a code that is too coarse"], [by("list and code"), "by both"], [by("re-ranking"), "in re-ranking"]].filter(([number]) => number).map(([number, where]) => `${number} lost ${where}`).join(", ")}.`
    : `All ${data.neighbours.length} true neighbours were found.`;
  return { visual: lostList(data, { probe, table }), text: [
    p(sentence),
    p("A dot is the true distance, a ring the distance by the code: the farther apart, the coarser the code. A neighbour is lost when its ring is beyond the ", mark("cut-off"), ", or when its list is never opened."),
    enough ? h("div", { class: "pm-compare-bar" }, button(`Probe ${enough} lists instead of ${data.n_probe}`, { class: "pm-button pm-primary", onclick: () => probe(enough) })) : null,
    gone.length && !enough && by("code") ? h("div", { class: "pm-compare-bar" }, button("What would re-ranking bring?", { onclick: () => step(5) })) : null,
    quiet(`True neighbours are those of exact search over ${data.is_filtered ? "all that passes the filters" : "the whole gallery"}.`),
  ].filter(Boolean) };
}

// --- pieces ---

function nearest(data, few, list) {
  const { numbers, distances, sizes } = data.cells;
  const shown = numbers.slice(0, few), largest = distances[shown.length - 1] || 1;
  return h("table", { class: "pm-xray-lists" }, h("caption", { class: "pm-sr" }, "The nearest lists"),
    h("thead", {}, h("tr", {}, ["", "list", "distance", "pictures"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, shown.map((number, at) => h("tr", { class: at < data.n_probe ? "pm-lit" : null, onpointerenter: () => list(at) },
      h("td", {}, String(at + 1)), h("td", {}, h("button", { type: "button", "aria-label": `What is in list ${number}`, onclick: () => list(at), onfocus: () => list(at) }, String(number))),
      h("td", {}, h("span", { class: "pm-xray-bar", "aria-hidden": "true" }, h("span", { style: `width:${(100 * distances[at]) / largest}%` })), d(distances[at])), h("td", {}, n(sizes[at]))))));
}

function p(...parts) {
  return h("p", {}, ...parts);
}

function quiet(text) {
  return h("p", { class: "pm-quiet" }, text);
}

function me() {
  return h("span", { class: "pm-xray-me-key", "aria-label": "in the middle" });
}

function mark(text) {
  return h("span", { class: "pm-xray-mark" }, text);
}

function n(value) {
  return value.toLocaleString("en");
}

function d(value) {
  return value.toFixed(4);
}

function count(number, one, many) {
  return number === 1 ? one : `${n(number)} ${many}`;
}
