// The picture of a pipeline, coloured by what its nodes and links do.

import { setText, svg } from "./dom.js";
import * as format from "./format.js";
import { INPUT, RESULTS, layout, pathOf } from "./graph_layout.js";
import { fillOf } from "./history.js";
import { levelOf } from "./sessions_view.js";

const MARGIN = 8;
const NARROW = 640;
const MOST_CHARACTERS = 19;
const LEAST_SCALE = 0.75;

export class Graph {
  #shape = "";
  #nodes = new Map();
  #links = new Map();

  /** @param onSelect called with the id of a node that the user chooses. */
  constructor(onSelect) {
    this.onSelect = onSelect;
    this.picture = svg("svg", { role: "group", "aria-label": "Pipeline" });
    this.root = document.createElement("div");
    this.root.className = "graph";
    this.root.append(this.picture);
    this.root.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** Show nodes [{node_id, ..., in_rate, out_rate}] and links; `failed` is the id of the failed node. */
  show(nodes, links, { selected, failed }) {
    const isUpright = this.root.clientWidth > 0 && this.root.clientWidth < NARROW;
    const shown = drawnLinks(nodes, links);
    const shape = JSON.stringify([isUpright, nodes.map((n) => n.node_id), shown.map((l) => [l.producer, l.reader])]);
    if (shape !== this.#shape) {
      this.#shape = shape;
      this.#draw(nodes, shown, isUpright);
    }
    for (const node of nodes) this.#updateNode(node, selected, failed);
    for (const link of shown) this.#updateLink(link, selected);
  }

  #draw(nodes, links, isUpright) {
    const drawn = layout(nodes.map((node) => node.node_id), links, isUpright);
    const width = drawn.width + 2 * MARGIN;
    const height = drawn.height + 2 * MARGIN;
    this.picture.setAttribute("viewBox", `${-MARGIN} ${-MARGIN} ${width} ${height}`);
    // A wide one is scaled to fit, as far as it can be read; then it scrolls.
    this.picture.style.width = `${width}px`;
    this.picture.style.maxWidth = "100%";
    this.picture.style.minWidth = `${Math.round(LEAST_SCALE * width)}px`;
    this.#nodes.clear();
    this.#links.clear();
    const lines = drawn.links.map(({ link, points }) => {
      const line = svg("path", { class: "line", d: pathOf(points, isUpright) });
      const [first, second] = points;
      const text = svg("text", { class: "queue", x: (first[0] + second[0]) / 2 + (isUpright ? 8 : 0), y: (first[1] + second[1]) / 2 - (isUpright ? 0 : 7), "text-anchor": isUpright ? "start" : "middle" });
      const title = svg("title");
      const group = svg("g", { class: "link" }, line, text, title);
      this.#links.set(keyOf(link), { group, line, text, title });
      return group;
    });
    const boxes = [...drawn.nodes].map(([id, place]) => (id === INPUT || id === RESULTS ? makeEnd(id, place) : this.#makeNode(id, place)));
    this.picture.replaceChildren(...lines, ...boxes);
  }

  #makeNode(id, { x, y, width, height }) {
    const texts = {
      name: svg("text", { class: "name", x: 12, y: 22 }),
      kind: svg("text", { class: "kind", x: 12, y: 39 }),
      rates: svg("text", { class: "figure", x: 12, y: 60 }),
      time: svg("text", { class: "figure", x: 12, y: 77 }),
      state: svg("text", { class: "state", x: width - 10, y: 22, "text-anchor": "end" }),
    };
    const busy = svg("rect", { class: "busy", x: 1, y: height - 6, height: 5, width: 0 });
    const title = svg("title");
    const clip = svg("svg", { width, height }, svg("rect", { class: "box", x: 0.75, y: 0.75, width: width - 1.5, height: height - 1.5, rx: 8 }), busy, ...Object.values(texts));
    const group = svg("g", {
      class: "node", tabindex: 0, role: "button", "data-node": id, transform: `translate(${x} ${y})`,
      onclick: () => this.onSelect(id),
    }, title, clip);
    this.#nodes.set(id, { group, texts, busy, title, width });
    return group;
  }

  #updateNode(node, selected, failed) {
    const { group, texts, busy, title, width } = this.#nodes.get(node.node_id);
    const level = nodeLevel(node, failed);
    const process = node.process_id ? `process ${node.process_id}` : node.executor;
    const words = { failed: "failed", dropping: "drops", busy: "busy", waiting: "blocked", off: node.state, ok: "" };
    setText(texts.name, shortened(node.node_id, words[level] ? MOST_CHARACTERS - 8 : MOST_CHARACTERS));
    setText(texts.kind, shortened(`${node.node_type} · ${process}`, 30));
    setText(texts.rates, `${format.rate(node.in_rate)} in/s  ${format.rate(node.out_rate)} out/s`);
    setText(texts.time, `p99 ${format.milliseconds(node.recent_p99_ms)}${node.dropped_items ? `  ${format.count(node.dropped_items)} dropped` : ""}`);
    setText(texts.state, words[level]);
    busy.setAttribute("width", Math.max(0, (width - 2) * Math.min(1, node.busy)));
    group.dataset.level = level;
    group.setAttribute("aria-pressed", node.node_id === selected);
    const text = `${node.node_id}, ${node.node_type}, ${process}: ${format.count(node.items_in)} items in, ${format.count(node.items_out)} out, busy ${format.percent(node.busy)}${words[level] ? `, ${words[level]}` : ""}`;
    setText(title, text);
    group.setAttribute("aria-label", text);
    group.classList.toggle("faded", Boolean(selected) && node.node_id !== selected);
  }

  #updateLink(link, selected) {
    const { group, text, title } = this.#links.get(keyOf(link));
    const share = fillOf(link);
    group.dataset.level = levelOf(share);
    setText(text, link.waiting_items ? `${format.count(link.waiting_items)}${share >= 0.5 ? ` of ${format.count(link.capacity)}` : ""}` : "");
    setText(title, `${link.producer || "input"} to ${link.reader || "results"}: ${link.waiting_items} of ${link.capacity} items wait`);
    const isNear = !selected || link.producer === selected || link.reader === selected;
    group.classList.toggle("faded", !isNear);
  }

  /** Let the arrow keys go from node to node, and Enter and Space choose one. */
  #onKey(event) {
    const boxes = [...this.picture.querySelectorAll(".node")];
    const place = boxes.indexOf(document.activeElement);
    if (place < 0) return;
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step) boxes[(place + step + boxes.length) % boxes.length].focus();
    else if (event.key === "Enter" || event.key === " ") this.onSelect(boxes[place].dataset.node);
    else return;
    event.preventDefault();
  }
}

/** Chunks may enter at any node: of these links, show those to sources, and those in use. */
function drawnLinks(nodes, links) {
  const read = new Set(links.filter((link) => link.producer).map((link) => link.reader));
  const known = new Set(nodes.map((node) => node.node_id));
  return links.filter((link) => (!link.reader || known.has(link.reader)) && (link.producer || !read.has(link.reader) || link.waiting_items));
}

/** What matters most about a node, as a word. */
export function nodeLevel(node, failed) {
  if (node.node_id === failed) return "failed";
  if (node.state !== "enabled") return "off";
  if (node.drop_rate > 0) return "dropping";
  if (node.busy >= 0.9) return "busy";
  return node.blocked >= 0.5 ? "waiting" : "ok";
}

function makeEnd(id, { x, y, width, height }) {
  return svg("g", { class: "end", transform: `translate(${x} ${y})` },
    svg("rect", { width, height, rx: height / 2 }),
    svg("text", { x: width / 2, y: height / 2 + 4, "text-anchor": "middle" }, id === INPUT ? "input" : "results"));
}

function shortened(text, most) {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

function keyOf(link) {
  return JSON.stringify([link.producer, link.reader]);
}
