// Files that a person drops anywhere on the page, or pastes.

import { state } from "./store.js";

/**
 * Take files while a tab is open.
 * @param {string} tab its id.
 * @param {{over: (on: boolean) => void, moving?: (event: DragEvent) => void, take: (files: File[], event: DragEvent | null) => void}}
 *   ways `over` shows that files are above the page, `moving` follows them, `take` gets them; of pasted ones the first, without an event.
 */
export function receiveFiles(tab, { over, moving = () => {}, take }) {
  const active = () => state().tab === tab;
  const hasFiles = (event) => active() && [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0; // of elements that the files are above
  document.addEventListener("dragenter", (event) => hasFiles(event) && (depth++, over(true)));
  document.addEventListener("dragleave", (event) => hasFiles(event) && --depth <= 0 && over(false));
  document.addEventListener("dragover", (event) => hasFiles(event) && (event.preventDefault(), moving(event)));
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    over(false);
    const files = [...event.dataTransfer.files];
    if (files.length) take(files, event);
  });
  document.addEventListener("paste", (event) => {
    const file = active() && !event.target.closest?.("input, textarea") ? event.clipboardData?.files?.[0] : null;
    if (!file) return;
    event.preventDefault();
    take([file], null);
  });
}
