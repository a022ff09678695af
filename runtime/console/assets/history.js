// The snapshots of a session of the last minutes, and what happened between them.

import { WINDOW_SECONDS } from "./timeline.js";

export class History {
  points = [];
  #before = null;

  /** Add a snapshot; return its nodes with rates: `in_rate`, `out_rate`, `drop_rate`, `blocked`. */
  add(message) {
    const { clock_seconds: clock, session } = message;
    const before = this.#before;
    const seconds = before ? clock - before.clock_seconds : 0;
    if (before && seconds <= 0) return before.session.nodes;
    const old = new Map((before?.session.nodes ?? []).map((node) => [node.node_id, node]));
    const since = (now, then, name) => (then && seconds > 0 ? Math.max(0, now[name] - then[name]) / seconds : null);
    for (const node of session.nodes) {
      const then = old.get(node.node_id);
      node.in_rate = since(node, then, "items_in");
      node.out_rate = since(node, then, "items_out");
      node.drop_rate = since(node, then, "dropped_items");
      node.cpu = since(node, then, "cpu_seconds");
      node.blocked = since(node, then, "sending_seconds") ?? 0;
      node.fullest_link = Math.max(0, ...session.links.filter((link) => link.reader === node.node_id).map(fillOf));
      node.waiting_items = session.links.filter((link) => link.reader === node.node_id).reduce((sum, link) => sum + link.waiting_items, 0);
    }
    this.#before = message;
    const then = before?.session;
    // The first snapshot has no rates of its own: where the history has reached it, it goes on with those.
    const last = this.points.at(-1);
    const latest = !then && last && clock - last.clock < 3 ? last : null;
    this.points.push({
      clock,
      session: {
        in_rate: since(session, then, "items_in"),
        out_rate: since(session, then, "items_out"),
        waiting_items: session.waiting_items,
        p99_ms: Math.max(0, ...session.nodes.map((node) => node.recent_p99_ms)),
        p50_ms: Math.max(0, ...session.nodes.map((node) => node.recent_p50_ms)),
        busy: then ? Math.max(0, ...session.nodes.map((node) => node.busy)) : null,
        cpu: since(session, then, "cpu_seconds"),
      },
      nodes: new Map(session.nodes.map((node) => [node.node_id, {
        in_rate: node.in_rate, out_rate: node.out_rate, waiting_items: node.waiting_items,
        p99_ms: node.recent_p99_ms, p50_ms: node.recent_p50_ms, busy: then ? node.busy : null, cpu: node.cpu,
      }])),
    });
    if (latest) {
      const point = this.points.at(-1);
      fillIn(point.session, latest.session);
      for (const [node, values] of point.nodes) fillIn(values, latest.nodes.get(node) ?? {});
    }
    while (this.points[0].clock < clock - WINDOW_SECONDS) this.points.shift();
    return session.nodes;
  }

  /** Take what was before the first snapshot: { clocks, rows }, with the columns of each node, and of "" the session. */
  load({ clocks, rows }) {
    const nodes = Object.keys(rows).filter((node) => node);
    const at = (node, index) => Object.fromEntries(Object.entries(rows[node]).map(([name, values]) => [name, values[index]]));
    const loaded = clocks.map((clock, index) => ({ clock, session: at("", index), nodes: new Map(nodes.map((node) => [node, at(node, index)])) }));
    const first = loaded[0]?.clock ?? Infinity;
    const last = loaded.at(-1)?.clock ?? -Infinity;
    this.points = [...this.points.filter((point) => point.clock < first), ...loaded, ...this.points.filter((point) => point.clock > last)];
  }

  /** Note that snapshots are missing: no line is drawn over the gap. */
  gap() {
    this.#before = null;
  }
}

function fillIn(values, others) {
  for (const name of Object.keys(values)) values[name] ??= others[name] ?? null;
}

/** How full a link is, from 0 to 1. */
export function fillOf(link) {
  return link.capacity ? Math.min(1, link.waiting_items / link.capacity) : 0;
}
