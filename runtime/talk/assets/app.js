// The page: the list of pipelines, and the conversation with one of them.

import { Conversation, microphoneProblem } from "./client.js";
import { Transcript } from "./transcript.js";

const find = (id) => document.getElementById(id);
const transcript = new Transcript(find("transcript"));
const loading = new Map();
let talk = null;
let chosen = null;

const PROBLEMS = {
  insecure: [
    "This browser gives no microphone to this page.",
    "It needs https, or the address localhost. Open the page over https, or forward the port of the server: " +
      `ssh -L ${location.port || 80}:127.0.0.1:${location.port || 80} ${location.hostname}, then http://localhost:${location.port || 80}/talk/`,
  ],
  NotAllowedError: [
    "The microphone is blocked for this page.",
    "Allow it in the settings of this site, beside the address, and talk again.",
  ],
  NotFoundError: ["There is no microphone.", "Connect one, and talk again."],
  NotReadableError: ["The microphone is in use.", "Another program has it. Close that, and talk again."],
};

function showProblem(title, text) {
  find("problem-title").textContent = title;
  find("problem-text").textContent = text;
  find("problem").hidden = false;
}

function setState(state, text) {
  find("talk").dataset.state = state;
  find("status").textContent = text;
}

function showMeter({ who, level }) {
  // -60 to 0 dB: what people hear as silence and as loud.
  const decibels = 20 * Math.log10(Math.max(level, 1e-4));
  const part = Math.max(0, Math.min(1, 1 + decibels / 60));
  const bar = find(`level-${who}`);
  bar.setAttribute("aria-valuenow", Math.round(100 * part));
  bar.firstElementChild.style.transform = `scaleX(${part})`;
}

function showLoading({ node, status, fraction }) {
  if (status === "ready") loading.delete(node);
  else loading.set(node, fraction);
  const [first] = loading.entries();
  setState("loading", first ? `Loading ${first[0]}: ${Math.round(100 * first[1])} %` : "Loading");
}

function isListening() {
  setState("listening", find("mute").getAttribute("aria-pressed") === "true" ? "Microphone is off" : "Listening");
}

const on = {
  progress: showLoading,
  ready: isListening,
  level: showMeter,
  text: (message) => transcript.show(message),
  speech: ({ started }) => {
    if (started) setState("speaking", "You are speaking");
    else if (!talk.isPlaying) setState("thinking", "Waiting for the answer");
  },
  audible: ({ turn, seconds }) => {
    transcript.audible(turn, seconds);
    setState("answering", "Answering");
  },
  silent: () => {
    transcript.silent(false);
    if (find("talk").dataset.state === "answering") isListening();
  },
  interrupt: ({ cut }) => {
    if (cut) transcript.silent(true);
    if (find("talk").dataset.state === "answering") isListening();
  },
  dropped: () => showProblem("The pipeline is too slow.", "Some of what you said was dropped."),
  unsent: () => showProblem("The network is too slow.", "Some of what you said was not sent."),
  error: ({ message, node }) => {
    showProblem(node ? `The pipeline has failed in ${node}.` : "The conversation has ended.", message);
  },
  ended: ({ code }) => {
    if (code !== 1000 && find("problem").hidden) {
      showProblem("The connection was lost.", "The server closed it, or does not answer, or you must sign in again.");
    }
    isOver();
  },
};

function isOver() {
  talk = null;
  transcript.silent(false);
  setState("ended", "Ended");
  for (const who of ["person", "agent"]) showMeter({ who, level: 0 });
  for (const id of ["mute", "interrupt", "end"]) find(id).disabled = true;
  find("again").hidden = false;
  find("again").focus();
}

async function start(pipeline) {
  chosen = pipeline;
  document.title = `${pipeline.title} - Millrace`;
  find("list").hidden = true;
  find("talk").hidden = false;
  find("problem").hidden = find("again").hidden = true;
  find("talk-title").textContent = pipeline.title;
  find("mute").setAttribute("aria-pressed", "false");
  for (const id of ["mute", "interrupt", "end"]) find(id).disabled = false;
  transcript.clear();
  loading.clear();
  find("end").focus();
  if (microphoneProblem()) {
    showProblem(...PROBLEMS[microphoneProblem()]);
    isOver();
    return;
  }
  setState("asking", "Asking for the microphone");
  const conversation = new Conversation(on);
  talk = conversation;
  try {
    const webrtc = !find("transport").hidden && find("webrtc").checked;
    await conversation.start(pipeline.name, { webrtc });
    if (talk === conversation && find("talk").dataset.state === "asking") setState("loading", "Connecting");
  } catch (error) {
    if (talk !== conversation) return;
    showProblem(...(PROBLEMS[error.name] ?? ["The microphone cannot be used.", String(error.message)]));
    isOver();
  }
}

function interrupt() {
  if (talk?.interrupt()) transcript.silent(true);
}

function mute() {
  const isMuted = find("mute").getAttribute("aria-pressed") !== "true";
  find("mute").setAttribute("aria-pressed", String(isMuted));
  talk?.mute(isMuted);
  if (["listening", "speaking"].includes(find("talk").dataset.state)) isListening();
}

function end() {
  talk?.stop();
  isOver();
}

function back() {
  talk?.stop();
  talk = null;
  document.title = "Talk - Millrace";
  find("talk").hidden = true;
  find("list").hidden = false;
  find("pipelines").querySelector("button")?.focus();
}

function card(pipeline) {
  const made = document.createElement("li");
  const title = document.createElement("h2");
  title.textContent = pipeline.title;
  const text = document.createElement("p");
  text.textContent = pipeline.description || pipeline.name;
  const button = document.createElement("button");
  button.className = "main";
  button.textContent = "Talk";
  button.setAttribute("aria-label", `Talk to ${pipeline.title}`);
  button.dataset.pipeline = pipeline.name;
  button.onclick = () => start(pipeline);
  made.append(title, text, button);
  return made;
}

async function list() {
  const answer = await fetch("./pipelines", { cache: "no-store" });
  if (answer.status === 401) return location.reload();
  const { pipelines, signed_in: isSignedIn, webrtc: hasWebRtc } = await answer.json();
  find("sign-out").hidden = !isSignedIn;
  find("pipelines").replaceChildren(...pipelines.map(card));
  find("none").hidden = pipelines.length > 0;
  find("transport").hidden = !hasWebRtc || !window.RTCPeerConnection;
  if (microphoneProblem()) {
    const [title, text] = PROBLEMS[microphoneProblem()];
    find("list-problem").hidden = false;
    find("list-problem").append(Object.assign(document.createElement("strong"), { textContent: title }), ` ${text}`);
  }
}

find("interrupt").onclick = interrupt;
find("mute").onclick = mute;
find("end").onclick = end;
find("back").onclick = back;
find("again").onclick = () => start(chosen);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") interrupt();
});
window.addEventListener("pagehide", () => talk?.stop());
list();
