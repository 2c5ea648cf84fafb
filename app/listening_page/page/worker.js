// The worker of the page. It answers questions in their order: { id, kind, ... } with { id, ... } or { id, error }.

let codec = null;
let queue = Promise.resolve();

const answers = {
  async open({ wasm, glue, models }) {
    ort.env.wasm.numThreads = 1; // more would need shared memory, which a file: page is not given
    ort.env.wasm.wasmBinary = wasm;
    ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(new Blob([glue], { type: "text/javascript" })) };
    codec = await Codec.open(models);
    return { version: ort.env.versions.web };
  },
  async reset() {
    codec.reset();
    return {};
  },
  async encode({ samples }) {
    return { packet: (await codec.encode(samples)).slice() };
  },
  async decode({ packet }) {
    const { features, samples } = await codec.decode(packet);
    return { features: features.slice(), samples: samples.slice() };
  },
};

onmessage = ({ data }) => {
  queue = queue.then(async () => {
    try {
      postMessage({ id: data.id, ...(await answers[data.kind](data)) });
    } catch (error) {
      postMessage({ id: data.id, error: String(error?.message ?? error) });
    }
  });
};
