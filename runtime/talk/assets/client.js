// One conversation: microphone and loudspeaker on one side, the WebSocket of a pipeline on the other,
// and a WebRTC connection for the audio where that is asked for.

const HEADER_BYTES = 16;
const AUDIO = 1;
const FLOAT32 = 1;
const INT16 = 2;
// More than a second of audio that the network does not take is dropped: nobody waits for it.
const MOST_UNSENT_SECONDS = 1;
const QUIET = 0.01;

/** Return why this browser gives no microphone to this page; "" if it might. */
export function microphoneProblem() {
  return window.isSecureContext && navigator.mediaDevices ? "" : "insecure";
}

/** Root mean square of samples, 0 to 1. */
function levelOf(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / samples.length);
}

/**
 * Speaks with one pipeline.
 *
 * `on` receives the server's messages by their type (`ready`, `text`, `progress`, `error`, ...), and
 * `level({who, level})`, `audible({turn, seconds})`, `silent()`, `ended({code})`.
 */
export class Conversation {
  #on;
  #context = null;
  #stream = null;
  #socket = null;
  #playback = null;
  #peer = null; // the WebRTC connection; null where audio goes over the WebSocket
  #element = null;
  #firstFrame = -1;
  #sequence = 0;
  #loudFrame = -1; // where the person was heard last
  #heardFrame = -1; // the same, when the words arrived
  #isMuted = false; // until the server has taken an interruption
  #isReady = false;
  #isPlaying = false;
  unsent = 0;

  constructor(on) {
    this.#on = on;
  }

  /** Whether the pipeline's voice is, or is about to be, audible. */
  get isPlaying() {
    return this.#isPlaying;
  }

  #emit(type, value = {}) {
    this.#on[type]?.(value);
  }

  /** Ask for the microphone, and connect. Call it from a click: browsers start no audio otherwise. */
  async start(pipeline, { webrtc = false } = {}) {
    this.#context = new AudioContext({ latencyHint: "interactive" });
    const audio = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ audio });
      if (!this.#context) return this.#stopMicrophone();
      await this.#context.audioWorklet.addModule(new URL("./worklets.js", import.meta.url));
      await this.#context.resume();
    } catch (error) {
      this.stop();
      throw error;
    }
    const address = new URL("./stream", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    address.searchParams.set("pipeline", pipeline);
    this.#connect(address);
    this.#capture();
    if (webrtc) await this.#offer();
    else this.#play();
  }

  /** Offer a WebRTC connection for the audio of both sides; the WebSocket carries the offer. */
  async #offer() {
    const [peer, socket] = [new RTCPeerConnection(), this.#socket];
    this.#peer = peer;
    peer.ontrack = ({ track }) => this.#listen(new MediaStream([track]));
    for (const track of this.#stream.getAudioTracks()) peer.addTrack(track, this.#stream);
    await peer.setLocalDescription();
    const message = JSON.stringify({ type: "offer", sdp: peer.localDescription.sdp });
    if (socket.readyState === WebSocket.OPEN) socket.send(message);
    else socket.onopen = () => socket.send(message);
  }

  #listen(stream) {
    if (!this.#context) return;
    // Chromium gives the samples of such a stream to an AudioContext only if an element has it too.
    this.#element = new Audio();
    this.#element.srcObject = stream;
    this.#element.muted = true;
    this.#play("listen", { outputChannelCount: [1] });
    this.#context.createMediaStreamSource(stream).connect(this.#playback);
  }

  /** Note which result the track has come to. */
  #follow({ started, sequence }) {
    if (this.#isMuted) return;
    if (started) this.#isPlaying = true;
    this.#playback?.port.postMessage({ turn: started ? sequence : null });
  }

  #stopMicrophone() {
    this.#stream?.getTracks().forEach((track) => track.stop());
  }

  #connect(address) {
    const socket = new WebSocket(address, ["millrace.talk.v1"]);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      if (typeof data === "string") this.#receive(JSON.parse(data));
      else this.#receiveAudio(data);
    };
    socket.onclose = ({ code }) => {
      if (socket !== this.#socket) return;
      this.stop();
      this.#emit("ended", { code });
    };
  }

  #capture() {
    const source = this.#context.createMediaStreamSource(this.#stream);
    const capture = new AudioWorkletNode(this.#context, "capture", { numberOfOutputs: 0 });
    // The audio thread may still post after the end.
    capture.port.onmessage = ({ data }) => this.#context && this.#send(data);
    source.connect(capture);
  }

  #play(name = "playback", options = { numberOfInputs: 0, outputChannelCount: [1] }) {
    this.#playback = new AudioWorkletNode(this.#context, name, options);
    this.#playback.connect(this.#context.destination);
    this.#playback.port.onmessage = ({ data }) => {
      if (!this.#context) return;
      if (data.turn !== undefined) this.#audible(data);
      else this.#playing(data);
    };
  }

  #audible({ turn, frame }) {
    const from = this.#heardFrame >= 0 ? this.#heardFrame : this.#loudFrame;
    const seconds = from >= 0 ? (frame - from) / this.#context.sampleRate : null;
    this.#emit("audible", { turn, seconds });
  }

  #playing({ level, seconds }) {
    this.#emit("level", { who: "agent", level });
    if (this.#isPlaying && !seconds) {
      this.#isPlaying = false;
      this.#emit("silent");
    }
  }

  #send({ samples, frame }) {
    const level = levelOf(samples);
    this.#emit("level", { who: "person", level });
    const rate = this.#context.sampleRate;
    if (level > QUIET) this.#loudFrame = frame + samples.length;
    if (!this.#isReady || this.#peer) return;
    if (this.#firstFrame < 0) this.#firstFrame = frame;
    if (this.#socket.bufferedAmount > 2 * rate * MOST_UNSENT_SECONDS) {
      this.unsent += 1;
      this.#emit("unsent", { chunks: this.unsent });
      return;
    }
    const message = new DataView(new ArrayBuffer(HEADER_BYTES + 2 * samples.length));
    message.setUint8(0, AUDIO);
    message.setUint8(1, INT16);
    message.setUint8(2, 1);
    message.setUint32(4, rate, true);
    message.setUint32(8, this.#sequence++, true);
    message.setUint32(12, Math.round((1000 * (frame - this.#firstFrame)) / rate), true);
    samples.forEach((sample, index) => {
      message.setInt16(HEADER_BYTES + 2 * index, 32767 * Math.max(-1, Math.min(1, sample)), true);
    });
    this.#socket.send(message.buffer);
  }

  #receive(message) {
    if (message.type === "ready") this.#isReady = true;
    if (message.type === "answer") this.#peer?.setRemoteDescription(message);
    if (message.type === "voice") this.#follow(message);
    if (message.type === "interrupt") {
      message.cut = this.#isPlaying;
      this.#silence();
      this.#isMuted = false;
    }
    if (message.type === "text" && message.speaker === "person") this.#heardFrame = this.#loudFrame;
    this.#emit(message.type, message);
  }

  #receiveAudio(data) {
    const header = new DataView(data);
    if (this.#isMuted || header.getUint8(0) !== AUDIO) return;
    const channels = header.getUint8(2);
    const isFloat = header.getUint8(1) === FLOAT32;
    const all = isFloat ? new Float32Array(data, HEADER_BYTES) : new Int16Array(data, HEADER_BYTES);
    const samples = new Float32Array(all.length / channels);
    for (let index = 0; index < samples.length; index += 1) {
      let sum = 0;
      for (let channel = 0; channel < channels; channel += 1) sum += all[index * channels + channel];
      samples[index] = sum / channels / (isFloat ? 1 : 32768);
    }
    const rate = header.getUint32(4, true);
    this.#isPlaying = true;
    this.#playback.port.postMessage({ samples, rate, turn: header.getUint32(8, true) }, [samples.buffer]);
  }

  #silence() {
    this.#playback?.port.postMessage("clear");
    this.#isPlaying = false;
  }

  /** Silence the voice at once, and have the pipeline drop the rest of what it says. */
  interrupt() {
    const cut = this.#isPlaying;
    this.#silence();
    if (this.#isReady) {
      this.#isMuted = true;
      this.#socket.send(JSON.stringify({ type: "interrupt" }));
    }
    return cut;
  }

  /** Let the microphone send silence, or sound again. */
  mute(isMuted) {
    this.#stream?.getAudioTracks().forEach((track) => {
      track.enabled = !isMuted;
    });
  }

  /** End everything. */
  stop() {
    const [socket, context, peer] = [this.#socket, this.#context, this.#peer];
    this.#socket = this.#context = this.#peer = null;
    if (this.#element) this.#element.srcObject = null;
    this.#element = null;
    this.#isReady = this.#isPlaying = false;
    this.#stopMicrophone();
    peer?.close();
    socket?.close();
    context?.close();
  }
}
