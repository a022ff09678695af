// The pages, by the part of the address behind "#".

import { setText } from "./dom.js";
import * as format from "./format.js";
import { Live } from "./live.js";
import { RecordingsView } from "./recordings_view.js";
import { SessionView } from "./session_view.js";
import { SessionsView } from "./sessions_view.js";

const main = document.querySelector("#main");
const connection = document.querySelector("#connection");
const draining = document.querySelector("#draining");
const STATES = { live: "live", lost: "no connection, trying again", connecting: "connecting", failed: "the server failed to make this page: see its log" };

let view = null;

const live = new Live(
  (message) => {
    if (message.type === "failed") showState("failed");
    else view?.show(message);
    if (message.drain_deadline_ms !== undefined) showDrain(message.drain_deadline_ms);
  },
  (state) => {
    if (state === "lost") view?.lose?.();
    showState(state);
  },
);

function showState(state) {
  setText(connection, STATES[state]);
  connection.dataset.state = state;
  document.body.classList.toggle("stale", state !== "live" && state !== "connecting");
}

/** State when a server that shuts down ends its sessions: 0 means never, null that it does not shut down. */
function showDrain(deadline) {
  draining.hidden = deadline === null;
  const end = deadline ? `it ends the sessions that still run at ${format.time(deadline)}` : "it waits until all sessions have ended";
  setText(draining, deadline === null ? "" : `The server shuts down: ${end}.`);
}

/** #/, #/session/<id>, #/session/<id>/<node>, #/recordings */
function route() {
  const [page = "", id = "", node = ""] = location.hash.slice(2).split("/").map(decodeURIComponent);
  if (page === "session" && id) {
    if (!(view instanceof SessionView && view.id === id)) replace(new SessionView(id, live));
    view.select(node);
  } else if (page === "recordings") {
    replace(new RecordingsView());
    live.quiet = false;
    live.watch();
  } else {
    replace(new SessionsView());
    live.quiet = false;
    live.watch();
  }
  const name = page === "recordings" ? "recordings" : "sessions";
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.page === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${view.title} - Millrace`;
}

function replace(next) {
  view?.close?.();
  view = next;
  main.replaceChildren(view.root);
  window.scrollTo(0, 0);
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener("hashchange", route);
route();
