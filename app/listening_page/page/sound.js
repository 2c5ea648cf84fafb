// The page's data, its elements, and sound: decoded and played. All sound is float32 at 8 kHz.

const RATE = 8000, PACKET_SAMPLES = 2560, PACKET_BYTES = 32, DELAY_SAMPLES = 240;
const FADE_S = 0.008;
const told = JSON.parse(document.getElementById("told").textContent);
const $ = (id) => document.getElementById(id);

// Return a new element with these attributes (listeners too, as "onclick") and children, which may be text.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

function bytesOfBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

// Decode the bytes of a sound file to a Float32Array at 8 kHz, mono. The browser decodes and resamples.
async function decodeSound(bytes) {
  const context = new OfflineAudioContext(1, 1, RATE);
  const buffer = await context.decodeAudioData(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  const mono = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
    const samples = buffer.getChannelData(channel);
    for (let i = 0; i < mono.length; i++) mono[i] += samples[i] / buffer.numberOfChannels;
  }
  return mono;
}

const decoded = new Map();
// Return the sound of one of the page's data URIs as a Float32Array, decoded only once.
function soundOf(uri) {
  if (!decoded.has(uri)) decoded.set(uri, decodeSound(bytesOfBase64(uri.slice(uri.indexOf(",") + 1))));
  return decoded.get(uri);
}

function loudness(samples) {
  let energy = 0;
  for (const sample of samples) energy += sample * sample;
  return Math.sqrt(energy / Math.max(1, samples.length));
}

// Plays one sound at a time, from any moment on; the next one takes over without a click.
class Deck {
  context = null;
  source = null;
  onstop = () => {};

  open() {
    try {
      this.context ??= new AudioContext({ sampleRate: RATE });
    } catch {
      this.context ??= new AudioContext(); // a browser that cannot run at 8 kHz resamples each sound
    }
    this.context.resume();
    return this.context;
  }

  get playing() { return this.source !== null; }

  // Seconds into the sound that is played, at most its length.
  get position() {
    if (!this.playing) return this.stoppedAt ?? 0;
    const at = this.startedAt + this.context.currentTime - this.startTime;
    return this.source.loop ? at % this.duration : Math.min(at, this.duration);
  }

  play(samples, at = 0, gain = 1, loop = false) {
    const context = this.open();
    this.release();
    const buffer = context.createBuffer(1, Math.max(1, samples.length), RATE);
    buffer.copyToChannel(samples, 0);
    const source = context.createBufferSource(), volume = context.createGain();
    source.buffer = buffer;
    source.loop = loop;
    volume.gain.setValueAtTime(0, context.currentTime);
    volume.gain.linearRampToValueAtTime(gain, context.currentTime + FADE_S);
    source.connect(volume).connect(context.destination);
    this.duration = buffer.duration;
    this.startedAt = at >= this.duration ? 0 : at;
    this.startTime = context.currentTime;
    source.onended = () => {
      if (this.source !== source) return;
      this.source = null;
      this.stoppedAt = 0;
      this.onstop();
    };
    this.source = source;
    this.volume = volume;
    source.start(0, this.startedAt);
  }

  release() {
    if (!this.source) return;
    const { source, volume } = this, now = this.context.currentTime;
    this.source = null;
    volume.gain.cancelScheduledValues(now);
    volume.gain.setValueAtTime(volume.gain.value, now);
    volume.gain.linearRampToValueAtTime(0, now + FADE_S);
    source.stop(now + FADE_S);
  }

  // Stop, and stay at this moment of the sound.
  stop() {
    const at = this.position;
    this.release();
    this.stoppedAt = at;
    this.onstop();
  }
}

function save(name, content, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = element("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

const percent = (share) => `${(100 * share).toFixed(0)} %`;
const number = (value, decimals) => value == null ? "–" : value.toFixed(decimals);
const rateWords = (bps) => bps == null ? "–" : Math.round(bps).toLocaleString("en").replace(/,/g, "\u202f");
