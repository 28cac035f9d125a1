// Words: the text box above the picture, and the words that are marked where results were found by them.

import { button, debounced, h, icon } from "./dom.js";
import { chosen, navigate, onGalleries, state, subscribe } from "./store.js";

const TYPING_MS = 250;
const BY_MEANING = "Similarity: the cosine of the angle between what is asked for and the picture, as the network describes both. Words and pictures agree less than pictures do: .3 is much for words alone.";
const SIGNS = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]/;

let pattern = null; // of the words that results were found by

/** Build the box; it follows the state. */
export function wordsBox() {
  const input = h("input", { type: "search", placeholder: "Find by words", "aria-label": "Words", "aria-describedby": "pm-words-says",
    maxlength: "10000", autocomplete: "off", spellcheck: "false", enterkeyhint: "search" });
  const labels = h("button", { type: "button", class: "pm-words-way", onclick: () => choose("labels") }, "In the labels");
  const meaning = h("button", { type: "button", class: "pm-words-way", onclick: () => choose("meaning") }, "By meaning");
  const says = h("p", { class: "pm-hint", id: "pm-words-says" });
  const weight = h("input", { type: "range", min: "0", max: "100", step: "5", "aria-label": "Weight of the words beside the picture",
    onchange: () => navigate({ mix: Number(weight.value) / 100 }, { replace: true }) });
  const mix = h("label", { class: "pm-words-mix", hidden: true }, h("span", {}, "Picture"), weight, h("span", {}, "Words"));
  const why = h("div", { class: "pm-words-why", role: "status", hidden: true });
  const element = h("section", { class: "pm-words", role: "search", "aria-label": "Search by words" },
    h("div", { class: "pm-words-field" }, icon("search"), input),
    h("div", { class: "pm-words-ways", role: "group", "aria-label": "How words are searched" }, labels, meaning), says, mix, why);
  let typing = false; // further letters belong to the same step of the history

  const typed = debounced(() => {
    const words = input.value.trim() ? input.value : "";
    navigate({ words, tab: "search", open: null }, { replace: typing });
    typing = true;
  }, TYPING_MS);
  input.addEventListener("input", typed);
  input.addEventListener("blur", () => (typing = false));
  input.addEventListener("keydown", (event) => event.key === "Enter" && (typing = false));

  function choose(by) {
    const { reason, other } = chosen()?.meaning ?? {};
    if (by === "meaning" && reason && !other) return explain(reason);
    const elsewhere = by === "meaning" && other ? { gallery: other, index: "", knobs: {} } : {};
    navigate({ by, ...elsewhere });
  }

  function explain(reason) {
    why.hidden = !why.hidden;
    meaning.setAttribute("aria-expanded", String(!why.hidden));
    why.replaceChildren(h("p", {}, `${reason[0].toUpperCase()}${reason.slice(1)}.`), button("Close", { onclick: () => explain(reason) }));
  }

  function follow() {
    const { words, by, mix: share, id, upload } = state();
    const hasPicture = id !== null || Boolean(upload);
    const isMeaning = by === "meaning";
    if (document.activeElement !== input) input.value = words;
    element.classList.toggle("pm-words-asking", Boolean(words));
    labels.setAttribute("aria-pressed", String(!isMeaning));
    meaning.setAttribute("aria-pressed", String(isMeaning));
    meaning.classList.toggle("pm-words-absent", Boolean(chosen()?.meaning?.reason) && !chosen().meaning.other);
    says.textContent = isMeaning
      ? hasPicture ? "The picture, changed by the words." : "What pictures show, in a sentence."
      : hasPicture ? "Look-alikes whose labels have the words." : "Titles, artists, places, labels and notes.";
    mix.hidden = !(isMeaning && hasPicture && words);
    weight.value = String(Math.round(share * 100));
  }

  onGalleries(follow);
  subscribe((now, before) => {
    if (now.gallery !== before.gallery) why.hidden = true;
    follow();
  });
  follow();
  return { element, focus: () => input.focus() };
}

/** Mark the words that `cards` were found by in the wall; `words` is the server's account of them, or nothing. */
export function markResults(wall, words, cards) {
  pattern = words?.marks?.length ? new RegExp(words.marks.map(literal).sort((one, other) => other.length - one.length).join("|"), "gu") : null;
  cards.forEach((card, at) => {
    if (!card.matched) return;
    wall.children[at]?.querySelector(".pm-label").append(h("span", { class: "pm-matched" }, `${card.matched.label}: `,
      card.matched.parts.map(([text, found]) => (found ? h("mark", { class: "pm-word" }, text) : text))));
  });
  if (words?.by === "meaning") wall.querySelectorAll(".pm-similarity").forEach((one) => (one.title = BY_MEANING));
  wall.querySelectorAll(".pm-label, .pm-over").forEach(mark);
}

/** Mark the words of the last results in the text of an element. */
export function mark(element) {
  if (!pattern) return;
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest("mark, .pm-similarity")) texts.push(walker.currentNode);
  for (const text of texts) {
    const parts = [];
    let end = 0;
    for (const found of text.data.matchAll(pattern)) {
      parts.push(text.data.slice(end, found.index), h("mark", { class: "pm-word" }, found[0]));
      end = found.index + found[0].length;
    }
    if (parts.length) text.replaceWith(...parts, text.data.slice(end));
  }
}

function literal(word) {
  const plain = word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return SIGNS.test(word) ? plain : `(?<![\\p{L}\\p{N}])${plain}(?![\\p{L}\\p{N}])`;
}
