// Runs in the audio thread: what the microphone gives goes out in chunks of 20 ms, and what the
// pipeline says is played through a jitter buffer.

const CHUNK_FRAMES = Math.round(sampleRate * 0.02);
const REPORT_SECONDS = 0.05;
const FADE_FRAMES = 96;
const AUDIBLE = 0.005;
// A network that delivers unevenly gets a longer buffer, as long as the voice runs dry.
const FIRST_BUFFER_SECONDS = 0.04;
const LONGEST_BUFFER_SECONDS = 0.4;

/** Posts `{samples, frame}`: mono, with the number of its first frame on the context's clock. */
class Capture extends AudioWorkletProcessor {
  #samples = new Float32Array(CHUNK_FRAMES);
  #filled = 0;

  process([channels]) {
    const count = channels.length;
    for (let index = 0; count && index < channels[0].length; index += 1) {
      let sum = 0;
      for (const channel of channels) sum += channel[index];
      this.#samples[this.#filled] = sum / count;
      this.#filled += 1;
      if (this.#filled === CHUNK_FRAMES) {
        const samples = this.#samples;
        const frame = currentFrame + index + 1 - CHUNK_FRAMES;
        this.port.postMessage({ samples, frame }, [samples.buffer]);
        this.#samples = new Float32Array(CHUNK_FRAMES);
        this.#filled = 0;
      }
    }
    return true;
  }
}

/**
 * Plays `{samples, rate, turn}`; a message "clear" silences it at once.
 *
 * Posts `{turn, frame}` at the first audible sample of each turn, and the level and the seconds that
 * wait, twenty times a second.
 */
class Playback extends AudioWorkletProcessor {
  #chunks = [];
  #position = 0; // in the first chunk, in its own frames
  #before = 0; // the sample before it, for the interpolation
  #isPlaying = false;
  #bufferSeconds = FIRST_BUFFER_SECONDS;
  #waitedFrames = 0;
  #dryFrames = Infinity;
  #last = 0;
  #fade = 0;
  #turn = null;
  #reported = 0;
  #square = 0;
  #frames = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      if (data === "clear") this.#clear();
      else this.#chunks.push(data);
    };
  }

  #clear() {
    this.#chunks = [];
    this.#position = this.#before = 0;
    this.#isPlaying = false;
    this.#dryFrames = Infinity;
    this.#fade = FADE_FRAMES;
    this.#report(0);
  }

  get #seconds() {
    const all = this.#chunks.reduce((sum, { samples, rate }) => sum + samples.length / rate, 0);
    return this.#chunks.length ? all - this.#position / this.#chunks[0].rate : 0;
  }

  process(_inputs, [channels]) {
    const out = channels[0];
    if (!this.#isPlaying) this.#begin(out.length);
    for (let index = 0; index < out.length; index += 1) {
      let sample = 0;
      if (this.#isPlaying) sample = this.#last = this.#next(index);
      else if (this.#fade > 0) sample = (this.#last * (this.#fade -= 1)) / FADE_FRAMES;
      this.#square += sample * sample;
      for (const channel of channels) channel[index] = sample;
    }
    this.#frames += out.length;
    if (this.#frames >= sampleRate * REPORT_SECONDS) this.#report(Math.sqrt(this.#square / this.#frames));
    return true;
  }

  /** Start to play when enough waits, or no more has come for as long. */
  #begin(frames) {
    this.#dryFrames += frames;
    if (!this.#chunks.length) return;
    this.#waitedFrames += frames;
    const needed = this.#bufferSeconds;
    if (this.#seconds < needed && this.#waitedFrames < needed * sampleRate) return;
    // The voice has run dry, and went on soon: the network is uneven.
    if (this.#dryFrames < 0.3 * sampleRate) {
      this.#bufferSeconds = Math.min(this.#bufferSeconds * 1.5, LONGEST_BUFFER_SECONDS);
    }
    this.#isPlaying = true;
    this.#waitedFrames = 0;
  }

  /** Return the next sample at the context's rate: cubic interpolation, across chunks. */
  #next(index) {
    const { samples, rate, turn } = this.#chunks[0];
    const at = Math.floor(this.#position);
    const part = this.#position - at;
    const [a, b, c, d] = [this.#at(at - 1), samples[at], this.#at(at + 1), this.#at(at + 2)];
    const sample = b + 0.5 * part * (c - a + part * (2 * a - 5 * b + 4 * c - d + part * (3 * (b - c) + d - a)));
    if (turn !== this.#turn && Math.abs(sample) > AUDIBLE) {
      this.#turn = turn;
      this.port.postMessage({ turn, frame: currentFrame + index });
    }
    this.#position += rate / sampleRate;
    while (this.#chunks.length && this.#position >= this.#chunks[0].samples.length) {
      const done = this.#chunks.shift().samples;
      this.#before = done[done.length - 1];
      this.#position -= done.length;
    }
    if (!this.#chunks.length) {
      this.#isPlaying = false;
      this.#position = this.#before = this.#dryFrames = 0;
      this.#fade = FADE_FRAMES;
    }
    return sample;
  }

  #at(index) {
    if (index < 0) return this.#before;
    const first = this.#chunks[0].samples;
    if (index < first.length) return first[index];
    const second = this.#chunks[1]?.samples;
    return second?.[Math.min(index - first.length, second.length - 1)] ?? first[first.length - 1];
  }

  #report(level) {
    this.port.postMessage({ level, seconds: this.#seconds });
    this.#square = this.#frames = 0;
  }
}

/**
 * Lets a WebRTC track be heard; `{turn}` tells which turn it has come to, null that it is silent. A
 * message "clear" silences it at once, until the next turn.
 *
 * Posts the same as Playback.
 */
class Listen extends AudioWorkletProcessor {
  #gain = 0;
  #isOpen = false;
  #turn = null; // that is not audible yet
  #quietFrames = Infinity;
  #isSaying = false;
  #square = 0;
  #frames = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      if (data === "clear") {
        this.#isOpen = this.#isSaying = false;
        this.#turn = null;
        this.#quietFrames = Infinity;
        this.#report(0);
      } else {
        this.#isSaying = data.turn !== null;
        if (this.#isSaying) [this.#isOpen, this.#turn] = [true, data.turn];
      }
    };
  }

  process([inputs], [channels]) {
    const out = channels[0];
    for (let index = 0; index < out.length; index += 1) {
      this.#gain = this.#isOpen ? 1 : Math.max(0, this.#gain - 1 / FADE_FRAMES);
      const sample = inputs.length ? this.#gain * inputs[0][index] : 0;
      const isAudible = Math.abs(sample) > AUDIBLE;
      if (isAudible && this.#turn !== null) {
        this.port.postMessage({ turn: this.#turn, frame: currentFrame + index });
        this.#turn = null;
      }
      this.#quietFrames = isAudible ? 0 : this.#quietFrames + 1;
      this.#square += sample * sample;
      for (const channel of channels) channel[index] = sample;
    }
    this.#frames += out.length;
    if (this.#frames >= sampleRate * REPORT_SECONDS) this.#report(Math.sqrt(this.#square / this.#frames));
    return true;
  }

  // The network and the browser's own jitter buffer come after the server's message of the end.
  #report(level) {
    const isHeard = this.#isOpen && (this.#isSaying || this.#quietFrames < LONGEST_BUFFER_SECONDS * sampleRate);
    this.port.postMessage({ level, seconds: isHeard ? REPORT_SECONDS : 0 });
    this.#square = this.#frames = 0;
  }
}

registerProcessor("capture", Capture);
registerProcessor("listen", Listen);
registerProcessor("playback", Playback);
