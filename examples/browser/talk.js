// A client for a named pipeline of a Millrace server, for a page of your own. No dependency.
//
//   const talk = new Talk("ws://127.0.0.1:9464", "assistant", { token, onMessage: console.log });
//   button.onclick = () => talk.start();

const HEADER_BYTES = 16;

// Runs in the audio thread: posts the microphone's samples in chunks of 20 ms.
const WORKLET = `
  const size = Math.round(sampleRate * 0.02);
  registerProcessor("chunks", class extends AudioWorkletProcessor {
    chunk = new Float32Array(size);
    filled = 0;
    process([[samples = []]]) {
      for (const sample of samples) {
        this.chunk[this.filled++] = sample;
        if (this.filled === size) {
          this.port.postMessage(this.chunk.slice());
          this.filled = 0;
        }
      }
      return true;
    }
  });`;

export class Talk {
  constructor(server, pipeline, { token = "", onMessage = () => {} } = {}) {
    Object.assign(this, { server, pipeline, token, onMessage, sent: 0, playsUntil: 0, voices: new Set() });
  }

  /** Ask for the microphone, and connect. Call it from a click. */
  async start() {
    this.context = new AudioContext();
    this.microphone = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true } });
    const worklet = URL.createObjectURL(new Blob([WORKLET], { type: "text/javascript" }));
    await this.context.audioWorklet.addModule(worklet);
    URL.revokeObjectURL(worklet);
    const url = `${this.server}/talk/stream?pipeline=${encodeURIComponent(this.pipeline)}`;
    // A browser lets a page set no header of a WebSocket: the token travels as a subprotocol.
    const token = btoa(this.token).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    this.socket = new WebSocket(url, ["millrace.talk.v1", ...(token ? [`bearer.${token}`] : [])]);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => (typeof data === "string" ? this.#take(JSON.parse(data)) : this.#play(data));
    this.socket.onclose = ({ code }) => this.#end(code);
  }

  /** Silence the voice, and have the pipeline drop the rest of what it says. */
  interrupt() {
    this.#silence();
    this.socket.send(JSON.stringify({ type: "interrupt" }));
  }

  stop() {
    this.socket?.close();
  }

  #take(message) {
    if (message.type === "ready") this.#record();
    if (message.type === "interrupt") this.#silence();
    this.onMessage(message);
  }

  #record() {
    this.chunks = new AudioWorkletNode(this.context, "chunks", { numberOfOutputs: 0 });
    this.chunks.port.onmessage = ({ data }) => this.#send(data);
    this.source = this.context.createMediaStreamSource(this.microphone);
    this.source.connect(this.chunks);
  }

  #send(samples) {
    // A network that is too slow loses audio: nobody waits for it.
    if (this.socket.readyState !== WebSocket.OPEN || this.socket.bufferedAmount > 100_000) return;
    const message = new DataView(new ArrayBuffer(HEADER_BYTES + 2 * samples.length));
    const rate = this.context.sampleRate;
    message.setUint8(0, 1); // audio
    message.setUint8(1, 2); // int16
    message.setUint8(2, 1); // channel
    message.setUint32(4, rate, true);
    message.setUint32(12, Math.round((1000 * this.sent) / rate), true); // timestamp in ms
    samples.forEach((sample, index) => {
      message.setInt16(HEADER_BYTES + 2 * index, 32767 * Math.max(-1, Math.min(1, sample)), true);
    });
    this.sent += samples.length;
    this.socket.send(message.buffer);
  }

  #play(data) {
    const header = new DataView(data);
    const channels = header.getUint8(2);
    const samples = new Int16Array(data, HEADER_BYTES); // the server sends int16
    const buffer = this.context.createBuffer(channels, samples.length / channels, header.getUint32(4, true));
    for (let channel = 0; channel < channels; channel += 1) {
      const target = buffer.getChannelData(channel);
      for (let index = 0; index < target.length; index += 1) target[index] = samples[index * channels + channel] / 32768;
    }
    // 60 ms of reserve, where nothing plays: the jitter of a good network.
    const at = Math.max(this.playsUntil, this.context.currentTime + (this.voices.size ? 0 : 0.06));
    const voice = new AudioBufferSourceNode(this.context, { buffer });
    voice.connect(this.context.destination);
    voice.onended = () => this.voices.delete(voice);
    voice.start(at);
    this.voices.add(voice);
    this.playsUntil = at + buffer.duration;
  }

  #silence() {
    this.voices.forEach((voice) => voice.stop());
    this.voices.clear();
    this.playsUntil = 0;
  }

  #end(code) {
    this.#silence();
    this.microphone.getTracks().forEach((track) => track.stop());
    this.context.close();
    this.onMessage({ type: "ended", code });
  }
}
