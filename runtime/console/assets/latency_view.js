// Where the latency of a session's results goes, while the user wants to know.

import { element, setText } from "./dom.js";
import * as format from "./format.js";

const PARTS = ["queue", "wire", "hold", "process", "send"];
const MEANINGS = {
  queue: "waits for a node that is busy",
  wire: "is on its way over a link",
  hold: "is in a node whose code does not run",
  process: "the node's code runs",
  send: "waits for room at the readers",
};
// What is shorter is not worth its words.
const LEAST_SHARE = 0.01;

export class LatencyView {
  #node = "";
  #latency = null;
  #hasEnded = false;

  /** `onToggle(isOn)` is called when the user starts or stops it. */
  constructor(onToggle) {
    this.isOn = false;
    this.button = element("button", { type: "button", "aria-pressed": "false", onclick: () => {
      this.#set(!this.isOn);
      onToggle(this.isOn);
    } }, "Explain latency");
    this.note = element("p", { class: "hint", role: "status" }, "Follows some of the chunks through the session, only while it is on.");
    this.legend = element("p", { class: "latency-legend", hidden: true },
      ...PARTS.map((part) => element("span", { class: "latency-key", "data-part": part }, element("b", {}, part), ` ${MEANINGS[part]}`)));
    this.quantiles = element("div", { class: "latency-quantiles" });
    this.results = element("div", { class: "latency-results" });
    this.root = element("section", { class: "latency", "aria-labelledby": "latency" },
      element("div", { class: "heading" }, element("h2", { id: "latency" }, "Latency"), element("span", { class: "grow" }), this.button),
      this.note, this.legend, this.quantiles, this.results);
  }

  #set(isOn) {
    this.isOn = isOn;
    this.button.setAttribute("aria-pressed", String(isOn));
    setText(this.button, isOn ? "Stop" : "Explain latency");
    if (isOn) setText(this.note, "Following chunks: waiting for the first results.");
    else setText(this.note, this.#latency?.results ? "Stopped. Below is what was found last." : "Stopped.");
  }

  /** The session has ended: what is known stays. */
  end() {
    this.#hasEnded = true;
    this.button.hidden = true;
    if (this.#latency) this.#draw();
    else setText(this.note, "The session has ended.");
  }

  /** Mark one node, or with "" none. */
  mark(node) {
    this.#node = node;
    this.#draw();
  }

  show(latency) {
    if (!this.isOn) return;
    this.#latency = latency;
    this.#draw();
  }

  #draw() {
    const latency = this.#latency;
    if (!latency) return;
    if (this.isOn) setText(this.note, noteOf(latency, this.#hasEnded));
    this.legend.hidden = !latency.results;
    this.quantiles.replaceChildren(...latency.quantiles.map((each) =>
      this.#waterfall(`p${Math.round(100 * each.quantile)}`, each, each.diagnosis)));
    this.results.replaceChildren(...[["typical", latency.typical], ["slowest", latency.slowest]].flatMap(([title, results]) =>
      results.map((each) => this.#waterfall(title, each, `chunk ${each.sequence}, entered at ${format.time(each.entered_ms)}, result of ${each.node}`))));
  }

  #waterfall(title, whole, text) {
    const rows = [];
    let before = 0;
    for (const stay of whole.stays) {
      const sum = PARTS.reduce((total, part) => total + stay[`${part}_ms`], 0);
      rows.push(this.#row(stay, sum, before, whole));
      before += sum;
    }
    return element("figure", { class: "waterfall" },
      element("figcaption", {}, element("span", { class: "title" }, title), element("b", {}, format.milliseconds(whole.total_ms)), element("span", { class: "when" }, text)),
      element("ol", {}, ...rows));
  }

  #row(stay, sum, before, whole) {
    const total = Math.max(whole.total_ms, 1e-9);
    const shown = PARTS.filter((part) => stay[`${part}_ms`] / total >= LEAST_SHARE);
    const words = shown.map((part) => `${part} ${format.milliseconds(stay[`${part}_ms`])}`).join(", ");
    const track = element("span", { class: "latency-track", "aria-hidden": "true" });
    let at = before;
    for (const part of PARTS) {
      const width = stay[`${part}_ms`];
      if (width > 0) {
        const bar = element("span", { "data-part": part });
        bar.style.left = `${(100 * at) / total}%`;
        bar.style.width = `${(100 * width) / total}%`;
        track.append(bar);
      }
      at += width;
    }
    const isOwner = whole.part && stay.node === whole.owner && stay[`${whole.part}_ms`] === Math.max(...whole.stays.map((each) => each[`${whole.part}_ms`]));
    return element("li", { class: isOwner ? "owner" : undefined, "data-marked": Boolean(this.#node) && stay.node === this.#node },
      element("span", { class: "name" }, stay.node || "client"),
      track,
      element("span", { class: "sum" }, sum > 0 ? format.milliseconds(sum) : "–"),
      element("span", { class: "parts" }, words));
  }
}

function noteOf(latency, hasEnded) {
  if (!latency.results) return hasEnded ? "The session has ended; no result was explained." : "Following chunks: waiting for the first results.";
  const which = latency.chunk_interval > 1 ? `, of 1 in ${latency.chunk_interval} chunks` : "";
  const lost = latency.incomplete ? `; ${latency.incomplete} left out, whose way is not known` : "";
  const when = hasEnded ? "Until the end of the session" : "In the last minute";
  return `${when}: ${format.count(latency.results)} ${latency.results === 1 ? "result" : "results"}${which}${lost}. The parts sum up to the whole.`;
}
