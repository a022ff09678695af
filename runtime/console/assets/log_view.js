// The last lines of a session's log.

import { element, setText } from "./dom.js";
import * as format from "./format.js";

const MOST_LINES = 200;
const LEVELS = ["debug", "info", "warning", "error", "critical"];

export class LogView {
  #lines = [];
  #last = 0;
  #node = "";

  constructor() {
    this.list = element("ol", { class: "log", tabindex: 0, "aria-label": "Log lines" });
    this.empty = element("p", { class: "empty" });
    this.level = element("select", { "aria-label": "Lowest level", onchange: () => this.#draw() },
      ...LEVELS.slice(0, 4).map((each) => element("option", { value: each, selected: each === "info" }, `${each} and above`)));
    this.title = element("h2", { id: "log" }, "Log");
    this.root = element("section", { "aria-labelledby": "log" },
      element("div", { class: "heading" }, this.title, element("span", { class: "grow" }), this.level), this.list, this.empty);
    this.#draw();
  }

  add(lines) {
    const fresh = lines.filter((line) => line.number > this.#last);
    if (!fresh.length) return;
    this.#last = fresh.at(-1).number;
    this.#lines = [...this.#lines, ...fresh].slice(-MOST_LINES);
    this.#draw();
  }

  /** Show the lines of one node only; "" shows all. */
  filter(node) {
    if (node === this.#node) return;
    this.#node = node;
    this.#draw();
  }

  #draw() {
    const lowest = LEVELS.indexOf(this.level.value);
    const shown = this.#lines.filter((line) => LEVELS.indexOf(line.level) >= lowest && (!this.#node || line.node === this.#node));
    const isAtEnd = this.list.scrollTop + this.list.clientHeight >= this.list.scrollHeight - 8;
    this.list.replaceChildren(...shown.map(entryOf));
    setText(this.title, this.#node ? `Log of ${this.#node}` : "Log");
    this.list.hidden = !shown.length;
    if (isAtEnd) this.list.scrollTop = this.list.scrollHeight;
    this.empty.hidden = shown.length > 0;
    setText(this.empty, this.#node ? "No lines of this node since the console was opened." : "No lines since the console was opened.");
  }
}

function entryOf(line) {
  return element("li", { "data-level": line.level },
    element("time", {}, format.time(line.time_ms)),
    element("span", { class: "level" }, line.level),
    element("span", { class: "origin" }, line.node),
    element("span", { class: "text" }, line.text));
}
