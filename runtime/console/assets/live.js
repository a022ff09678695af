// The connection to the server: one WebSocket, which comes back by itself.

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;
// The server sends a snapshot a second. A network that is gone closes no WebSocket.
const SILENCE_MS = 5000;

/** Receives what the page watches. It calls `onMessage(object)` and `onState("live" | "lost" | "connecting")`. */
export class Live {
  #view = { session: "", tap: "", explain: false };
  #wanted = false;
  #socket = null;
  #waitMs = FIRST_WAIT_MS;
  #timer = 0;
  #silence = 0;

  constructor(onMessage, onState) {
    this.onMessage = onMessage;
    this.onState = onState;
    window.addEventListener("online", () => this.#retryNow());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#retryNow();
    });
  }

  /** Watch the list of sessions, or with an id a session, maybe a node's outputs, and its latency. */
  watch(session = "", tap = "", explain = false) {
    this.#view = { session, tap, explain };
    this.#wanted = true;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#send();
    else if (!this.#socket) this.#connect();
  }

  #send() {
    this.#socket.send(JSON.stringify(this.#view));
    this.#listen();
  }

  #connect() {
    clearTimeout(this.#timer);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/console/live`);
    this.#socket = socket;
    socket.onopen = () => this.#send();
    socket.onmessage = (event) => {
      if (socket !== this.#socket) return;
      this.#waitMs = FIRST_WAIT_MS;
      this.#listen();
      this.onState("live");
      this.onMessage(JSON.parse(event.data));
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#lost();
    };
  }

  /** Take silence as a lost connection; a session that has ended is silent. */
  #listen() {
    clearTimeout(this.#silence);
    if (!this.isQuiet) {
      this.#silence = setTimeout(() => {
        this.#socket?.close();
        this.#lost();
      }, SILENCE_MS);
    }
  }

  #lost() {
    clearTimeout(this.#silence);
    this.#socket = null;
    this.onState("lost");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#reconnect(), this.#waitMs * (0.75 + Math.random() / 2));
    this.#waitMs = Math.min(2 * this.#waitMs, LONGEST_WAIT_MS);
  }

  async #reconnect() {
    // A browser does not say why a WebSocket was refused: the page's own address does.
    try {
      const answer = await fetch("/console/", { cache: "no-store", redirect: "manual" });
      if (answer.type === "opaqueredirect") {
        location.assign("/console/login");
        return;
      }
    } catch {
      // The server is not there.
    }
    if (!this.#socket) this.#connect();
  }

  #retryNow() {
    if (this.#wanted && !this.#socket) {
      this.#waitMs = FIRST_WAIT_MS;
      clearTimeout(this.#timer);
      this.#reconnect();
    }
  }

  /** State that nothing more is expected, or that it is. */
  set quiet(isQuiet) {
    this.isQuiet = isQuiet;
    if (isQuiet) clearTimeout(this.#silence);
  }
}
