// The state of the view. It lives in the URL (and, for uploads, in the history entry), so that a view can be
// bookmarked and sent, and back and forward work. Everything on the page follows it through `subscribe`.

import { addToUrl, NOT_STEERED, readFromUrl, steerKey } from "./steer-state.js";

export const DEFAULT_K = 24;

const EMPTY = {
  tab: "search", gallery: "", id: null, upload: null, index: "", k: DEFAULT_K, turns: 0, mirrored: false,
  region: null, words: "", by: "labels", mix: 0.5, where: {}, knobs: {}, open: null, map: "", compare: "", why: null, ...NOT_STEERED,
};
const MOST_WORDS = 1000; // characters of words in the URL; longer ones are kept in the history entry alone
const RANGE = /^(-?\d+(?:\.\d+)?)?\.\.(-?\d+(?:\.\d+)?)?$/;

const listeners = new Set();
const galleryListeners = new Set();
let galleries = null;
let defaultGallery = "";
let current = read();

/** The current state; do not change it, call `navigate`. */
export function state() {
  return current;
}

/** Change the state, write it into the URL and tell everyone. `replace` keeps the history entry. */
export function navigate(changes, { replace = false } = {}) {
  const next = { ...current, ...changes };
  if (same(next, current)) return;
  const previous = current;
  current = next;
  const url = address(next);
  const kept = { pentimento: { upload: next.upload, also: next.also.filter((one) => one.upload), words: next.words.length > MOST_WORDS ? next.words : "" } };
  if (replace) history.replaceState(kept, "", url);
  else history.pushState(kept, "", url);
  tell(previous);
}

/** Call `listener(state, previous)` after each change; returns a function that stops it. */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Fields that make the results what they are. */
export function queryKey(of) {
  const { gallery, id, upload, index, k, turns, mirrored, region, words, by, mix, where, knobs } = of;
  return JSON.stringify([gallery, id, upload?.path, index, k, turns, mirrored, region, words && [words, by, mix], where, knobs, steerKey(of)]);
}

/** Changes that forget the query picture, and what was said about it. */
export const NO_PICTURE = { id: null, upload: null, turns: 0, mirrored: false, region: null, open: null,
  why: null, also: [], steps: [], undone: [] };

/** Search with a stored picture, from any tab. */
export function searchStored(gallery, id) {
  const entry = find(gallery);
  const other = entry && entry !== chosen();
  navigate({ ...NO_PICTURE, words: "", ...(other ? { where: {}, knobs: {}, index: "" } : {}), tab: "search",
    gallery: entry ? entry.address : gallery, id });
}

/** Tell what galleries there are (the header does, once it knows). */
export function setGalleries(list, fallback) {
  galleries = list;
  defaultGallery = fallback || list[0]?.address || "";
  for (const listener of galleryListeners) listener(list);
}

/** Call `listener(galleries)` now, if they are known, and whenever they change. */
export function onGalleries(listener) {
  galleryListeners.add(listener);
  if (galleries) listener(galleries);
}

/** The entry of the chosen gallery, or undefined when it does not exist or galleries are not known yet. */
export function chosen() {
  return find(current.gallery || defaultGallery);
}

/** The entry of an address (dataset@encoder, or dataset alone). */
export function find(wanted) {
  if (!galleries) return undefined;
  return galleries.find((entry) => entry.address === wanted) ?? galleries.find((entry) => entry.dataset === wanted);
}

/** Every gallery there is; null until they are known. */
export function all() {
  return galleries;
}

/** The URL of a state, relative to the page. */
export function address(of) {
  const pairs = [];
  const add = (name, value) => pairs.push(`${encode(name)}=${encode(value)}`);
  if (of.tab !== EMPTY.tab) add("tab", of.tab);
  if (of.gallery) add("gallery", of.gallery);
  if (of.id !== null) add("id", of.id);
  if (of.index) add("index", of.index);
  if (of.k !== EMPTY.k) add("k", of.k);
  if (of.id !== null) {
    if (of.turns) add("turns", of.turns);
    if (of.mirrored) add("mirrored", 1);
    if (of.region) add("region", of.region.map((x) => Number(x.toFixed(4))).join(","));
  }
  if (of.words && of.words.length <= MOST_WORDS) add("words", of.words);
  if (of.by !== EMPTY.by) add("by", of.by);
  if (of.mix !== EMPTY.mix) add("mix", of.mix);
  for (const [name, value] of Object.entries(of.knobs)) add(`knob.${name}`, value);
  for (const [name, value] of Object.entries(of.where)) {
    if (Array.isArray(value)) value.forEach((one) => add(`where.${name}`, one));
    else add(`where.${name}`, `${value.min ?? ""}..${value.max ?? ""}`);
  }
  addToUrl(of, add);
  if (of.open !== null) add("open", of.open);
  if (of.why !== null) add("why", of.why);
  if (of.map && of.tab === "map") add("map", of.map);
  if (of.compare && of.tab === "compare") add("compare", of.compare);
  return location.pathname + (pairs.length ? `?${pairs.join("&")}` : "");
}

function read() {
  const next = { ...EMPTY, where: {}, knobs: {}, also: history.state?.pentimento?.also ?? [], upload: history.state?.pentimento?.upload ?? null,
    words: history.state?.pentimento?.words ?? "" };
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (name === "tab" || name === "gallery" || name === "index" || name === "map" || name === "compare") next[name] = value;
    else if ((name === "id" || name === "open" || name === "why") && /^\d+$/.test(value)) next[name] = Number(value);
    else if (name === "k" && Number(value) >= 1) next.k = Math.min(500, Math.floor(Number(value)));
    else if (name === "words") next.words = value.trim() ? value : "";
    else if (name === "by") next.by = value === "meaning" ? value : "labels";
    else if (name === "mix" && Number(value) >= 0 && Number(value) <= 1) next.mix = Number(value);
    else if (name === "turns") next.turns = (Number(value) || 0) & 3;
    else if (name === "mirrored") next.mirrored = value === "1";
    else if (name === "region") next.region = box(value);
    else if (readFromUrl(next, name, value)) continue;
    else if (name.startsWith("knob.") && value !== "" && Number.isFinite(Number(value))) next.knobs[name.slice(5)] = Number(value);
    else if (name.startsWith("where.")) addFilter(next.where, name.slice(6), value);
  }
  if (next.id !== null) next.upload = null;
  return next;
}

function addFilter(where, name, value) {
  const range = value.match(RANGE);
  if (range && value !== "..") {
    where[name] = {};
    if (range[1] !== undefined) where[name].min = Number(range[1]);
    if (range[2] !== undefined) where[name].max = Number(range[2]);
  } else if (Array.isArray(where[name])) where[name].push(value);
  else where[name] = [value];
}

function box(text) {
  const numbers = text.split(",").map(Number);
  const valid = numbers.length === 4 && numbers.every((x) => x >= 0 && x <= 1) && numbers[0] < numbers[2] && numbers[1] < numbers[3];
  return valid ? numbers : null;
}

function encode(value) {
  return encodeURIComponent(value).replace(/%(40|2C|20|3A)/g, (hex) => ({ "%40": "@", "%2C": ",", "%20": "+", "%3A": ":" })[hex]);
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

function tell(previous) {
  for (const listener of [...listeners]) listener(current, previous);
}

window.addEventListener("popstate", () => {
  const previous = current;
  current = read();
  tell(previous);
});
