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
    while (this.points[0].clock < clock - WINDOW_SECONDS) this.points.shift();
    return session.nodes;
  }

  /** Note that snapshots are missing: no line is drawn over the gap. */
  gap() {
    this.#before = null;
  }
}

/** How full a link is, from 0 to 1. */
export function fillOf(link) {
  return link.capacity ? Math.min(1, link.waiting_items / link.capacity) : 0;
}
