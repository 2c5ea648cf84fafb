// Talking on this page: a microphone or a file into the codec, its packets to be seen, its sound to be heard.

// --- one transmission -----------------------------------------------------------------------------------------------

// One transmission: samples in, packets shown, speech out. The codec's state is carried from packet to packet.
class Transmission {
  waiting = new Float32Array(0);
  said = [];
  packets = [];
  heard = [];
  busy = 0;
  work = Promise.resolve();

  constructor(engine, onheard = () => {}) {
    this.engine = engine;
    this.onheard = onheard;
    this.work = engine.ask("reset");
  }

  push(samples) {
    this.waiting = joined([this.waiting, samples]);
    for (; this.waiting.length >= PACKET_SAMPLES; this.waiting = this.waiting.slice(PACKET_SAMPLES)) {
      const block = this.waiting.slice(0, PACKET_SAMPLES);
      this.said.push(block);
      this.#then(async () => this.#through((await this.engine.ask("encode", { samples: block })).packet));
    }
  }

  pushPacket(packet) { this.#then(() => this.#through(packet)); }

  // Code the rest, padded with silence, and fetch the tail that the codec still holds. Returns the decoded sound.
  async finish() {
    if (this.waiting.length) this.push(new Float32Array(PACKET_SAMPLES - this.waiting.length));
    await this.work;
    if (this.packets.length) this.heard.push((await this.engine.ask("decode", { packet: null })).samples.slice(0, DELAY_SAMPLES));
    return joined(this.heard).slice(DELAY_SAMPLES);
  }

  #then(act) { this.work = this.work.then(act); }

  async #through(packet) {
    const began = performance.now(), lost = Math.random() < Number($("talk-loss").value) / 100;
    const { samples } = await this.engine.ask("decode", { packet: lost ? null : packet });
    this.busy += performance.now() - began;
    this.packets.push(packet);
    this.heard.push(samples);
    showPacket(packet, this.packets.length - 1, lost);
    this.onheard(samples);
    showFacts(this);
  }
}

function joined(blocks) {
  const all = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) all.set(block, at), (at += block.length);
  return all;
}

function showPacket(packet, index, lost) {
  const words = [];
  for (let at = 0; at < PACKET_BYTES; at += 4) words.push(element("i", {}, [...packet.slice(at, at + 4)].map((byte) => byte.toString(16).padStart(2, "0")).join("")));
  const log = $("packets");
  log.append(element("p", { class: lost ? "gone" : "" }, element("time", {}, `${(index * 0.32).toFixed(2)} s`), element("span", {}, ...words)));
  log.scrollTop = log.scrollHeight;
}

function showFacts(transmission) {
  const count = transmission.packets.length, seconds = count * 0.32;
  const facts = { Speech: `${seconds.toFixed(2)} s`, Packets: count, Bytes: count * PACKET_BYTES, Rate: "800 bit/s",
    "Decoding takes": `${((transmission.busy / 1000 / seconds) * 100).toFixed(0)} % of real time` };
  $("talk-facts").replaceChildren(...Object.entries(facts).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, String(value)))));
}

const state = (text) => { $("talk-state").textContent = text; };
const talk = { before: null, after: null, packets: [] };

function clearTalk() {
  $("packets").replaceChildren();
  $("talk-facts").replaceChildren();
  for (const id of ["talk-again", "talk-before", "talk-save", "talk-wav"]) $(id).disabled = true;
}

async function concluded(transmission) {
  talk.after = await transmission.finish();
  talk.before = transmission.said.length ? joined(transmission.said) : null;
  talk.packets = transmission.packets;
  if (!talk.packets.length) return state("That was too short: hold the button while you speak.");
  for (const id of ["talk-again", "talk-save", "talk-wav"]) $(id).disabled = false;
  $("talk-before").disabled = !talk.before;
  draw($("talk-picture"), talk.after, talk.after.length / RATE);
  state(`${talk.packets.length} packets, ${talk.packets.length * PACKET_BYTES} bytes: ${(talk.packets.length * 0.32).toFixed(1)} s of speech.`);
}

function hear(samples) {
  deck.owner = "talk";
  deck.play(samples);
}

// --- a file ---------------------------------------------------------------------------------------------------------

async function openFile(file) {
  clearTalk();
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const isPackets = file.name.endsWith(".g800");
    const samples = isPackets ? null : await decodeSound(bytes).catch(() => { throw new Error(`${file.name} is no sound that this browser can read`); });
    if (isPackets && bytes.length < PACKET_BYTES) throw new Error(`${file.name} holds no packet`);
    const transmission = new Transmission(await engine());
    state(`Through the codec: ${file.name} …`);
    if (isPackets) for (let at = 0; at + PACKET_BYTES <= bytes.length; at += PACKET_BYTES) transmission.pushPacket(bytes.slice(at, at + PACKET_BYTES));
    else transmission.push(samples);
    await concluded(transmission);
    if (talk.packets.length) hear(talk.after);
  } catch (error) {
    state(`That did not work: ${error.message}.`);
  }
}

// --- the microphone -------------------------------------------------------------------------------------------------

const CAPTURE = `registerProcessor("capture", class extends AudioWorkletProcessor {
  process([[channel]]) { if (channel) this.port.postMessage(channel.slice()); return true; }
});`;
const microphone = { held: false, close: null };

async function press() {
  if (microphone.held) return;
  microphone.held = true;
  $("talk-hold").textContent = "Speak, then let go";
  clearTalk();
  deck.stop();
  const player = deck.open();
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, channelCount: 1 } });
    const transmission = new Transmission(await engine(), liveSpeaker(player));
    const context = new AudioContext(), source = context.createMediaStreamSource(stream);
    await context.audioWorklet.addModule(`data:text/javascript,${encodeURIComponent(CAPTURE)}`); // a file: page may load no blob there
    const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    const resampler = new Resampler(context.sampleRate);
    capture.port.onmessage = ({ data }) => transmission.push(resampler.push(data));
    source.connect(capture);
    state("Listening …");
    microphone.close = async () => {
      capture.port.onmessage = null;
      for (const track of stream.getTracks()) track.stop();
      await context.close();
      await concluded(transmission);
      if (talk.packets.length && !$("talk-live").checked) hear(talk.after);
    };
    if (!microphone.held) release();
  } catch (error) {
    state(error.name === "NotAllowedError" ? "The browser did not permit the microphone: allow it for this page, or open a file." : `No microphone: ${error.message}. A file works too.`);
    microphone.held = false;
    $("talk-hold").textContent = "Hold to talk";
  }
}

async function release() {
  microphone.held = false;
  $("talk-hold").textContent = "Hold to talk";
  const close = microphone.close;
  microphone.close = null;
  await close?.();
}

// Return a function that plays pieces of sound as they come, one after the other.
function liveSpeaker(player) {
  let free = 0;
  return (samples) => {
    if (!$("talk-live").checked) return;
    const buffer = player.createBuffer(1, samples.length, RATE), source = player.createBufferSource();
    buffer.copyToChannel(samples, 0);
    source.buffer = buffer;
    source.connect(player.destination);
    free = Math.max(free, player.currentTime + 0.05);
    source.start(free);
    free += buffer.duration;
  };
}

// Return the samples as a 16-bit WAV file at 8 kHz.
function wav(samples) {
  const bytes = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, letters) => [...letters].forEach((letter, i) => bytes.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF"); bytes.setUint32(4, 36 + 2 * samples.length, true); text(8, "WAVEfmt ");
  bytes.setUint32(16, 16, true); bytes.setUint16(20, 1, true); bytes.setUint16(22, 1, true);
  bytes.setUint32(24, RATE, true); bytes.setUint32(28, 2 * RATE, true); bytes.setUint16(32, 2, true); bytes.setUint16(34, 16, true);
  text(36, "data"); bytes.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => bytes.setInt16(44 + 2 * i, Math.max(-32768, Math.min(32767, Math.round(sample * 32768))), true));
  return bytes.buffer;
}

function startTalk() {
  $(told.runtime ? "talk-with" : "talk-without").hidden = false;
  if (!told.runtime) return;
  const button = $("talk-hold"), card = $("talk-with");
  button.addEventListener("pointerdown", (event) => { button.setPointerCapture(event.pointerId); press(); });
  for (const kind of ["pointerup", "pointercancel"]) button.addEventListener(kind, release);
  button.addEventListener("keydown", (event) => { if ([" ", "Enter"].includes(event.key)) { event.preventDefault(); if (!event.repeat) press(); } });
  button.addEventListener("keyup", (event) => { if ([" ", "Enter"].includes(event.key)) release(); });
  button.addEventListener("blur", () => { if (microphone.held) release(); });
  $("talk-file").addEventListener("change", (event) => { if (event.target.files[0]) openFile(event.target.files[0]); event.target.value = ""; });
  card.addEventListener("dragover", (event) => { event.preventDefault(); card.classList.add("over"); });
  card.addEventListener("dragleave", () => card.classList.remove("over"));
  card.addEventListener("drop", (event) => { event.preventDefault(); card.classList.remove("over"); if (event.dataTransfer.files[0]) openFile(event.dataTransfer.files[0]); });
  $("talk-again").addEventListener("click", () => hear(talk.after));
  $("talk-before").addEventListener("click", () => hear(talk.before));
  $("talk-loss").addEventListener("input", () => { $("talk-loss-says").textContent = `${$("talk-loss").value} %`; });
  $("talk-save").addEventListener("click", () => save("voice.g800", joinedBytes(talk.packets), "application/octet-stream"));
  $("talk-wav").addEventListener("click", () => save("voice.wav", wav(talk.after), "audio/wav"));
}

function joinedBytes(packets) {
  const all = new Uint8Array(packets.length * PACKET_BYTES);
  packets.forEach((packet, place) => all.set(packet, place * PACKET_BYTES));
  return all;
}
