// Gossamer's codec on its three graphs. A port to another platform needs no more than this file does.
//
// It runs in a worker where onnxruntime-web's `ort` is already loaded. Speech is float32 at 8 kHz, -1..1, 2560 samples
// (320 ms) a call; a packet is 32 bytes. Every graph has one flat state tensor, which goes into each call and comes out
// of it again, zeros at the start of a transmission: streaming needs nothing else.

const PACKET_SAMPLES = 2560, PACKET_BYTES = 32;
const GRAPHS = ["codec_encoder", "codec_decoder", "vocoder"];

class Graph {
  static async open(model) {
    const graph = new Graph();
    graph.session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
    graph.stateSize = graph.session.inputMetadata.find((entry) => entry.name === "state").shape[1];
    graph.reset();
    return graph;
  }

  reset() {
    this.state = new ort.Tensor("float32", new Float32Array(this.stateSize), [1, this.stateSize]);
  }

  // Run the graph for one packet. Takes its inputs by name, without the state; returns its outputs by name.
  async step(inputs) {
    const outputs = await this.session.run({ ...inputs, state: this.state });
    this.state = outputs.state_after;
    return outputs;
  }
}

class Codec {
  // Open the codec. models: { codec_encoder, codec_decoder, vocoder }, the bytes of each file as a Uint8Array.
  static async open(models) {
    const codec = new Codec();
    for (const name of GRAPHS) codec[name] = await Graph.open(models[name]);
    return codec;
  }

  reset() {
    for (const name of GRAPHS) this[name].reset();
  }

  // Return the packet, Uint8Array [32], of 320 ms of speech, Float32Array [2560].
  async encode(samples) {
    const tensor = new ort.Tensor("float32", samples, [1, PACKET_SAMPLES]);
    return (await this.codec_encoder.step({ samples: tensor })).packet.data;
  }

  // Decode a packet, Uint8Array [32], or conceal one that never came (null). Returns { features: [32 * 42] in 0..1,
  // samples: [2560] }, both Float32Array; the samples lag 240 behind.
  async decode(packet) {
    const { features } = await this.codec_decoder.step({
      packet: new ort.Tensor("uint8", packet ?? new Uint8Array(PACKET_BYTES), [1, PACKET_BYTES]),
      lost: new ort.Tensor("float32", Float32Array.of(packet ? 0 : 1), [1]),
    });
    const { samples } = await this.vocoder.step({ features });
    return { features: features.data, samples: samples.data };
  }
}
