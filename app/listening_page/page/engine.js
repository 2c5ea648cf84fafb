// The codec on this page: a worker that runs the graphs, and the resampler in front of it.

const PARTS = ["codec_encoder", "codec_decoder", "vocoder"];
const RESAMPLER_CROSSINGS = 24, CUT_OFF = 0.46; // CUT_OFF is a share of the lower of the two rates

async function unpackPart(name) {
  const bytes = bytesOfBase64($(`part-${name}`).textContent);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The codec in its worker: each question to it is answered by a promise.
class Engine {
  #waiting = new Map();
  #last = 0;

  // Unpack the parts of the page and start the worker. `at` is told the share that is done.
  static async open(at) {
    const engine = new Engine(), text = new TextDecoder(), models = {};
    let done = 0;
    const part = async (name) => { const bytes = await unpackPart(name); at(++done / 7); return bytes; };
    const source = [text.decode(await part("ort")), "\n", text.decode(await part("worker"))];
    engine.worker = new Worker(URL.createObjectURL(new Blob(source, { type: "text/javascript" })));
    engine.worker.onmessage = ({ data }) => {
      const { yes, no } = engine.#waiting.get(data.id);
      engine.#waiting.delete(data.id);
      if (data.error) no(new Error(data.error));
      else yes(data);
    };
    engine.worker.onerror = (event) => { for (const { no } of engine.#waiting.values()) no(new Error(event.message)); };
    for (const name of PARTS) models[name] = await part(name);
    const wasm = (await part("wasm")).buffer, glue = text.decode(await part("glue"));
    await engine.ask("open", { wasm, glue, models });
    at(1);
    return engine;
  }

  ask(kind, more = {}) {
    return new Promise((yes, no) => {
      this.#waiting.set(++this.#last, { yes, no });
      this.worker.postMessage({ id: this.#last, kind, ...more });
    });
  }
}

let opening = null;
function engine() {
  if (!opening) {
    $("talk-progress").hidden = false;
    state("Loading the codec …");
    opening = Engine.open((share) => { $("talk-progress").value = share; }).finally(() => { $("talk-progress").hidden = true; });
    opening.catch(() => { opening = null; });
  }
  return opening;
}

// Resamples to 8 kHz block by block with a windowed sinc: a microphone delivers its sound at a rate of its own.
class Resampler {
  constructor(fromRate) {
    this.step = fromRate / RATE;
    this.cut = CUT_OFF * Math.min(1, RATE / fromRate) * 2; // as a share of the input's Nyquist rate
    this.half = Math.ceil(RESAMPLER_CROSSINGS / this.cut);
    this.kept = new Float32Array(this.half);
    this.at = this.half;
  }

  push(block) {
    const input = new Float32Array(this.kept.length + block.length);
    input.set(this.kept);
    input.set(block, this.kept.length);
    const output = [];
    for (; this.at + this.half < input.length; this.at += this.step) {
      let sum = 0;
      for (let i = Math.ceil(this.at - this.half); i <= this.at + this.half; i++) {
        const x = (i - this.at) * this.cut * Math.PI;
        const window = 0.5 + 0.5 * Math.cos((Math.PI * (i - this.at)) / this.half);
        sum += input[i] * window * this.cut * (Math.abs(x) < 1e-9 ? 1 : Math.sin(x) / x);
      }
      output.push(sum);
    }
    const drop = Math.max(0, Math.floor(this.at) - this.half);
    this.kept = input.slice(drop);
    this.at -= drop;
    return Float32Array.from(output);
  }
}
