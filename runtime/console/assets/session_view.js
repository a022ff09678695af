// The page of one session.

import { element, setText } from "./dom.js";
import * as format from "./format.js";
import { Graph } from "./graph.js";
import { History } from "./history.js";
import { LatencyView } from "./latency_view.js";
import { LogView } from "./log_view.js";
import { addressOf, levelOf } from "./sessions_view.js";
import { TapView } from "./tap_view.js";
import { tile } from "./tiles.js";
import { Timeline } from "./timeline.js";

export class SessionView {
  #history = new History();
  #node = "";
  #message = null;
  #ending = null;

  constructor(id, live) {
    this.id = id;
    this.live = live;
    this.name = element("h1", {}, "Session");
    this.state = element("span", { class: "badge" }, "waiting");
    this.facts = element("p", { class: "facts id" }, id);
    this.banner = element("div", { class: "banner", role: "alert", hidden: true });
    this.tiles = {
      in: tile("In / s"), out: tile("Out / s"), waiting: tile("Waiting items"), dropped: tile("Dropped"),
      copies: tile("Copies"), cpu: tile("CPU of processes"), memory: tile("Memory of processes"),
    };
    this.pipelineTitle = element("h2", { id: "pipeline" }, "Pipeline");
    this.graph = new Graph((node) => this.#choose(node));
    this.panel = new NodePanel(() => this.#choose(""));
    this.latency = new LatencyView(() => this.#watch());
    this.timelines = this.#makeTimelines();
    this.timelinesTitle = element("h2", { id: "timelines" }, "Timelines");
    this.log = new LogView();
    this.root = element("div", { class: "session" },
      element("div", { class: "heading" }, element("a", { href: "#/", "aria-label": "All sessions" }, "← Sessions"), this.name, this.state),
      this.facts, this.banner,
      element("div", { class: "tiles" }, ...Object.values(this.tiles).map((each) => each.root)),
      element("section", { "aria-labelledby": "pipeline" },
        this.pipelineTitle,
        this.graph.root, this.panel.root),
      this.latency.root,
      element("section", { "aria-labelledby": "timelines" }, this.timelinesTitle,
        element("div", { class: "timelines" }, ...this.timelines.map((each) => each.root))),
      this.log.root);
    this.onKey = (event) => {
      if (event.key === "Escape" && this.#node) this.#choose("");
    };
    this.onResize = () => this.#draw();
    document.addEventListener("keydown", this.onKey);
    window.addEventListener("resize", this.onResize);
  }

  get title() {
    return this.#message?.session.pipeline || this.id;
  }

  close() {
    document.removeEventListener("keydown", this.onKey);
    window.removeEventListener("resize", this.onResize);
  }

  /** The connection is lost: no rate is known until the second snapshot after it is back. */
  lose() {
    this.#history.gap();
  }

  /** Show one node, or with "" all. The address says which: it is called when that changes. */
  select(node) {
    if (node !== this.#node || !node) this.panel.begin(node);
    this.#node = node;
    this.log.filter(node);
    this.latency.mark(node);
    this.#watch();
    this.#draw();
  }

  #watch() {
    this.live.quiet = Boolean(this.#ending);
    this.live.watch(this.id, this.#ending ? "" : this.#node, this.latency.isOn && !this.#ending);
  }

  #choose(node) {
    location.hash = addressOf(this.id, node === this.#node ? "" : node);
  }

  show(message) {
    if (message.type === "session" && message.session.session_id === this.id) {
      const isFirst = !this.#message;
      this.#history.add(message);
      this.#message = message;
      if (isFirst) document.title = `${this.title} - Millrace`;
      this.#draw();
    } else if (message.type === "history" && message.session_id === this.id) {
      this.#history.load(message);
      this.#draw();
    } else if (message.type === "ended" && message.session_id === this.id) {
      this.#end(message.ending);
    } else if (message.type === "log" && message.session_id === this.id) {
      this.log.add(message.lines);
    } else if (message.type === "latency" && message.session_id === this.id) {
      this.latency.show(message.latency);
    } else if (message.type.startsWith("tap") && message.session_id === this.id) {
      this.panel.tap.show(message);
    }
  }

  #end(ending) {
    this.live.quiet = true;
    this.#ending = ending ?? { outcome: "unknown", reason: "", node_id: "", detail: "" };
    this.panel.tap.end("The session has ended.");
    this.latency.end();
    if (!ending) {
      this.#showBanner("unknown", "This session is not open, and it has not ended in the last hour.");
      setText(this.state, "unknown");
      return;
    }
    const where = ending.node_id ? ` in node ${ending.node_id}` : "";
    this.#showBanner(ending.outcome, `${ending.outcome}: ${ending.reason.replaceAll("_", " ")}${where}, at ${format.time(ending.ended_ms)} after ${format.duration(ending.ended_ms - ending.opened_ms)}`, ending.detail);
    setText(this.name, ending.pipeline || "(no name)");
    this.#showState(ending.outcome);
    this.#showFacts(ending, ending.ended_ms);
    setText(this.pipelineTitle, this.#message ? "Pipeline when it ended" : "Pipeline");
    if (!this.#message) {
      this.#showTotals(ending);
      this.graph.root.replaceChildren(element("p", { class: "empty" }, "The console shows the pipeline of a session while it is open."));
      for (const each of this.timelines) each.root.closest("section").hidden = true;
    }
    this.#draw();
  }

  #showBanner(outcome, text, detail = "") {
    this.banner.hidden = false;
    this.banner.dataset.state = outcome;
    this.banner.replaceChildren(element("strong", {}, text), ...(detail ? [element("pre", {}, detail)] : []));
  }

  #showState(state) {
    setText(this.state, state);
    this.state.dataset.state = state;
  }

  #showFacts(session, now) {
    const client = session.token_name ? `${session.token_name} (${session.peer})` : session.peer || "the server itself";
    setText(this.facts, `${this.id} · client ${client} · opened ${format.time(session.opened_ms)}, ${format.duration(now - session.opened_ms)}`);
  }

  #showTotals(ending) {
    this.tiles.in.set(format.count(ending.items_in), "items in all");
    this.tiles.out.set(format.count(ending.items_out), "items in all");
    this.tiles.dropped.set(format.count(ending.dropped_items));
    this.tiles.memory.set(format.bytes(ending.peak_memory_bytes), "peak");
  }

  #draw() {
    if (!this.#message) return;
    const { session, time_ms: now } = this.#message;
    if (!this.#ending) {
      setText(this.name, session.pipeline || "(no name)");
      this.#showState(session.state);
      this.#showFacts(session, now);
    }
    const chosen = session.nodes.find((node) => node.node_id === this.#node);
    if (chosen) this.#showTiles(chosen, chosen, chosen.process_id ? "its own process" : "in the server's process");
    else this.#showTiles(session, this.#history.points.at(-1).session, session.process_count === 1 ? "1 process" : `${session.process_count} processes`);
    const fullest = chosen ? chosen.fullest_link : session.fullest_link;
    this.tiles.waiting.set(format.count(chosen ? chosen.waiting_items : session.waiting_items), `fullest link ${format.percent(fullest)}`, { full: "bad", filling: "warn", free: "" }[levelOf(fullest)]);
    this.graph.show(session.nodes, session.links, { selected: this.#node, failed: this.#ending?.node_id });
    this.panel.show(session.nodes.find((node) => node.node_id === this.#node), this.#ending);
    setText(this.timelinesTitle, this.#node ? `Timelines of ${this.#node}` : "Timelines");
    for (const each of this.timelines) each.show(this.#history.points);
  }

  /** Show what the session or the chosen node has done. */
  #showTiles(totals, rates, place) {
    const all = (items, size) => `${format.count(items)} in all${size === undefined ? "" : `, ${format.bytes(size)}`}`;
    this.tiles.in.set(format.rate(rates.in_rate), all(totals.items_in, totals.bytes_in));
    this.tiles.out.set(format.rate(rates.out_rate), all(totals.items_out, totals.bytes_out));
    this.tiles.dropped.set(format.count(totals.dropped_items), "", totals.dropped_items ? "warn" : "");
    this.tiles.copies.set(format.count(totals.copies), format.bytes(totals.copied_bytes));
    const hasProcess = Boolean(totals.process_count || totals.process_id);
    this.tiles.cpu.set(hasProcess && rates.cpu !== null ? format.percent(rates.cpu) : "–", place);
    this.tiles.memory.set(hasProcess ? format.bytes(totals.memory_bytes) : "–");
  }

  #makeTimelines() {
    const of = (name) => (point) => (this.#node ? point.nodes.get(this.#node)?.[name] : point.session[name]) ?? null;
    const share = (value) => `${Math.round(100 * value)}%`;
    return [
      new Timeline("Items / s", [{ name: "in", value: of("in_rate") }, { name: "out", value: of("out_rate") }], format.rate),
      new Timeline("Waiting items", [{ name: "items", value: of("waiting_items") }], format.count, 2),
      new Timeline("Processing time", [{ name: "p99", value: of("p99_ms") }, { name: "p50", value: of("p50_ms") }], format.milliseconds),
      new Timeline("Load", [{ name: "busy", value: of("busy") }, { name: "CPU of processes", value: of("cpu") }], share, 1),
    ];
  }
}

/** The figures and the outputs of the chosen node. */
class NodePanel {
  constructor(onClose) {
    this.title = element("h2", { id: "node" });
    this.values = element("dl", { class: "values" });
    this.tap = new TapView();
    this.root = element("aside", { class: "panel", "aria-labelledby": "node", hidden: true },
      element("div", { class: "heading" }, this.title, element("span", { class: "grow" }),
        element("button", { type: "button", onclick: onClose, "aria-label": "Show all nodes" }, "Close")),
      element("div", { class: "panel-parts" }, this.values, this.tap.root));
  }

  begin(node) {
    this.root.hidden = !node;
    setText(this.title, node);
    this.values.replaceChildren();
    this.tap.reset(node);
  }

  show(node, ending) {
    if (!node) return;
    const values = {
      Type: node.node_type,
      Runs: node.process_id ? `process ${node.process_id}` : node.executor,
      State: ending?.node_id === node.node_id ? `failed: ${ending.error}` : node.state,
      Busy: format.percent(node.busy),
      "Items in": node.items_in,
      "Items out": node.items_out,
      "Processing p50, p99": `${format.milliseconds(node.p50_ms)}, ${format.milliseconds(node.p99_ms)}`,
      "Recent p50, p99": `${format.milliseconds(node.recent_p50_ms)}, ${format.milliseconds(node.recent_p99_ms)}`,
      "Waited for items": format.duration(1000 * node.waiting_seconds),
      "Waited for readers": format.duration(1000 * node.sending_seconds),
      "Waiting at its input": node.waiting_items,
      Dropped: node.dropped_items,
      Cancelled: node.cancelled_items,
      Copies: `${format.count(node.copies)}, ${format.bytes(node.copied_bytes)}`,
      Memory: node.process_id ? format.bytes(node.memory_bytes) : "of the server",
      "CPU time": node.process_id ? format.duration(1000 * node.cpu_seconds) : "of the server",
    };
    if (!this.values.childElementCount) {
      this.values.append(...Object.keys(values).flatMap((name) => [element("dt", {}, name), element("dd", { "data-value": name })]));
    }
    for (const [name, value] of Object.entries(values)) {
      setText(this.values.querySelector(`[data-value="${name}"]`), String(value));
    }
  }
}
