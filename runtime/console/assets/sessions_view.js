// The list of sessions: what the server has, open sessions, and those that have ended.

import { element, keyed, setClass, setText } from "./dom.js";
import * as format from "./format.js";
import { tile } from "./tiles.js";

const COLUMNS = ["Pipeline", "State", "Client", "Age", "In / s", "Out / s", "Waiting", "Fullest link", "Dropped", "Busiest node"];
const NUMBERS = new Set(["Age", "In / s", "Out / s", "Waiting", "Dropped"]);
const ENDED = ["Ended", "Pipeline", "Client", "Outcome", "Reason", "Node", "Duration", "In", "Out", "Detail"];
const MOST_ENDINGS = 200;

/** Where the page of a session is. */
export function addressOf(session, node = "") {
  return `#/session/${encodeURIComponent(session)}${node ? `/${encodeURIComponent(node)}` : ""}`;
}

export class SessionsView {
  title = "Sessions";
  #before = new Map();
  #endings = new Map();
  #sessions = [];
  #cpu = null;

  constructor() {
    this.tiles = {
      sessions: tile("Open sessions"),
      processes: tile("Node processes"),
      ended: tile("Ended"),
      refused: tile("Refused"),
      cpu: tile("Server CPU"),
      memory: tile("Server memory"),
      shared: tile("Shared memory"),
      workers: tile("Workers"),
    };
    this.tiles.workers.root.hidden = true;
    this.filter = element("input", {
      type: "search", placeholder: "Filter by pipeline, client or id", "aria-label": "Filter sessions",
      oninput: () => this.#draw(),
    });
    this.rows = element("tbody");
    this.empty = element("p", { class: "empty" }, "Waiting for the server.");
    this.ended = element("tbody");
    this.endedEmpty = element("p", { class: "empty" }, "No session has ended in the last hour.");
    this.more = element("p", { class: "hint", hidden: true });
    this.endedTitle = element("h2", { id: "ended", tabindex: -1 }, "Ended in the last hour");
    this.root = element("div", {},
      element("div", { class: "tiles" }, ...Object.values(this.tiles).map((each) => each.root)),
      element("section", { "aria-labelledby": "open" },
        element("div", { class: "heading" }, element("h1", { id: "open" }, "Sessions"), element("span", { class: "grow" }),
          element("button", { type: "button", class: "plain", onclick: () => this.endedTitle.focus() }, "To those that ended"), this.filter),
        table(COLUMNS, this.rows, "sessions"), this.empty, this.more),
      element("section", { "aria-labelledby": "ended" },
        this.endedTitle,
        table(ENDED, this.ended, "endings"), this.endedEmpty),
    );
  }

  show(message) {
    if (message.type === "sessions") this.#showSessions(message);
    else if (message.type === "endings") this.#showEndings(message.endings);
  }

  #showSessions(message) {
    const now = new Map();
    this.#sessions = message.sessions.map((session) => {
      const before = this.#before.get(session.session_id);
      const seconds = before ? message.clock_seconds - before.clock : 0;
      const since = (name) => (seconds > 0 ? (session[name] - before.session[name]) / seconds : null);
      now.set(session.session_id, { session, clock: message.clock_seconds });
      return { ...session, in_rate: since("items_in"), out_rate: since("items_out"), age_ms: message.time_ms - session.opened_ms };
    });
    this.#before = now;
    const server = message.server;
    const of = (value, most) => `${format.count(value)} of ${format.count(most)}`;
    const open = message.sessions.length + message.omitted;
    this.tiles.sessions.set(of(open, server.max_sessions), server.waiting ? `${server.waiting} wait for room` : "");
    this.tiles.processes.set(of(server.processes, server.max_processes));
    const { completed = 0, failed = 0, cancelled = 0 } = server.ended;
    this.tiles.ended.set(format.count(completed + failed + cancelled), `${failed} failed, ${cancelled} cancelled`);
    this.tiles.refused.set(format.count(server.refused), "", server.refused ? "warn" : "");
    if (this.#cpu) {
      const share = (server.cpu_seconds - this.#cpu.seconds) / (message.clock_seconds - this.#cpu.clock);
      if (Number.isFinite(share)) this.tiles.cpu.set(format.percent(share), "of one processor", share > 0.9 ? "warn" : "");
    }
    this.#cpu = { seconds: server.cpu_seconds, clock: message.clock_seconds };
    this.tiles.memory.set(format.bytes(server.memory_bytes));
    this.tiles.shared.set(format.bytes(server.shared_memory_bytes), `${format.bytes(server.shared_memory_free_bytes)} free`);
    this.#showWorkers(server.workers ?? []);
    this.more.hidden = !message.omitted;
    setText(this.more, `${message.omitted} further sessions are not shown.`);
    this.#draw();
  }

  #showWorkers(workers) {
    const silent = workers.filter((each) => !each.answers).map((each) => each.number);
    const sessions = workers.map((each) => each.sessions).join(" + ");
    this.tiles.workers.root.hidden = workers.length === 0;
    this.tiles.workers.set(format.count(workers.length), silent.length ? `no answer of ${silent.join(", ")}` : `${sessions} sessions`,
      silent.length ? "warn" : "");
  }

  #draw() {
    const wanted = this.filter.value.trim().toLowerCase();
    const shown = this.#sessions.filter((each) =>
      [each.pipeline, each.peer, each.session_id, each.token_name].some((text) => text.toLowerCase().includes(wanted)));
    keyed(this.rows, shown, (each) => each.session_id, makeRow, updateRow);
    this.empty.hidden = shown.length > 0;
    setText(this.empty, wanted ? "No session matches the filter." : "No session is open.");
  }

  #showEndings(endings) {
    for (const each of endings) this.#endings.set(each.number, each);
    const newest = [...this.#endings.values()].sort((a, b) => b.number - a.number).slice(0, MOST_ENDINGS);
    this.#endings = new Map(newest.map((each) => [each.number, each]));
    keyed(this.ended, newest, (each) => each.number, makeEnding, () => {});
    this.endedEmpty.hidden = newest.length > 0;
  }
}

function table(names, body, kind) {
  const heads = names.map((name) => element("th", { scope: "col", class: NUMBERS.has(name) ? "number" : null }, name));
  return element("div", { class: "wide" },
    element("table", { class: kind }, element("thead", {}, element("tr", {}, ...heads)), body));
}

function makeRow(session) {
  const link = element("a", { href: addressOf(session.session_id) });
  const id = element("span", { class: "id" }, session.session_id);
  const fill = element("span", { class: "bar" }, element("span"));
  const cells = COLUMNS.map((name) => element("td", { "data-label": name, class: NUMBERS.has(name) ? "number" : null }));
  cells[0].append(link, id);
  cells[1].append(element("span", { class: "badge" }));
  cells[7].append(fill, element("span", { class: "after-bar" }));
  const row = element("tr", { onclick: (event) => { if (event.target.tagName !== "A" && !getSelection().toString()) link.click(); } }, ...cells);
  return row;
}

function updateRow(row, session) {
  const [pipeline, state, client, age, inRate, outRate, waiting, fullest, dropped, busiest] = row.cells;
  setText(pipeline.firstChild, session.pipeline || "(no name)");
  setText(state.firstChild, session.state);
  state.firstChild.dataset.state = session.state;
  setText(client, clientOf(session));
  setText(age, format.duration(session.age_ms));
  setText(inRate, format.rate(session.in_rate));
  setText(outRate, format.rate(session.out_rate));
  setText(waiting, format.count(session.waiting_items));
  fullest.firstChild.firstChild.style.width = format.percent(session.fullest_link).replace(" ", "");
  fullest.firstChild.dataset.level = levelOf(session.fullest_link);
  setText(fullest.lastChild, format.percent(session.fullest_link));
  setText(dropped, format.count(session.dropped_items));
  setClass(dropped, "warn", session.dropped_items);
  setText(busiest, session.slowest_node ? `${session.slowest_node} ${format.percent(session.slowest_busy)}` : "–");
}

function clientOf(session) {
  return session.token_name ? `${session.token_name} (${session.peer})` : session.peer || "–";
}

/** How full a link is, as a word. */
export function levelOf(share) {
  if (share >= 0.9) return "full";
  return share >= 0.5 ? "filling" : "free";
}

function makeEnding(ending) {
  const values = [
    format.time(ending.ended_ms),
    element("a", { href: addressOf(ending.session_id) }, ending.pipeline || "(no name)"),
    clientOf(ending),
    element("span", { class: "badge", "data-state": ending.outcome }, ending.outcome),
    ending.reason.replaceAll("_", " "),
    ending.node_id || "–",
    format.duration(ending.ended_ms - ending.opened_ms),
    format.count(ending.items_in),
    format.count(ending.items_out),
    element("span", { class: "detail", title: ending.detail || null }, ending.detail || "–"),
  ];
  return element("tr", {}, ...values.map((value, index) => element("td", { "data-label": ENDED[index] }, value)));
}
