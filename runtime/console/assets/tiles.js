// One figure with its name.

import { element, setText } from "./dom.js";

/** Return a tile, with `set(value, note, level)`; level is "", "warn" or "bad". */
export function tile(name) {
  const value = element("dd", {}, "–");
  const note = element("dd", { class: "note" });
  const root = element("dl", { class: "tile" }, element("dt", {}, name), value, note);
  return {
    root,
    set(text, more = "", level = "") {
      setText(value, text);
      setText(note, more);
      root.dataset.level = level;
    },
  };
}
